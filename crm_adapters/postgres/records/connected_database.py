"""ConnectedDatabase: the Database port on one connection of the caller, inside the caller's transaction."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar, cast
from uuid import UUID

import psycopg
from psycopg import AsyncConnection

from crm_adapters.postgres.actors import read_actor
from crm_adapters.postgres.connection.errors import StaleError, staleness, translated
from crm_adapters.postgres.connection.lent import LentConnection
from crm_adapters.postgres.connection.session import Connection, fetch
from crm_adapters.postgres.records.agendas import read_agenda
from crm_adapters.postgres.records.authors import rename_author
from crm_adapters.postgres.records.changes_under_locks import change_under_locks
from crm_adapters.postgres.records.decision_runs import read
from crm_adapters.postgres.records.erasures import read_mentions, read_once_referring
from crm_adapters.postgres.records.foreign_referrers import read_foreign_referrer
from crm_adapters.postgres.records.history import History, stream_deletions
from crm_adapters.postgres.records.likeness import read_alike
from crm_adapters.postgres.records.locking_reader import LockingReader
from crm_adapters.postgres.records.pages import read_page, stream_pages
from crm_adapters.postgres.records.receipts import read_receipts
from crm_adapters.postgres.records.retention import fold
from crm_adapters.postgres.records.rewrites import count_holders, first_holders, held_values
from crm_adapters.postgres.records.searches import read_named
from crm_adapters.postgres.records.stays import read_figures
from crm_adapters.postgres.sql.statements import query as statement_of
from crm_core.engine.agendas import AgendaQuery
from crm_core.engine.decision_runs import Decide
from crm_core.engine.queries import Page, Query
from crm_core.engine.receipts import Document, Receipt
from crm_core.engine.retention import Folded
from crm_core.errors import UnavailableError
from crm_core.model.accounts import Actor
from crm_core.model.agenda import AgendaPage
from crm_core.model.events import Event, EventPlace
from crm_core.model.evolutions import HeldValue, Holding
from crm_core.model.records import Key
from crm_core.model.summaries import StageFigures, StageQuery
from crm_core.resources import Resource
from crm_core.rules.likeness import LookalikePage
from crm_core.rules.needs import Known, Needs

T = TypeVar("T")


class ConnectedDatabase:
    """The Database port on one connection: locks immediately, repeats nothing, and leaves the commit to the caller."""

    def __init__(self, connection: AsyncConnection[Any] | psycopg.Connection[Any]) -> None:
        self._lent = LentConnection(connection)
        self._connection = cast("Connection", self._lent)  # all statements are run by `fetch`

    async def get(self, key: Key, *, reader: int | None = None) -> Document | None:  # noqa: ARG002  # the connection is the caller's choice
        """Return the record as clients see it, or None."""
        with translated():
            rows = await fetch(self._connection, statement_of("read_records", key.resource), {"ids": [key.id]})
        return Document(rows[0][1], rows[0][2]) if rows else None

    async def actor_of(self, user: int | str) -> Actor | None:
        """Return a user by id or name, with all that they may do (``crm_core.ports.Actors``)."""
        with translated():
            return await read_actor(lambda statement, params: fetch(self._connection, statement, params), user)

    async def known(self, needs: Needs) -> Known:
        """Read what is needed, locked until the caller's transaction ends."""
        with translated():
            return await read(LockingReader(self._connection), needs)

    async def page(self, query: Query, *, reader: int | None = None) -> Page:  # noqa: ARG002  # the connection is the caller's choice
        """Return one page of a list."""
        return await read_page(self._reading, query, query.limit)

    async def stream(
        self,
        query: Query,
        *,
        reader: int | None = None,  # noqa: ARG002  # the connection is the caller's choice
        separator: str = ",",
    ) -> AsyncIterator[bytes]:
        """Yield a whole list in pieces."""
        async for piece in stream_pages(self._reading, query, separator):
            yield piece

    async def agenda(self, query: AgendaQuery, *, reader: int | None = None) -> AgendaPage:  # noqa: ARG002  # the connection is the caller's choice
        """Return one page of the agenda."""
        return await self._reading(lambda connection: read_agenda(connection, query))

    async def changed_fields(self, key: Key, since: int) -> Sequence[str]:
        """Return the names of the fields that changed after a version of a record."""
        return await self._reading(lambda connection: History(connection).changed_fields(key, since))

    async def history(self, key: Key, *, before: int | None = None, limit: int | None = None) -> Sequence[Event]:
        """Return events of a record, the newest first."""
        return await self._reading(lambda connection: History(connection).history(key, before, limit))

    async def lineage(self, key: Key, version: int) -> Sequence[Event]:
        """Return the events from which a version of a record can be built."""
        return await self._reading(lambda connection: History(connection).lineage(key, version))

    async def followers(self, key: Key, version: int) -> Sequence[Event]:
        """Return the events that followed from a change of a record."""
        return await self._reading(lambda connection: History(connection).followers(key, version))

    async def events_of_run(self, run: UUID, *, before: EventPlace | None, limit: int) -> Sequence[Event]:
        """Return events of a run of an import."""
        return await self._reading(lambda connection: History(connection).of_run(run, before, limit))

    async def named(self, resource: Resource, field: str, texts: Sequence[str]) -> Mapping[str, Sequence[UUID]]:
        """Return the ids of the records whose field is exactly one of some texts."""
        return await self._reading(lambda connection: read_named(connection, resource, field, texts))

    async def deletions_since(self, since: datetime) -> AsyncIterator[bytes]:
        """Yield what the deletions since a time recorded."""
        async for piece in stream_deletions(self._reading, since):
            yield piece

    async def once_referring(self, key: Key, resource: str, field: str) -> Sequence[UUID]:
        """Return the ids of records of a resource that ever referred to a record."""
        return await self._reading(lambda connection: read_once_referring(connection, key, resource, field))

    async def foreign_referrer(self, keys: Collection[Key]) -> str | None:
        """Return the name of a table of no resource that refers to one of some records."""
        return await self._reading(lambda connection: read_foreign_referrer(connection, keys))

    async def mentions(self, texts: Sequence[str], limit: int) -> Sequence[Key]:
        """Return the keys of some records in which a text occurs."""
        return await self._reading(lambda connection: read_mentions(connection, texts, limit))

    async def count_holders(self, entity: str, name: str) -> int:
        """Return how many records hold a value under a name."""
        return await self._reading(lambda connection: count_holders(connection, entity, name))

    async def held_values(self, entity: str, name: str) -> AsyncIterator[Sequence[HeldValue]]:
        """Yield the different values that records hold under a name."""
        with translated():
            async for values in held_values(self._connection, entity, name):
                yield values

    async def holders(self, entity: str, name: str, which: Holding, limit: int) -> Sequence[UUID]:
        """Return the ids of the first records that hold a value under a name."""
        return await self._reading(lambda connection: first_holders(connection, entity, name, which, limit))

    async def alike(self, resource: str, *, after: str, limit: int) -> LookalikePage:
        """Return the records of a resource that have keys in common."""
        return await self._reading(lambda connection: read_alike(connection, resource, after, limit))

    async def rename_author(self, user: int, name: str) -> int:
        """Put a name in place of a user's in everything that is kept."""
        return await rename_author(self._reading, user, name)

    async def fold(self, before: datetime, after: UUID) -> Folded:
        """Fold the older events of some records."""
        return await self._reading(lambda connection: fold(connection, before, after))

    async def stage_figures(self, query: StageQuery, *, reader: int | None = None) -> StageFigures:  # noqa: ARG002  # the connection is the caller's choice
        """Return where the leads of a pipeline are, and what their stays were."""
        return await self._reading(lambda connection: read_figures(connection, query))

    async def change(self, decide: Decide) -> Document | None:
        """Decide under locks, inside a savepoint. Raises UnavailableError where PostgresDatabase would repeat."""
        with translated():
            try:
                with staleness():
                    async with self._lent.transaction():
                        _, answer = await change_under_locks(self._connection, decide)
                        return answer
            except StaleError:
                raise UnavailableError from None

    async def receipt(self, user: int, key: str) -> Receipt | None:
        """Return the receipt of a request with this idempotency key."""
        found = await self._reading(lambda connection: read_receipts(connection, [(user, key)]))
        return found.get((user, key))

    async def _reading(self, read_: Callable[[Connection], Awaitable[T]]) -> T:
        with translated():
            return await read_(self._connection)
