"""Everything in memory: for embedding without a database, for trying things out, for fast tests.

It behaves as a store of documents does: what is read back has been through its JSON. Nothing here awaits between
reading and committing, so within one event loop nothing can come in between; threads must not share a database.
"""

from crm_adapters.memory.accounts import MemoryAccounts
from crm_adapters.memory.database import MemoryDatabase
from crm_adapters.memory.files import MemoryFileStore
from crm_adapters.memory.outbox import MemoryOutbox
from crm_adapters.memory.sender import RecordingSender

__all__ = ["MemoryAccounts", "MemoryDatabase", "MemoryFileStore", "MemoryOutbox", "RecordingSender"]
