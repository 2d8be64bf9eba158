"""Hooks: functions of an embedder that are called with every change of some resources (decision 68).

They follow the change feed, so they also get the changes of other processes and those that were made while nobody
followed: durably, at least once, and in order.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from typing import Final, NamedTuple, TypeAlias

from crm_core.errors import CrmError, CursorGoneError
from crm_core.model.accounts import SYSTEM
from crm_core.model.events import Event
from crm_core.model.feed import MAX_FEED_PAGE
from crm_core.ports import Feed
from crm_core.resources import RESOURCES, Resource
from crm_core.use_cases.callers import caller
from crm_core.use_cases.changes import NOW, ChangesPage, begin
from crm_core.use_cases.waiters import Waiters

logger: Final = logging.getLogger("crm.hooks")

#: Is called with an event. If it raises, it is called again with the same event.
Call: TypeAlias = Callable[[Event], Awaitable[None]]

#: Seconds before a call that failed is made again: at first, doubled with each failure, and at most.
_FIRST_RETRY: Final = 0.5
_MAX_RETRY: Final = 60.0
#: Seconds after which the feed is read without news, and after which a cursor is saved that passed no calls.
_POLL: Final = 10.0
_SAVE_INTERVAL: Final = 60.0


class _Hook(NamedTuple):
    resource: str
    kinds: Collection[str]
    call: Call

    def wants(self, event: Event) -> bool:
        return event.resource == self.resource and (not self.kinds or event.kind in self.kinds)


class Hooks:
    """Calls functions with the changes of the feed, under a saved cursor of its own.

    Run one object of a name at a time: two would both make every call.

    Args:
        feed: the feed.
        name: under which the cursor is saved. A new name begins with the changes after its first `run`.
        first_retry: seconds before a call that failed is made again; they double with every further failure.
    """

    def __init__(self, feed: Feed, name: str, *, first_retry: float = _FIRST_RETRY) -> None:
        self._feed = feed
        self._name = name
        self._first_retry = first_retry
        self._hooks: list[_Hook] = []
        self._waiters = Waiters()
        self._saved = ""
        self._saved_at = 0.0

    def on(self, resource: Resource, kinds: Collection[str], call: Call) -> None:
        """Call a function with every change of these kinds; with no kinds, with every change of the resource.

        A call that raises is made again until it returns, and the changes after it wait.
        """
        self._hooks.append(_Hook(resource.name, frozenset(kinds), call))

    async def run(self) -> None:
        """Follow the feed until `stop`. Errors of the store do not end it.

        Raises CursorGoneError if changes were missed, because nobody followed for longer than the feed is kept: read
        what you need from the lists, and call `restart`.
        """
        retry = self._first_retry
        while not self._waiters.is_stopping:
            try:
                await self._follow()
            except CursorGoneError:
                raise
            except CrmError as error:
                logger.warning("the hooks %s cannot follow the changes now: %s", self._name, error)
                await self._pause(retry)
                retry = min(2 * retry, _MAX_RETRY)

    async def restart(self) -> None:
        """Begin again at the end of the feed, whatever was missed."""
        reading, _ = await begin(self._feed, caller(SYSTEM), {"after": NOW})
        await self._save(reading.cursor)

    def stop(self) -> None:
        """End `run` after the call that is under way."""
        self._waiters.stop()

    async def _follow(self) -> None:
        if not await self._feed.cursor(self._name):
            await self.restart()
        self._saved = await self._feed.cursor(self._name)
        resources = ",".join(sorted({hook.resource for hook in self._hooks} or RESOURCES))
        params = {"after": self._saved, "resource": resources, "limit": str(MAX_FEED_PAGE)}
        reading, page = await begin(self._feed, caller(SYSTEM), params)
        while True:
            await self._take(page)
            if self._waiters.is_stopping:
                return
            if not page.more:
                await self._waiters.wait(self._feed.wait(reading.position), _now() + _POLL)
            page = await reading.page()

    async def _take(self, page: ChangesPage) -> None:
        """Make the calls of a page, and save how far they got."""
        done = self._saved
        try:
            for change in page.changes:
                if not await self._call_all(change.entry.event):
                    return
                done = change.id
            if page.changes or _now() - self._saved_at > _SAVE_INTERVAL:
                done = page.next
        finally:
            if done != self._saved:
                await self._save(done)

    async def _call_all(self, event: Event) -> bool:
        for hook in self._hooks:
            if hook.wants(event) and not await self._call(hook.call, event):
                return False
        return True

    async def _call(self, call: Call, event: Event) -> bool:
        """Make a call until it returns; return False if `stop` was called before."""
        retry = self._first_retry
        while True:
            try:
                await call(event)
            except Exception:  # whatever an embedder's code raises: the event is not lost, the call is made again
                logger.exception("a hook of %s failed for %s %s", self._name, event.resource, event.record)
                await self._pause(retry)
                retry = min(2 * retry, _MAX_RETRY)
            else:
                return True
            if self._waiters.is_stopping:
                return False

    async def _save(self, cursor: str) -> None:
        await self._feed.save_cursor(self._name, cursor)
        self._saved, self._saved_at = cursor, _now()

    async def _pause(self, seconds: float) -> None:
        await self._waiters.wait(asyncio.sleep(seconds), _now() + seconds)


def _now() -> float:
    return asyncio.get_running_loop().time()
