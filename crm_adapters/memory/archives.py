"""All that a MemoryDatabase keeps, and the filling of an empty one."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

import attrs
import msgspec

from crm_adapters import json_documents
from crm_adapters.memory.database import MemoryDatabase
from crm_core.archives.lines import ArchivedRecord, Group
from crm_core.errors import ArchiveError
from crm_core.input.dates import iso
from crm_core.model.accounts import Account
from crm_core.model.events import Event
from crm_core.resources import RESOURCES, WEBHOOKS
from crm_core.rules.stays import Stay


class MemoryArchives:
    """All that a MemoryDatabase keeps (``crm_core.ports.Archives``).

    Args:
        database: the database.
    """

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator["MemorySnapshot"]:
        """Read everything as it is at this moment."""
        database = self._database
        groups = await database.accounts.list_groups()
        yield MemorySnapshot(
            [Group(name, permissions) for name, permissions in sorted(groups.items())],
            await database.accounts.list_users(),
            {name: self._records(name) for name in RESOURCES},
            [json_documents.feed_body(event) for event in database.events],
            database.stays(),
        )

    @asynccontextmanager
    async def filling(self) -> AsyncIterator["MemoryFilling"]:
        """Fill the database, if it is empty."""
        database = self._database
        if await database.accounts.list_users() or database.events or any(map(database.archived, RESOURCES)):
            raise ArchiveError("The database is not empty: take a new one.")
        filling = MemoryFilling()
        yield filling
        database.accounts.fill(filling.accounts, {group.name: group.permissions for group in filling.groups})
        try:
            database.fill(filling.records, filling.events, filling.stays)
        except msgspec.DecodeError as error:
            raise ArchiveError(f"The database cannot keep a record: {error}.") from error
        for record in filling.records:
            if "secret" in record.beside and isinstance(record.key.id, UUID):
                old = [(secret, datetime.fromisoformat(until)) for secret, until in record.beside["old_secrets"]]
                database.outbox.set_secrets(record.key.id, [(record.beside["secret"], None), *old])

    def _records(self, resource: str) -> Sequence[ArchivedRecord]:
        records = self._database.archived(resource)
        if resource != WEBHOOKS.name:
            return records
        return [attrs.evolve(each, beside=self._secrets(each.key.id)) for each in records]

    def _secrets(self, webhook: UUID | int) -> dict[str, object]:
        assert isinstance(webhook, UUID)  # noqa: S101  # for the types alone
        (secret, _), *old = self._database.outbox.secrets_of(webhook)
        return {"secret": secret, "old_secrets": [[each, iso(until)] for each, until in old if until]}


class MemorySnapshot:
    """What was there at one moment (``crm_core.ports.Snapshot``)."""

    def __init__(
        self,
        groups: Sequence[Group],
        accounts: Sequence[Account],
        records: dict[str, Sequence[ArchivedRecord]],
        events: Sequence[bytes],
        stays: Sequence[Stay],
    ) -> None:
        self._groups = groups
        self._accounts = accounts
        self._records = records
        self._events = events
        self._stays = stays

    async def groups(self) -> Sequence[Group]:
        """Return the groups."""
        return self._groups

    async def users(self) -> Sequence[Account]:
        """Return the users."""
        return self._accounts

    async def records(self, resource: str) -> AsyncIterator[Sequence[ArchivedRecord]]:
        """Yield the records of a resource."""
        yield self._records[resource]

    async def events(self) -> AsyncIterator[Sequence[bytes]]:
        """Yield all events."""
        yield self._events

    async def stays(self) -> AsyncIterator[Sequence[Stay]]:
        """Yield all stays."""
        yield self._stays


@attrs.define
class MemoryFilling:
    """What a database is filled with at the end (``crm_core.ports.Filling``)."""

    groups: list[Group] = attrs.field(factory=list)
    accounts: list[Account] = attrs.field(factory=list)
    records: list[ArchivedRecord] = attrs.field(factory=list)
    events: list[Event] = attrs.field(factory=list)
    stays: list[Stay] = attrs.field(factory=list)

    async def add_groups(self, groups: Sequence[Group]) -> None:
        """Add groups."""
        self.groups += groups

    async def add_users(self, accounts: Sequence[Account]) -> None:
        """Add users."""
        self.accounts += accounts

    async def add_records(self, resource: str, records: Sequence[ArchivedRecord]) -> None:  # noqa: ARG002  # keys name it
        """Add records."""
        self.records += records

    async def add_events(self, events: Sequence[Event]) -> None:
        """Add events."""
        self.events += events

    async def add_stays(self, stays: Sequence[Stay]) -> None:
        """Add stays."""
        self.stays += stays
