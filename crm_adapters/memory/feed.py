"""The change feed in memory: every commit is a tick."""

import asyncio
import secrets
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from crm_adapters import json_documents
from crm_core.model.events import Event
from crm_core.model.feed import MAX_FEED_BYTES, FeedEvent, FeedPage, Position


class _Commit(NamedTuple):
    at: datetime
    events: Sequence[Event]


class MemoryFeed:
    """The events of a MemoryDatabase (``crm_core.ports.Feed``).

    Args:
        clock: returns the time in UTC.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._commits: list[_Commit] = []
        self._forgotten = 0
        self._tag = secrets.token_bytes(4)
        self._cursors: dict[str, str] = {}
        self._waiting: asyncio.Event | None = None

    # Called by its database

    def append(self, events: Sequence[Event]) -> None:
        """Keep the events of a commit."""
        if events:
            self._commits.append(_Commit(self._clock(), events))
            if self._waiting:
                self._waiting.set()

    def rewrite(self, rewritten: Callable[[Event], Event]) -> None:
        """Replace events by what they become when values are erased."""
        self._commits = [_Commit(at, [rewritten(event) for event in events]) for at, events in self._commits]

    # For readers

    async def oldest(self) -> Position:
        """Return the position before the oldest event that is kept."""
        return Position(self._forgotten, self._tag)

    async def newest(self) -> Position:
        """Return the position after the latest commit."""
        return Position(len(self._commits), self._tag)

    async def read(self, after: Position, resources: Collection[str], limit: int) -> FeedPage | None:
        """Return the events of some resources after a position."""
        if not self._has(after):
            return None
        taken: list[FeedEvent] = []
        position, size = after, 0
        for entry in self._entries(after):
            if entry.resource in resources:
                size += len(entry.body)
                if len(taken) == limit or (taken and size > MAX_FEED_BYTES):
                    return FeedPage(taken, position, more=True)
                taken.append(entry)
            position = entry.position
        return FeedPage(taken, await self.newest(), more=False)

    async def wait(self, after: Position) -> None:
        """Wait for a commit."""
        while not self._follows(after):
            if self._waiting is None or self._waiting.is_set():
                self._waiting = asyncio.Event()  # of the event loop of this moment
            await self._waiting.wait()

    async def forget(self, before: datetime) -> None:
        """Stop keeping positions older than this time."""
        while self._forgotten < len(self._commits) and self._commits[self._forgotten].at < before:
            self._forgotten += 1

    async def cursor(self, follower: str) -> str:
        """Return the cursor that a follower has saved."""
        return self._cursors.get(follower, "")

    async def save_cursor(self, follower: str, cursor: str) -> None:
        """Save the cursor of a follower."""
        self._cursors[follower] = cursor

    def _has(self, after: Position) -> bool:
        return after.tag == self._tag and self._forgotten + (after.place is not None) <= after.tick <= len(
            self._commits
        )

    def _follows(self, after: Position) -> bool:
        return after.place is not None or after.tick < len(self._commits)

    def _entries(self, after: Position) -> Iterator[FeedEvent]:
        """Return the events after a position; the number of its commit and its own number in it are its place."""
        first = after.tick - (after.place is not None)
        return (
            _entry(event, Position(tick, self._tag, (tick, number)))
            for tick, commit in enumerate(self._commits[first:], first + 1)
            for number, event in enumerate(commit.events, 1)
            if tick > after.tick or (after.place is not None and number > after.place[1])
        )


def _entry(event: Event, position: Position) -> FeedEvent:
    transaction = str(position.tick)
    return FeedEvent(position, event.resource, transaction, json_documents.feed_body(event, transaction))
