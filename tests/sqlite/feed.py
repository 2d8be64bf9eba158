"""SqliteFeed: the Feed port on SQLite. There is one writer at a time, so the order of its numbers is the feed's.

Each commit is a tick, and an event's place in it is its number.
"""

import asyncio
import secrets
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any, Final

from crm_core.model.feed import MAX_FEED_BYTES, FeedEvent, FeedPage, Position

SCHEMA: Final = """
create table if not exists feed (is_only integer primary key check (is_only = 1), tag blob, forgotten integer);
create table if not exists follower (name text primary key, cursor text);
"""
_BEGIN: Final = "insert into feed values (1, ?, 0) on conflict do nothing"


class SqliteFeed:
    """The events of a SqliteDatabase (``crm_core.ports.Feed``).

    Args:
        run: runs a function in a transaction of a kind.
        rows: runs a statement inside.
    """

    def __init__(self, run: Callable[..., Any], rows: Callable[..., list[Any]]) -> None:
        self._run = run
        self._rows = rows
        self._has_commit: asyncio.Event | None = None
        self._rows(_BEGIN, secrets.token_bytes(4))

    def wake(self) -> None:
        """Let those who wait look; called after each commit."""
        if self._has_commit:
            self._has_commit.set()

    async def oldest(self) -> Position:
        """The position before the oldest event that is kept."""
        [(tag, forgotten)] = await self._run("deferred", self._rows, "select tag, forgotten from feed")
        return Position(forgotten, tag)

    async def newest(self) -> Position:
        """The position after the latest commit."""
        statement = "select coalesce((select max(txn) from event), 0), tag from feed"
        return Position(*(await self._run("deferred", self._rows, statement))[0])

    async def read(self, after: Position, resources: Collection[str], limit: int) -> FeedPage | None:
        """The events of some resources after a position."""
        page: FeedPage | None = await self._run("deferred", self._read, after, resources, limit)
        return page

    async def wait(self, after: Position) -> None:
        """Wait for a commit."""
        while after.place is None and after.tick >= (await self.newest()).tick:
            self._has_commit = asyncio.Event()
            await self._has_commit.wait()

    async def forget(self, before: datetime) -> None:
        """Stop keeping positions older than this time."""
        old = "select coalesce(max(txn), 0) from event where datetime(event ->> 'at') < datetime(?)"
        statement = f"update feed set forgotten = max(forgotten, ({old}))"
        await self._run("immediate", self._rows, statement, before.isoformat())

    async def cursor(self, follower: str) -> str:
        """The cursor that a follower has saved."""
        rows = await self._run("deferred", self._rows, "select cursor from follower where name = ?", follower)
        return rows[0][0] if rows else ""

    async def save_cursor(self, follower: str, cursor: str) -> None:
        """Save the cursor of a follower."""
        await self._run("immediate", self._rows, "replace into follower values (?, ?)", follower, cursor)

    def _read(self, after: Position, resources: Collection[str], limit: int) -> FeedPage | None:
        [(tag, forgotten)] = self._rows("select tag, forgotten from feed")
        [(newest,)] = self._rows("select coalesce(max(txn), 0) from event")
        is_kept = forgotten + (after.place is not None) <= after.tick <= newest
        if after.tag != tag or not is_kept:
            return None
        events, position, size = list[FeedEvent](), after, 0
        _, seq = after.place or (0, 0)
        statement = "select txn, seq, resource, body from event where (txn, seq) > (?, ?) order by seq"
        first = (after.tick, seq) if after.place else (after.tick, 2**62)
        for txn, number, resource, body in self._rows(statement, *first):
            if resource in resources:
                size += len(body)
                if len(events) == limit or (events and size > MAX_FEED_BYTES):
                    return FeedPage(events, position, more=True)
                events.append(FeedEvent(Position(txn, tag, (txn, number)), resource, str(txn), body.encode()))
            position = Position(txn, tag, (txn, number))
        return FeedPage(events, Position(newest, tag), more=False)
