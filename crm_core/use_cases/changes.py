"""The change feed: reading it page by page, waiting for news, and following it for hours (decisions 64 to 67)."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, TypeAlias

import attrs

from crm_core.engine.feed_cursors import Hidden, hidden_from, read_feed_cursor, write_feed_cursor
from crm_core.engine.query_strings import page_limit
from crm_core.errors import CrmError, CursorGoneError, InvalidError, not_a_choice
from crm_core.input.declarations import integer, text
from crm_core.input.drafts import read_parameters
from crm_core.input.readers import ReadContext
from crm_core.model.accounts import Actor, Caller, require
from crm_core.model.feed import FeedEvent, FeedPage, Position
from crm_core.ports import Feed
from crm_core.resources import RESOURCES
from crm_core.use_cases.waiters import Check, Renew, Waiters

logger: Final = logging.getLogger("crm.feed")

#: The value of ``after`` that means the end of the feed.
NOW: Final = "now"
#: The most seconds that a request may wait for news.
MAX_WAIT: Final = 30
#: Seconds after which a stream shows that it lives.
HEARTBEAT_INTERVAL: Final = 15.0
_PER_PAGE: Final = 100
_FORGET_INTERVAL: Final = 3_600.0

#: Awaits the reading of a page, perhaps after others have had theirs.
InTurn: TypeAlias = Callable[[Coroutine[Any, Any, FeedPage | None]], Awaitable[FeedPage | None]]


@attrs.frozen
class Following:
    """The query parameters of the change feed.

    Attributes:
        after: the cursor after which to read: the `next` of a page, or the `id` of an event. `now` is the end; without
            it everything that is kept is read.
        resource: only changes of these resources, by name, separated by commas.
        limit: the most changes in the answer.
        wait: how many seconds to wait for a change if there is none, up to 30.
    """

    after: str = text(default="")
    resource: str = text(default="")
    limit: int = page_limit(_PER_PAGE)
    wait: int = integer(minimum=0, maximum=MAX_WAIT, default=0)


class Change(NamedTuple):
    """An event of the feed, and the cursor after it."""

    id: str
    entry: FeedEvent


class ChangesPage(NamedTuple):
    """A page of the change feed.

    Attributes:
        changes: the changes that the caller may see and asked for.
        next: the cursor after everything that was read.
        more: whether another page can be read at once.
    """

    changes: Sequence[Change]
    next: str
    more: bool


class Reading:
    """A caller's way through the feed.

    Attributes:
        position: what was read so far.
    """

    def __init__(
        self, feed: Feed, waiters: Waiters, query: "_Query", position: Position, in_turn: InTurn | None
    ) -> None:
        self._feed = feed
        self._waiters = waiters
        self._query = query
        self._in_turn = in_turn
        self.position: Position = position

    @property
    def cursor(self) -> str:
        """Return the cursor after what was read so far."""
        return write_feed_cursor(self.position, self._query.hidden)

    @property
    def limit(self) -> int:
        """Return the most changes of a page."""
        return self._query.limit

    @property
    def may_wait(self) -> bool:
        """Return whether the query allows to wait."""
        return self._query.wait > 0

    async def page(self) -> ChangesPage:
        """Return the next page and go on behind it. Raises CursorGoneError."""
        return await self._page(self._in_turn)

    async def _page(self, in_turn: InTurn | None) -> ChangesPage:
        reading = self._feed.read(self.position, self._query.resources, self._query.limit)
        page = await (in_turn(reading) if in_turn else reading)
        if page is None:
            raise CursorGoneError
        self.position = page.next
        hidden = self._query.hidden
        changes = [Change(write_feed_cursor(each.position, hidden), each) for each in page.events]
        return ChangesPage(changes, self.cursor, page.more)

    async def page_within(self, page: ChangesPage, renew: Renew) -> ChangesPage:
        """Return the page, or if it is empty the first one with changes that comes while the query allows to wait.

        Raises NotAuthenticatedError, PermissionDeniedError or CursorGoneError when the caller may no longer read this.
        """
        last = _now() + self._query.wait
        with self._waiters.checked(renew, self._judge) as check:
            while not page.changes and not page.more and _now() < last and not self._waiters.is_stopping:
                has_news = await self._news(last, check)
                check.raise_problem()
                if has_news:
                    page = await self._page(None)
        return page

    async def pages(self, page: ChangesPage, renew: Renew) -> AsyncIterator[ChangesPage]:
        """Yield a page and all that follow it; an empty one where they end, and every HEARTBEAT_INTERVAL.

        While a page is sent, the next one is read. It ends when the process stops, and raises what `page_within` does.
        """
        last, is_due = _now() + HEARTBEAT_INTERVAL, True
        with self._waiters.checked(renew, self._judge) as check:
            while not self._waiters.is_stopping:
                async with self._ahead(page) as following:
                    if is_due or page.changes or page.more or _now() >= last:
                        yield page
                        last = _now() + HEARTBEAT_INTERVAL
                    is_due = page.more
                    page = await self._next(following, last, check)

    @asynccontextmanager
    async def _ahead(self, page: ChangesPage) -> AsyncIterator["asyncio.Task[ChangesPage] | None"]:
        """Read the next page, if there is one at once, while the block uses this one."""
        following = asyncio.create_task(self.page()) if page.more else None
        try:
            yield following
        finally:
            if following:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)

    async def _next(self, following: "asyncio.Task[ChangesPage] | None", last: float, check: Check) -> ChangesPage:
        has_news = following is None and await self._news(last, check)
        check.raise_problem()
        if following:
            return await following
        return await self._page(None) if has_news else ChangesPage((), self.cursor, more=False)

    async def _news(self, last: float, check: Check) -> bool:
        """Wait for news, until a time or until the check fails; return whether they came.

        All who wait are woken at once and read the same page, which the store reads once: so they take no turns.
        """
        return await self._waiters.wait(self._feed.wait(self.position), last, check)

    def _judge(self, who: Caller) -> None:
        """Raise if the caller may no longer see what they saw."""
        _require_all(who.actor, self._query.named)
        if visible_resources(who.actor) != self._query.visible:
            raise CursorGoneError("What you may see has changed.")


async def begin(
    feed: Feed,
    who: Caller,
    params: Mapping[str, str],
    *,
    waiters: Waiters | None = None,
    in_turn: InTurn | None = None,
    strict: bool = True,
) -> tuple[Reading, ChangesPage]:
    """Return a reading of the feed and its first page.

    Raises InvalidError, PermissionDeniedError for a resource that is named and may not be viewed, and CursorGoneError.

    Args:
        feed: where the events are.
        who: whose rights count: what they may not view is left out, and the cursor passes it.
        params: the parameters of `Following`.
        waiters: counts the callers that wait; one for all of a process.
        in_turn: awaits each page, so that a caller who reads much leaves time to others.
        strict: whether unknown parameters are problems.
    """
    query = _read_query(who, params, strict=strict)
    position = await _first_position(feed, query)
    reading = Reading(feed, waiters or Waiters(), query, position, in_turn)
    return reading, await reading.page()


async def read(feed: Feed, who: Caller, params: Mapping[str, str], *, strict: bool = True) -> ChangesPage:
    """Return one page of the feed without waiting; `begin` has the arguments and errors."""
    _, page = await begin(feed, who, params, strict=strict)
    return page


@contextmanager
def forgetting(feed: Feed, kept: timedelta) -> Iterator[None]:
    """Stop keeping positions that are older than ``kept``, now and every hour while the block runs."""

    async def forget() -> None:
        while True:
            try:
                await feed.forget(datetime.now(UTC) - kept)
            except CrmError as error:
                logger.warning("old positions of the change feed are kept longer: %s", error)
            await asyncio.sleep(_FORGET_INTERVAL)

    task = asyncio.create_task(forget())
    try:
        yield
    finally:
        task.cancel()


def visible_resources(actor: Actor) -> frozenset[str]:
    """Return the names of the resources whose changes a user may see."""
    return frozenset(name for name, resource in RESOURCES.items() if actor.may(resource.permission("view")))


@attrs.frozen(kw_only=True)
class _Query:
    """What is read: ``resources`` of the ``visible`` ones, which are ``named`` if the caller chose."""

    after: str
    named: frozenset[str]
    visible: frozenset[str]
    limit: int
    wait: int

    @property
    def resources(self) -> frozenset[str]:
        return self.named or self.visible

    @property
    def hidden(self) -> Hidden:
        return hidden_from(self.visible)


def _read_query(who: Caller, params: Mapping[str, str], *, strict: bool) -> _Query:
    values = read_parameters(Following, params, ReadContext(who.new_id, strict))
    named = _read_resources(values["resource"])
    _require_all(who.actor, named)
    return _Query(
        after=values["after"],
        named=named,
        visible=visible_resources(who.actor),
        limit=values["limit"],
        wait=values["wait"],
    )


def _read_resources(text_: str) -> frozenset[str]:
    names = [name.strip() for name in text_.split(",")] if text_ else []
    if unknown := [name for name in names if name not in RESOURCES]:
        raise InvalidError({"resource": (not_a_choice(unknown[0]),)})
    return frozenset(names)


def _require_all(actor: Actor, names: Collection[str]) -> None:
    for name in sorted(names):
        require(actor, RESOURCES[name].permission("view"))


async def _first_position(feed: Feed, query: _Query) -> Position:
    if not query.after:
        return await feed.oldest()
    return await feed.newest() if query.after == NOW else read_feed_cursor(query.after, query.visible)


def _now() -> float:
    return asyncio.get_running_loop().time()
