"""All ports in memory: for embedding without a database, for experiments, and for fast tests.

Records are stored as JSON documents, as in a database. Nothing is awaited between reading and committing, so changes
are isolated within one event loop; threads must not share a database.
"""

from crm_core.extras import needs

with needs("memory"):
    from crm_adapters.memory.accounts import MemoryAccounts
    from crm_adapters.memory.archives import MemoryArchives
    from crm_adapters.memory.database import MemoryDatabase
    from crm_adapters.memory.feed import MemoryFeed
    from crm_adapters.memory.files import MemoryFileStore
    from crm_adapters.memory.imports import MemoryImportRuns
    from crm_adapters.memory.outbox import MemoryOutbox
    from crm_adapters.memory.sender import RecordingSender

__all__ = [
    "MemoryAccounts",
    "MemoryArchives",
    "MemoryDatabase",
    "MemoryFeed",
    "MemoryFileStore",
    "MemoryImportRuns",
    "MemoryOutbox",
    "RecordingSender",
]
