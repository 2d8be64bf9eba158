"""Ports: the interfaces that adapters implement. Adapters need not import them; mypy checks that they conform.

``docs/how-to/write-an-adapter.md`` goes through writing a Database; ``crm_core.testing`` has the facts that each
adapter must show.
"""

from crm_core.ports.accounts import Accounts, Actors, Passwords, Users
from crm_core.ports.archives import ArchiveDirectory, Archives, Filling, Snapshot
from crm_core.ports.deliveries import DeliveryLog, Outbox, WebhookSender
from crm_core.ports.feed import Feed
from crm_core.ports.files import CalendarWriter, FileStore, ReadHeader, WorkbookWriter
from crm_core.ports.imports import ImportRuns, OpenTable, TableReader
from crm_core.ports.records import AfterCommit, Database

__all__ = [
    "Accounts",
    "Actors",
    "AfterCommit",
    "ArchiveDirectory",
    "Archives",
    "CalendarWriter",
    "Database",
    "DeliveryLog",
    "Feed",
    "FileStore",
    "Filling",
    "ImportRuns",
    "OpenTable",
    "Outbox",
    "Passwords",
    "ReadHeader",
    "Snapshot",
    "TableReader",
    "Users",
    "WebhookSender",
    "WorkbookWriter",
]
