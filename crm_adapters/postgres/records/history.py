"""Reads the events of records."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from crm_adapters.postgres.connection.session import Connection, Reading, Row, fetch
from crm_adapters.postgres.sql.statements import query
from crm_core.imports.runs import run_request_id
from crm_core.model.events import Event, EventPlace
from crm_core.model.plain_values import parse_json
from crm_core.model.records import MAX_VERSION, Key
from crm_core.model.replay import WHOLE_KINDS

#: Events whose changes are read at once.
_BATCH: Final = 1_000
_PAST_ALL: Final = EventPlace(UUID(int=2**128 - 1), MAX_VERSION)


class History:
    """The events of records, read on one connection.

    Args:
        connection: the connection.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def history(self, key: Key, before: int | None, limit: int | None) -> Sequence[Event]:
        """Return events of a record, the newest first; see ``crm_core.ports.Database.history``."""
        highest = MAX_VERSION if before is None else max(0, min(before, MAX_VERSION))
        return await self._events("history", key, before=highest, limit=limit)

    async def changed_fields(self, key: Key, since: int) -> Sequence[str]:
        """Return the names of the fields that changed after a version of a record."""
        rows = await fetch(self._connection, query("changed_fields"), {"record": key.id, "since": since})
        return [name for (name,) in rows]

    async def lineage(self, key: Key, version: int) -> Sequence[Event]:
        """Return the events from which a version of a record can be built."""
        return await self._events("lineage", key, version=version, whole=sorted(WHOLE_KINDS))

    async def followers(self, key: Key, version: int) -> Sequence[Event]:
        """Return the events that followed from a change of a record."""
        return await self._events("followers", key, version=version)

    async def of_run(self, run: UUID, before: EventPlace | None, limit: int) -> Sequence[Event]:
        """Return events of a run of an import, by record and version in descending order."""
        record, version = before or _PAST_ALL
        params = {"request_id": run_request_id(run), "record": record, "version": version, "limit": limit}
        return [event_of_row(row) for row in await fetch(self._connection, query("events_of_run"), params)]

    async def deletions_since(self, since: datetime, after: int) -> tuple[bytes, int | None]:
        """Return what some deletions after a place and since a time recorded, and the place where more follow."""
        params = {"since": since, "after": after, "limit": _BATCH}
        rows = await fetch(self._connection, query("deletions_since"), params)
        return b",".join(changes for _, changes in rows), rows[-1][0] if len(rows) == _BATCH else None

    async def _events(self, name: str, key: Key, **params: object) -> Sequence[Event]:
        about = {"record": str(key.id) if name == "followers" else key.id, "resource": key.resource}
        return [event_of_row(row) for row in await fetch(self._connection, query(name), about | params)]


async def stream_deletions(reading: Reading, since: datetime) -> AsyncIterator[bytes]:
    """Yield what the deletions since a time recorded."""
    after: int | None = 0
    while after is not None:
        piece, after = await reading(partial(_read_deletions, since=since, after=after))
        yield piece


async def _read_deletions(connection: Connection, *, since: datetime, after: int) -> tuple[bytes, int | None]:
    return await History(connection).deletions_since(since, after)


def event_of_row(row: Row) -> Event:
    """Return the event of a row of the statements that read events."""
    resource, record, version, kind, actor, actor_name, request_id, at, changes, cause = row
    return Event(
        resource=resource,
        record=record,
        version=version,
        kind=kind,
        actor=actor,
        actor_name=actor_name,
        request_id=request_id,
        at=at,
        changes=parse_json(changes),
        cause=parse_json(cause) if cause else {},
    )
