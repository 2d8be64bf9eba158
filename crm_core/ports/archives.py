"""Everything that a database holds, to move it to another one."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from crm_core.archives.lines import ArchivedRecord, Group
from crm_core.model.accounts import Account
from crm_core.model.events import Event
from crm_core.rules.stays import Stay


class Snapshot(Protocol):
    """Everything that a database keeps, as it was at one moment, some rows at a time."""

    async def groups(self) -> Sequence[Group]:
        """Return the groups, by name."""
        ...

    async def users(self) -> Sequence[Account]:
        """Return the users, by id."""
        ...

    def records(self, resource: str) -> AsyncIterator[Sequence[ArchivedRecord]]:
        """Yield the records of a resource, by id."""
        ...

    def stays(self) -> AsyncIterator[Sequence[Stay]]:
        """Yield the stays of leads in stages, by lead, and those of a lead as they followed each other."""
        ...

    def events(self) -> AsyncIterator[Sequence[bytes]]:
        """Yield all events as JSON (``crm_core.archives.lines.event_of``), in an order in which they can come again."""
        ...


class Filling(Protocol):
    """An empty database that is being filled, in one commit. Rows are added in the order of an archive's parts."""

    async def add_groups(self, groups: Sequence[Group]) -> None:
        """Add groups, in place of those that an empty database has."""

    async def add_users(self, accounts: Sequence[Account]) -> None:
        """Add users with their ids. They have no passwords."""

    async def add_records(self, resource: str, records: Sequence[ArchivedRecord]) -> None:
        """Add records of a resource, without events. A webhook without a secret gets a new one."""

    async def add_events(self, events: Sequence[Event]) -> None:
        """Add events."""

    async def add_stays(self, stays: Sequence[Stay]) -> None:
        """Add stays, in place of those that the store has made up from records and events."""


class Archives(Protocol):
    """Reads all that a database keeps, and fills another one with it. May raise UnavailableError."""

    def snapshot(self) -> AbstractAsyncContextManager[Snapshot]:
        """Read everything as it is at this moment. Others can write at the same time."""
        ...

    def filling(self) -> AbstractAsyncContextManager[Filling]:
        """Fill the database: everything is committed when the block ends, and nothing after an error.

        Raises ArchiveError for a database that has users, records or events, and for what it cannot keep.
        """
        ...


class ArchiveDirectory(Protocol):
    """The files of an archive, by their names, which may have folders in them. Methods raise ArchiveError."""

    async def write(self, name: str, content: AsyncIterator[bytes]) -> None:
        """Write a new file."""

    def read(self, name: str) -> AsyncIterator[bytes]:
        """Yield the bytes of a file."""
        ...
