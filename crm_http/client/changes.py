"""The change feed: read page by page, or followed for as long as one likes.

>>> def mirror(crm: Client, cursor: str) -> None:
...     for event in crm.changes.follow(cursor):
...         print(event.resource, event.record, event.kind)
"""

import asyncio
import datetime as dt
import inspect
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, Concatenate, Final, Generic, ParamSpec, overload
from uuid import UUID

import attrs
import httpx

from crm_core.errors import ThrottledError, UnavailableError
from crm_http.client.operations import AsyncDriver, D_co, Driver, Operation, OperationGroup, operation
from crm_http.client.responses import NoResponseError, decode

P = ParamSpec("P")

#: Where a feed ends at the moment.
NOW: Final = "now"
_PATH: Final = "/api/changes/"
_PAGE_SIZE: Final = 1_000
#: Seconds that the server waits for a change, and that an answer may take beyond that.
_WAIT: Final = 20
_ANSWER: Final = 30
#: Seconds before the feed is asked again after the client gave up on a request.
_PAUSE: Final = 2.0
#: Errors after which following goes on: the server will be there again.
_PASSING: Final = (NoResponseError, UnavailableError, ThrottledError)


@attrs.frozen(kw_only=True)
class ChangeEvent:
    """One change of one record.

    Attributes:
        id: the cursor after this change.
        resource: the name of the resource, such as ``lead``.
        record: the id of the record.
        version: the version that the change made.
        kind: ``created``, ``updated`` or ``deleted``; pass over others.
        at: when the change was decided.
        actor: the id of the user who made it; None for the system.
        actor_name: that user's name at the time.
        request_id: the id of the request that made it.
        transaction: the same for all changes of one commit, which follow each other.
        changes: what changed, by field, as JSON values.
        cause: why the change was made, if the request does not tell.
    """

    id: str
    resource: str
    record: UUID
    version: int
    kind: str
    at: dt.datetime
    actor: int | None
    actor_name: str
    request_id: str
    transaction: str
    changes: Mapping[str, Mapping[str, Any]]
    cause: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen
class ChangesPage:
    """A page of the change feed.

    Attributes:
        events: the changes, oldest first.
        next: the cursor after them.
        more: whether another page can be read at once.
    """

    events: tuple[ChangeEvent, ...]
    next: str
    more: bool


@attrs.frozen
class FollowQuery:
    """What is followed.

    Attributes:
        cursor: the cursor after which to begin.
        resources: the names of the resources; empty for all.
    """

    cursor: str
    resources: tuple[str, ...]

    def page(self, cursor: str) -> Operation[ChangesPage]:
        """Return the operation that gets the page after a cursor, and waits if there is none."""
        return _page(cursor, self.resources, _PAGE_SIZE, _WAIT)


class Following:
    """The changes after a cursor, without an end: iterating waits for the next one, also over broken connections.

    Attributes:
        cursor: the cursor after what was read; store it to go on later.
    """

    def __init__(self, driver: Driver, query: FollowQuery) -> None:
        self._driver = driver
        self._query = query
        self.cursor = query.cursor

    def __iter__(self) -> Iterator[ChangeEvent]:
        while True:
            try:
                page = self._driver.run(self._query.page(self.cursor))
            except _PASSING:
                time.sleep(_PAUSE)
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

    def __init__(self, driver: AsyncDriver, query: FollowQuery) -> None:
        self._driver = driver
        self._query = query
        self.cursor = query.cursor

    async def __aiter__(self) -> AsyncIterator[ChangeEvent]:
        while True:
            try:
                page = await self._driver.run(self._query.page(self.cursor))
            except _PASSING:
                await asyncio.sleep(_PAUSE)
                continue
            for event in page.events:
                yield event
                self.cursor = event.id
            self.cursor = page.next


def _bound_signature(build: Callable[..., object], result: type) -> inspect.Signature:
    _, *parameters = (shown := inspect.signature(build)).parameters.values()
    return shown.replace(parameters=parameters, return_annotation=result)


class following(Generic[P]):  # noqa: N801  # it is used as a decorator, as property is
    """Turn a method that builds a query of changes into one that returns them (a decorator)."""

    def __init__(self, build: Callable[Concatenate[Any, P], FollowQuery]) -> None:
        self._build = build
        self._signatures = {False: _bound_signature(build, Following), True: _bound_signature(build, AsyncFollowing)}
        self.__doc__ = build.__doc__

    @overload
    def __get__(self, group: None, owner: type) -> Callable[..., FollowQuery]: ...

    @overload
    def __get__(self, group: OperationGroup[Driver], owner: type) -> Callable[P, Following]: ...

    @overload
    def __get__(self, group: OperationGroup[AsyncDriver], owner: type) -> Callable[P, AsyncFollowing]: ...

    def __get__(self, group: OperationGroup[Any] | None, owner: type) -> Callable[..., object]:
        if group is None:
            return self._build
        bound, is_async = self._build.__get__(group), iscoroutinefunction(group.driver.run)

        @wraps(bound)
        def send(*args: P.args, **kwargs: P.kwargs) -> object:
            return (AsyncFollowing if is_async else Following)(group.driver, bound(*args, **kwargs))

        send.__signature__ = self._signatures[is_async]  # type: ignore[attr-defined]
        return send


@attrs.define(slots=False, eq=False)
class ChangeOperations(OperationGroup[D_co]):
    """The change feed: who changed what, in one order."""

    @operation
    def read(
        self, after: str = "", *, resources: Iterable[str] = (), limit: int = _PAGE_SIZE, wait: int = 0
    ) -> Operation[ChangesPage]:
        """Return a page of changes. Raises CursorGoneError if the feed cannot be followed from the cursor.

        Args:
            after: the cursor after which to read; empty for everything that is kept, ``now`` for the end.
            resources: only changes of these resources, such as ``lead``; empty for all.
            limit: the most changes, up to 1,000.
            wait: how many seconds to wait for a change if there is none, up to 30.
        """
        return _page(after, tuple(resources), limit, wait)

    @following
    def follow(self, cursor: str, *, resources: Iterable[str] = ()) -> FollowQuery:
        """Return the changes after a cursor, for iterating; it waits for the next change, and never ends.

        Lost connections and restarts of the server are waited out. Raises CursorGoneError while iterating if the feed
        cannot be followed from the cursor: then read everything again.

        Args:
            cursor: the ``next`` of a page, the ``id`` of a change, or ``now``; empty for everything that is kept.
            resources: only changes of these resources, such as ``lead``; empty for all.
        """
        return FollowQuery(cursor, tuple(resources))


def _page(after: str, resources: tuple[str, ...], limit: int, wait: int) -> Operation[ChangesPage]:
    params = {"after": after, "resource": ",".join(resources), "limit": str(limit), "wait": str(wait)}
    options = {"params": {name: value for name, value in params.items() if value}, "timeout": wait + _ANSWER}
    return Operation(method="GET", path=_PATH, read=_read_page, options=options)


def _read_page(response: httpx.Response) -> ChangesPage:
    return decode(response, ChangesPage)
