"""Follows the change feed: yields one change after another, until the caller stops.

The typed client of HTTP uses the same classes.
"""

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final, Protocol

from crm_core.embedding.listings import Runs
from crm_core.model.change_events import ChangeEvent, ChangesPage

#: Seconds before the feed is asked again after it could not be read.
PAUSE: Final = 2.0


class FollowedPages(Protocol):
    """What is followed, in pages."""

    @property
    def passing(self) -> tuple[type[Exception], ...]:
        """Return the errors after which following goes on."""
        ...

    @property
    def cursor(self) -> str:
        """Return the cursor after which to begin."""
        ...

    def page(self, cursor: str) -> object:
        """Return what reads the page after a cursor, and waits if there is none."""
        ...


class Following:
    """The changes after a cursor, without an end: iterating waits for the next one, also over broken connections.

    Attributes:
        cursor: the cursor after what was read; store it to go on later.
    """

    def __init__(self, runner: Runs, query: FollowedPages) -> None:
        self._runner = runner
        self._query = query
        self.cursor: str = query.cursor

    def __iter__(self) -> Iterator[ChangeEvent]:
        while True:
            try:
                page: ChangesPage = self._runner.run(self._query.page(self.cursor))
            except self._query.passing:
                time.sleep(PAUSE)  # the caller has no event loop that could wait
                continue
            for event in page.events:
                yield event
                self.cursor = event.id
            self.cursor = page.next


class AsyncFollowing:
    """The changes after a cursor, for ``async for``; otherwise as ``Following``.

    Attributes:
        cursor: the cursor after what was read; store it to go on later.
    """

    def __init__(self, runner: Runs, query: FollowedPages) -> None:
        self._runner = runner
        self._query = query
        self.cursor: str = query.cursor

    async def __aiter__(self) -> AsyncIterator[ChangeEvent]:
        while True:
            try:
                page: ChangesPage = await self._runner.run(self._query.page(self.cursor))
            except self._query.passing:
                await asyncio.sleep(PAUSE)
                continue
            for event in page.events:
                yield event
                self.cursor = event.id
            self.cursor = page.next


def following_signature(build: Callable[..., object], result: type) -> inspect.Signature:
    """Return the signature of a method that returns changes, as ``help()`` shows it."""
    _, *parameters = (shown := inspect.signature(build)).parameters.values()
    return shown.replace(parameters=parameters, return_annotation=result)
