"""The methods of adapters take what those of their ports take, under the same names.

``mypy`` accepts another name, of which pyright and calls with keywords make an error.
"""

import inspect
from typing import Final

import pytest

from crm_adapters import archive_directory, calendars, local_files, memory, passwords, postgres, s3, webhooks
from crm_adapters.tables.reader import ChildTableReader
from crm_adapters.tables.workbooks import ChildWorkbookWriter
from crm_core import ports
from crm_core.use_cases.units_of_work import UnitOfWork

ADAPTERS: Final[dict[type, tuple[type, ...]]] = {
    ports.Database: (memory.MemoryDatabase, postgres.PostgresDatabase, postgres.ConnectedDatabase, UnitOfWork),
    ports.Users: (memory.MemoryAccounts, postgres.PostgresAccounts),
    ports.Feed: (memory.MemoryFeed, postgres.PostgresFeed),
    ports.Outbox: (memory.MemoryOutbox, postgres.PostgresOutbox),
    ports.DeliveryLog: (memory.MemoryOutbox, postgres.PostgresOutbox),
    ports.ImportRuns: (memory.MemoryImportRuns, postgres.PostgresImportRuns),
    ports.Archives: (memory.MemoryArchives, postgres.PostgresArchives),
    ports.FileStore: (memory.MemoryFileStore, local_files.LocalFileStore, s3.S3FileStore),
    ports.ArchiveDirectory: (archive_directory.LocalArchive,),
    ports.CalendarWriter: (calendars.IcsCalendarWriter,),
    ports.WorkbookWriter: (ChildWorkbookWriter,),
    ports.TableReader: (ChildTableReader,),
    ports.Passwords: (passwords.Argon2Passwords,),
    ports.WebhookSender: (webhooks.HttpWebhookSender, memory.RecordingSender),
}


@pytest.mark.parametrize("port", ADAPTERS, ids=lambda port: port.__name__)
def test_adapters_name_parameters_as_their_port_does(port: type) -> None:
    methods = [name for name in dir(port) if not name.startswith("_") and inspect.isfunction(getattr(port, name))]
    asked = {name: taken(port, name) for name in methods}

    for adapter in ADAPTERS[port]:
        assert {name: taken(adapter, name)[: len(asked[name])] for name in methods} == asked
    assert methods


def taken(owner: type, method: str) -> list[tuple[str, str]]:
    """The names and kinds of a method's parameters."""
    return [(each.name, each.kind.name) for each in inspect.signature(getattr(owner, method)).parameters.values()]
