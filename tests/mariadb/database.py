"""MariadbDatabase: the Database port on a MariaDB server, for any number of processes.

It was written from docs/how-to/write-an-adapter.md. Changes have the turn one after the other, on the whole server: a
change locks one row before it reads, so what it read still holds when it commits. Lists are filtered and sorted in
Python: right at any size, quick at a few thousand records.
"""

import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeVar
from uuid import UUID

from crm_adapters import json_documents
from crm_core import (
    TASK_RESOURCES,
    AgendaPage,
    AgendaQuery,
    Decide,
    Document,
    Event,
    Key,
    Known,
    LookalikePage,
    Needs,
    Page,
    Query,
    Receipt,
    agenda_page,
    page_alike,
)
from crm_core.archives.lines import event_of
from crm_core.engine.retention import Folded
from crm_core.engine.rewrites import held_values_among, holders_among
from crm_core.imports.runs import run_request_id
from crm_core.model.events import EventPlace
from crm_core.model.evolutions import HeldValue, Holding
from crm_core.model.permissions import GROUPS
from crm_core.model.summaries import StageFigures, StageQuery
from crm_core.resources import Resource
from crm_core.use_cases.uniqueness import finishing
from tests.mariadb.commits import commit, receipt_of, rename_author, take_turn
from tests.mariadb.connection import Pool, Session
from tests.mariadb.events import Events
from tests.mariadb.feed import MariadbFeed
from tests.mariadb.outbox import MariadbOutbox
from tests.mariadb.records import Records
from tests.mariadb.schema import CREATE
from tests.mariadb.stays import Stays

_T = TypeVar("_T")
_RECORDS_PER_PIECE: Final = 500


async def migrate(pool: Pool) -> None:
    """Create the tables that are not there, the rows that they begin with, and the groups of the core."""

    async def create(session: Session) -> None:
        for statement in CREATE:
            await session.run(statement)

    await pool.run("write", create)  # each of them commits by itself
    await pool.run("write", begin)


async def begin(session: Session) -> None:
    """Insert the rows that empty tables begin with."""
    await session.run("insert ignore into turn values ('records'), ('claims')")
    await take_turn(session, "records")
    if not await session.rows("select 1 from feed"):
        await session.run("insert into feed values (0, 0, %s)", secrets.token_bytes(4))
        for group, permissions in GROUPS.items():
            await session.run("insert into app_group values (%s)", group)
            for each in permissions:
                await session.run("insert into permission values (%s, %s)", group, each)


