"""PostgresDatabase: the Database port on a pool of connections."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeVar, cast
from uuid import UUID

import psycopg
from psycopg import AsyncConnection

from crm_adapters.after_commit import call_after_commit, no_hook
from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.connection.session import Connection, Reading, transaction
from crm_adapters.postgres.connection.timeouts import WIDE_ANSWER_TIMEOUT
from crm_adapters.postgres.records.agendas import read_agenda
from crm_adapters.postgres.records.attribute_indexes import AttributeIndexes
from crm_adapters.postgres.records.authors import rename_author
from crm_adapters.postgres.records.connected_database import ConnectedDatabase
from crm_adapters.postgres.records.decision_runs import must_be_held, read
from crm_adapters.postgres.records.erasures import read_mentions, read_once_referring
from crm_adapters.postgres.records.foreign_referrers import read_foreign_referrer
from crm_adapters.postgres.records.history import History, stream_deletions
from crm_adapters.postgres.records.holds import allow_time
from crm_adapters.postgres.records.likeness import read_alike
from crm_adapters.postgres.records.locking_reader import LockingReader
from crm_adapters.postgres.records.optimistic_changes import OptimisticChanges
from crm_adapters.postgres.records.pages import SharedPages, stream_pages
from crm_adapters.postgres.records.replica import Replica
from crm_adapters.postgres.records.retention import fold
from crm_adapters.postgres.records.rewrites import count_holders, first_holders, held_values
from crm_adapters.postgres.records.searches import read_named
from crm_adapters.postgres.records.shared_reader import SharedReader
from crm_adapters.postgres.records.stays import read_figures
from crm_core.engine.agendas import AgendaQuery
from crm_core.engine.changes import Changes
from crm_core.engine.decision_runs import Decide
from crm_core.engine.queries import Page, Query
from crm_core.engine.receipts import Document, Receipt
from crm_core.engine.retention import Folded
from crm_core.model.agenda import AgendaPage
from crm_core.model.events import Event, EventPlace
from crm_core.model.evolutions import HeldValue, Holding
from crm_core.model.records import Key
from crm_core.model.registered import use_resources
from crm_core.model.summaries import StageFigures, StageQuery
from crm_core.ports import AfterCommit
from crm_core.resources import Resource
from crm_core.rules.likeness import LookalikePage
from crm_core.rules.needs import Known, Needs

T = TypeVar("T")


class PostgresDatabase:
    """Records in PostgreSQL 15 or later.

    Concurrent requests share their point reads. A change is decided on the data that was read, and committed by one
    statement that checks that the data is still current. If that fails repeatedly, or if children matter, the change
    is decided under locks.

    Args:
        pool: the connections; its owner opens and closes it.
        wake: is called after each commit that left deliveries.
        replica: serves reads that name a reader.
        wake_feed: is called after each commit: ``PostgresFeed.wake``.
        after_commit: is called with the events of each commit.
    """

    def __init__(
        self,
        pool: Pool,
        wake: Callable[[], None] = lambda: None,
        *,
        replica: Replica | None = None,
        wake_feed: Callable[[], None] = lambda: None,
        after_commit: AfterCommit = no_hook,
    ) -> None:
        use_resources("a PostgresDatabase")
        self._pool = pool
        self._wake = wake
        self._replica = replica
        self._wake_feed = wake_feed
        self._after_commit = after_commit
        self._reader = SharedReader(pool)
        self._pages = SharedPages(self._reading)
        self._indexes = AttributeIndexes(pool, self)
        self._changes = OptimisticChanges(
            pool, self._reader, self._after, self.follow_definitions, collects_rewritten=after_commit is not no_hook
        )

    @staticmethod
    def on(connection: AsyncConnection[Any] | psycopg.Connection[Any]) -> "ConnectedDatabase":
        """Return a database on a connection of the caller, inside the caller's own READ COMMITTED transaction.

        Calls raise ValueError if there is no transaction, or another one. On a blocking connection they block, as
        ``crm_core.embedding.SyncCrm`` needs them.
        """
        return ConnectedDatabase(connection)

    async def get(self, key: Key, *, reader: int | None = None) -> Document | None:
        """Return the record as clients see it, or None."""
        if self._replica is None or reader is None:
            row = await self._reader.row(key)
        else:
            row = await self._replica.row(key, reader)
        return Document(row[1], row[2]) if row else None

    async def known(self, needs: Needs) -> Known:
        """Read what is needed; children are read as they are, without locks that outlive the reading."""
        if must_be_held(needs):
            async with self._pool.connect() as connection, transaction(connection):
                return await read(LockingReader(connection), needs)
        return await read(self._reader, needs)

    async def page(self, query: Query, *, reader: int | None = None) -> Page:
        """Return one page of a list."""
        return await self._pages.page(query, None if self._replica is None else reader)

    async def stream(self, query: Query, *, reader: int | None = None, separator: str = ",") -> AsyncIterator[bytes]:
        """Yield a whole list, read page by page so that no statement or transaction is long."""
        reading = self._reading(reader)

        async def undisturbed(read_: Callable[[Connection], Awaitable[T]]) -> T:
            # A client may disconnect. Then the query still runs to its end: cancelling it would lose its connection.
            return await asyncio.shield(asyncio.ensure_future(reading(read_)))

        async for piece in stream_pages(undisturbed, query, separator):
            yield piece

    async def agenda(self, query: AgendaQuery, *, reader: int | None = None) -> AgendaPage:
        """Return one page of the agenda."""
        page: AgendaPage = await self._reading(reader)(lambda connection: read_agenda(connection, query))
        return page

    def _reading(self, reader: int | None) -> Reading:
        if self._replica is None or reader is None:
            return self._pool.reading
        return partial(self._replica.reading, {reader})

    async def changed_fields(self, key: Key, since: int) -> Sequence[str]:
        """Return the names of the fields that changed after a version of a record."""
        return await self._pool.reading(lambda connection: History(connection).changed_fields(key, since))

    async def history(self, key: Key, *, before: int | None = None, limit: int | None = None) -> Sequence[Event]:
        """Return events of a record, the newest first."""
        return await self._pool.reading(lambda connection: History(connection).history(key, before, limit))

    async def lineage(self, key: Key, version: int) -> Sequence[Event]:
        """Return the events from which a version of a record can be built."""
        return await self._pool.reading(lambda connection: History(connection).lineage(key, version))

    async def followers(self, key: Key, version: int) -> Sequence[Event]:
        """Return the events that followed from a change of a record."""
        return await self._pool.reading(lambda connection: History(connection).followers(key, version))

    async def events_of_run(self, run: UUID, *, before: EventPlace | None, limit: int) -> Sequence[Event]:
        """Return events of a run of an import."""
        return await self._pool.reading(lambda connection: History(connection).of_run(run, before, limit))

    async def named(self, resource: Resource, field: str, texts: Sequence[str]) -> Mapping[str, Sequence[UUID]]:
        """Return the ids of the records whose field is exactly one of some texts."""
        return await self._pool.reading(lambda connection: read_named(connection, resource, field, texts))

    async def deletions_since(self, since: datetime) -> AsyncIterator[bytes]:
        """Yield what the deletions since a time recorded."""
        async for piece in stream_deletions(self._pool.reading, since):
            yield piece

    async def once_referring(self, key: Key, resource: str, field: str) -> Sequence[UUID]:
        """Return the ids of records of a resource that ever referred to a record."""
        return await self._pool.reading(lambda connection: read_once_referring(connection, key, resource, field))

    async def foreign_referrer(self, keys: Collection[Key]) -> str | None:
        """Return the name of a table of no resource that refers to one of some records."""
        return await self._pool.reading(lambda connection: read_foreign_referrer(connection, keys))

    async def mentions(self, texts: Sequence[str], limit: int) -> Sequence[Key]:
        """Return the keys of some records in which a text occurs."""
        return await self._pool.reading(lambda connection: read_mentions(connection, texts, limit))

    async def count_holders(self, entity: str, name: str) -> int:
        """Return how many records hold a value under a name."""
        return await self._pool.reading(lambda connection: count_holders(connection, entity, name))

    async def held_values(self, entity: str, name: str) -> AsyncIterator[Sequence[HeldValue]]:
        """Yield the different values that records hold under a name."""
        async with self._pool.connect(WIDE_ANSWER_TIMEOUT) as connection, transaction(connection):
            await allow_time(connection)
            async for values in held_values(connection, entity, name):
                yield values

    async def holders(self, entity: str, name: str, which: Holding, limit: int) -> Sequence[UUID]:
        """Return the ids of the first records that hold a value under a name."""
        return await self._pool.reading(lambda connection: first_holders(connection, entity, name, which, limit))

    async def alike(self, resource: str, *, after: str, limit: int) -> LookalikePage:
        """Return the records of a resource that have keys in common."""
        return await self._pool.reading(lambda connection: read_alike(connection, resource, after, limit))

    async def rename_author(self, user: int, name: str) -> int:
        """Put a name in place of a user's in everything that is kept."""
        return await rename_author(self._pool.reading, user, name)

    async def fold(self, before: datetime, after: UUID) -> Folded:
        """Fold the older events of some records."""
        async with self._pool.connect(WIDE_ANSWER_TIMEOUT) as connection, transaction(connection):
            return await fold(connection, before, after)

    async def stage_figures(self, query: StageQuery, *, reader: int | None = None) -> StageFigures:
        """Return where the leads of a pipeline are, and what their stays were."""
        return cast("StageFigures", await self._reading(reader)(lambda connection: read_figures(connection, query)))

    async def change(self, decide: Decide) -> Document | None:
        """Read, decide and commit; repeat if the data has changed in between, the last time under locks."""
        return await self._changes.make(decide)

    async def receipt(self, user: int, key: str) -> Receipt | None:
        """Return the receipt of a request with this idempotency key."""
        return await self._reader.receipt(user, key)

    def _after(self, changes: Changes, rewritten: Sequence[Event]) -> None:
        self._reader.last_written.forget(write.key for write in changes.writes)
        if changes.deliveries:
            self._wake()
        self._indexes.follow_changes(changes)
        if changes.writes:
            self._wake_feed()
        call_after_commit(self._after_commit, [*(write.event for write in changes.writes), *rewritten])

    def follow_definitions(self) -> None:
        """Build and drop the indexes of attributes in the background."""
        self._indexes.follow()

    async def close(self) -> None:
        """Stop the background tasks. The owner of the pool closes the pool."""
        await self._indexes.close()
