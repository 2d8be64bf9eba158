"""MariadbFeed: the Feed port. Commits have the turn one after the other: the order of their numbers is the feed's."""

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from crm_adapters import json_documents
from crm_core.archives.lines import event_of
from crm_core.model.feed import MAX_FEED_BYTES, FeedEvent, FeedPage, Position
from tests.mariadb.connection import Pool, Session

#: The most events that are read for one page.
_BATCH: Final = 1000
#: Seconds until commits of other processes are looked for.
_LOOK: Final = 1.0


class MariadbFeed:
    """The events of a MariadbDatabase (``crm_core.ports.Feed``).

    Args:
        pool: the connections.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._has_commit = asyncio.Event()

    def wake(self) -> None:
        """Let those who wait look; called after each commit."""
        self._has_commit.set()

    async def oldest(self) -> Position:
        """The position before the oldest event that is kept."""
        return await self._position("forgotten")

    async def newest(self) -> Position:
        """The position after the latest commit."""
        return await self._position("tick")

    async def read(self, after: Position, resources: Collection[str], limit: int) -> FeedPage | None:
        """The events of some resources after a position."""
        return await self._pool.run("read", lambda session: _read(session, after, resources, limit))

    async def wait(self, after: Position) -> None:
        """Wait for a commit."""
        while after.place is None and after.tick >= (await self.newest()).tick:
            self._has_commit.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._has_commit.wait(), _LOOK)

    async def forget(self, before: datetime) -> None:
        """Stop keeping positions older than this time."""
        old = "select coalesce(max(tick), 0) from event where at < %s"
        await self._run(f"update feed set forgotten = greatest(forgotten, ({old}))", before)

    async def cursor(self, follower: str) -> str:
        """The cursor that a follower has saved."""
        rows = await self._rows("select position from follower where name = %s", follower)
        return rows[0][0] if rows else ""

    async def save_cursor(self, follower: str, cursor: str) -> None:
        """Save the cursor of a follower."""
        await self._run("replace into follower values (%s, %s)", follower, cursor)

    async def _position(self, column: str) -> Position:
        return Position(*(await self._rows(f"select {column}, tag from feed"))[0])

    async def _rows(self, statement: str, *params: object) -> list[tuple[Any, ...]]:
        return await self._pool.run("read", lambda session: session.rows(statement, *params))

    async def _run(self, statement: str, *params: object) -> None:
        await self._pool.run("write", lambda session: session.run(statement, *params))


async def _read(session: Session, after: Position, resources: Collection[str], limit: int) -> FeedPage | None:
    [(newest, forgotten, tag)] = await session.rows("select tick, forgotten, tag from feed")
    is_kept = forgotten + (after.place is not None) <= after.tick <= newest
    if after.tag != tag or not is_kept:
        return None
    rows = await _rows_after(session, after)
    events, position, size = list[FeedEvent](), after, 0
    for tick, seq, resource, text in rows:
        place = Position(tick, tag, (tick, seq))
        if resource in resources:
            body = json_documents.feed_body(event_of(text.encode()), str(tick))
            size += len(body)
            if len(events) == limit or (events and size > MAX_FEED_BYTES):
                return FeedPage(events, position, more=True)
            events.append(FeedEvent(place, resource, str(tick), body))
        position = place
    more = len(rows) == _BATCH
    return FeedPage(events, position if more else Position(newest, tag), more=more)


async def _rows_after(session: Session, after: Position) -> Sequence[tuple[Any, ...]]:
    _, seq = after.place or (0, 2**62)
    where = "tick > %s or tick = %s and seq > %s"
    statement = f"select tick, seq, resource, event from event where {where} order by tick, seq limit {_BATCH}"
    return await session.rows(statement, after.tick, after.tick, seq)