class MariadbDatabase:
    """Records in MariaDB (``crm_core.ports.Database``).

    Args:
        pool: the connections.

    Attributes:
        feed: the change feed.
        outbox: the deliveries to webhooks.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.feed = MariadbFeed(pool)
        self.outbox = MariadbOutbox(pool)

    # Records and lists

    async def get(self, key: Key, *, reader: int | None = None) -> Document | None:  # noqa: ARG002  # all are shown what is
        """The record as clients see it, or None."""
        return await self._read(lambda session: Records(session).document(key))

    async def known(self, needs: Needs) -> Known:
        """Read what is needed, all at one moment."""
        return await self._read(lambda session: Records(session).known(needs))

    async def page(self, query: Query, *, reader: int | None = None) -> Page:  # noqa: ARG002  # all are shown what is
        """One page of a list."""
        assert query.limit is not None
        limit = query.limit

        async def read(session: Session) -> Page:
            cursors = await Records(session).cursors(query)
            here, more = cursors[:limit], cursors[limit:]
            return Page(await Records(session).bodies(query, here), here[-1] if more else None)

        return await self._read(read)

    async def stream(
        self,
        query: Query,
        *,
        reader: int | None = None,  # noqa: ARG002  # all are shown what is
        separator: str = ",",
    ) -> AsyncIterator[bytes]:
        """A whole list, in pieces of some hundred records."""
        cursors = await self._read(lambda session: Records(session).cursors(query))
        begin = b""
        for start in range(0, len(cursors), _RECORDS_PER_PIECE):
            piece = cursors[start : start + _RECORDS_PER_PIECE]
            if body := await self._read(partial(_bodies, query=query, cursors=piece, separator=separator)):
                yield begin + body
                begin = separator.encode()

    async def agenda(self, query: AgendaQuery, *, reader: int | None = None) -> AgendaPage:  # noqa: ARG002  # all are shown what is
        """One page of the agenda, from a scan of all records."""

        async def scan(session: Session) -> AgendaPage:
            records = [value for resource in TASK_RESOURCES for value in await Records(session).values(resource)]
            return agenda_page(query, records, json_documents.encode)

        return await self._read(scan)

    async def named(self, resource: Resource, field: str, texts: Sequence[str]) -> Mapping[str, Sequence[UUID]]:
        """The ids of the records whose field is exactly one of some texts."""
        where = "resource = %s and json_value(document, %s) = %s order by id limit 2"

        async def read(session: Session) -> Mapping[str, Sequence[UUID]]:
            rows = {
                text: await session.rows(f"select id from record where {where}", resource.name, f"$.{field}", text)
                for text in texts
            }
            return {text: [UUID(id_) for (id_,) in found] for text, found in rows.items()}

        return await self._read(read)

    async def mentions(self, texts: Sequence[str], limit: int) -> Sequence[Key]:
        """The keys of some records in which a text occurs."""
        found: list[Key] = []
        for text in texts:
            statement = "select resource, id from record where instr(document, %s) order by resource, id limit %s"
            rows = await self._rows(statement, json_documents.encode(text)[1:-1].decode(), limit)
            found += [Key(resource, UUID(id_)) for resource, id_ in rows]
        return list(dict.fromkeys(found))[:limit]

    async def count_holders(self, entity: str, name: str) -> int:
        """How many records hold a value under a name."""
        return sum(name in value.attributes for value in await self._values(entity))

    async def held_values(self, entity: str, name: str) -> AsyncIterator[Sequence[HeldValue]]:
        """The different values that records hold under a name."""
        yield held_values_among(name, await self._values(entity))

    async def holders(self, entity: str, name: str, which: Holding, limit: int) -> Sequence[UUID]:
        """The ids of the first records that hold a value under a name."""
        return holders_among(name, which, await self._values(entity))[:limit]

    async def alike(self, resource: str, *, after: str, limit: int) -> LookalikePage:
        """Return the records of a resource that have keys in common."""
        return page_alike(await self._values(resource), after, limit)

    async def stage_figures(self, query: StageQuery, *, reader: int | None = None) -> StageFigures:  # noqa: ARG002  # all are shown what is
        """Where the leads of a pipeline are, and what their stays were."""
        return await self._read(lambda session: Stays(session).figures(query))

    # Events

    async def changed_fields(self, key: Key, since: int) -> Sequence[str]:
        """The fields that the changes of a record after a version touched."""
        rows = await self._rows("select event from event where record = %s and version > %s", key.id, since)
        return sorted({name.partition(".")[0] for (text,) in rows for name in json.loads(text)["changes"]})

    async def history(self, key: Key, *, before: int | None = None, limit: int | None = None) -> Sequence[Event]:
        """Events of a record, the newest first."""
        return (await self._read(lambda session: Events(session).of(key, before)))[::-1][:limit]

    async def lineage(self, key: Key, version: int) -> Sequence[Event]:
        """The events from which a version of a record can be built."""
        return await self._read(lambda session: Events(session).lineage(key, version))

    async def deletions_since(self, since: datetime) -> AsyncIterator[bytes]:
        """What the deletions since a time recorded."""
        for event in await self._events("json_value(event, '$.kind') = 'deleted' and at >= %s", since):
            yield json_documents.encode(event.changes)

    async def followers(self, key: Key, version: int) -> Sequence[Event]:
        """The events that followed from a change of a record."""
        where = "json_value(event, '$.cause.record') = %s and json_value(event, '$.cause.version') = %s"
        return await self._events(where, key.id, str(version))

    async def events_of_run(self, run: UUID, *, before: EventPlace | None, limit: int) -> Sequence[Event]:
        """Events of a run of an import, by record and version in descending order."""
        record, version = before or (None, None)
        where = "request_id = %s and (%s is null or (record, version) < (%s, %s))"
        statement = f"select event from event where {where} order by record desc, version desc limit %s"
        rows = await self._rows(statement, run_request_id(run), record, record, version, limit)
        return [event_of(text.encode()) for (text,) in rows]

    async def once_referring(self, key: Key, resource: str, field: str) -> Sequence[UUID]:
        """The ids of records of a resource that ever referred to a record."""
        ends = f"%s in (json_value(event, '$.changes.{field}.from'), json_value(event, '$.changes.{field}.to'))"
        statement = f"select distinct record from event where resource = %s and {ends}"
        return [UUID(id_) for (id_,) in await self._rows(statement, resource, key.id)]

    async def foreign_referrer(self, keys: Collection[Key]) -> str | None:  # noqa: ARG002  # no table refers to another
        """None: no table refers to another one."""
        return None

    async def fold(self, before: datetime, after: UUID) -> Folded:
        """Fold the older events of all records after one."""

        async def fold(session: Session) -> Folded:
            await take_turn(session, "records")
            return Folded(await Events(session).fold(before, after), None)

        return await self._pool.run("write", fold)

    # Changes

    async def change(self, decide: Decide) -> Document | None:
        """Read, decide and commit while nobody else changes a record."""
        document, changes = await self._pool.run("write", partial(commit, decide=decide))
        self.outbox.wake()
        self.feed.wake()
        for decide_more in finishing(changes):  # no index has to be built
            await self._pool.run("write", partial(commit, decide=decide_more))
        return document

    async def receipt(self, user: int, key: str) -> Receipt | None:
        """The receipt of a request with this idempotency key."""
        return await self._read(lambda session: receipt_of(session, user, key))

    async def rename_author(self, user: int, name: str) -> int:
        """Put a name in place of a user's in everything that is kept."""
        return await self._pool.run("write", lambda session: rename_author(session, user, name))

    async def _read(self, work: Callable[[Session], Awaitable[_T]]) -> _T:
        return await self._pool.run("read", work)

    async def _rows(self, statement: str, *params: object) -> list[tuple[Any, ...]]:
        return await self._read(lambda session: session.rows(statement, *params))

    async def _values(self, resource: str) -> Sequence[Any]:
        return await self._read(lambda session: Records(session).values(resource))

    async def _events(self, where: str, *params: object) -> Sequence[Event]:
        return await self._read(lambda session: Events(session).where(where, *params))


async def _bodies(session: Session, query: Query, cursors: Sequence[Any], separator: str) -> bytes:
    return await Records(session).bodies(query, cursors, separator)
