"""The change feed: read page by page, or followed until the caller stops.

>>> def mirror(crm: Client, cursor: str) -> None:
...     for event in crm.changes.follow(cursor):
...         print(event.resource, event.record, event.kind)
"""

from collections.abc import Callable, Iterable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, Concatenate, Final, Generic, ParamSpec, overload

import attrs
import httpx

from crm_core.embedding.followings import AsyncFollowing, Following, following_signature
from crm_core.errors import ThrottledError, UnavailableError
from crm_core.model.change_events import ChangesPage
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
#: Errors after which following goes on: the server will be there again.
_PASSING: Final = (NoResponseError, UnavailableError, ThrottledError)


@attrs.frozen
class FollowQuery:
    """What is followed.

    Attributes:
        cursor: the cursor after which to begin.
        resources: the names of the resources; empty for all.
        passing: errors after which following goes on.
    """

    cursor: str
    resources: tuple[str, ...]
    passing: tuple[type[Exception], ...] = _PASSING

    def page(self, cursor: str) -> Operation[ChangesPage]:
        """Return the operation that gets the page after a cursor, and waits if there is none."""
        return _page(cursor, self.resources, _PAGE_SIZE, _WAIT)


class following(Generic[P]):  # noqa: N801  # it is used as a decorator, as property is
    """Turn a method that builds a query of changes into one that returns them (a decorator)."""

    def __init__(self, build: Callable[Concatenate[Any, P], FollowQuery]) -> None:
        self._build = build
        self._signatures = {
            False: following_signature(build, Following),
            True: following_signature(build, AsyncFollowing),
        }
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
