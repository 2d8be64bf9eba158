"""The calls of the change feed."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, Concatenate, Final, Generic, ParamSpec, overload

import attrs

from crm_core.embedding.calls import Awaiting, CallGroup, Context, R_co, Runner, call, is_awaited, needed
from crm_core.embedding.followings import AsyncFollowing, Following, following_signature
from crm_core.engine.parameters import parameter_texts
from crm_core.errors import ThrottledError, UnavailableError
from crm_core.input.readers import read_several
from crm_core.model.accounts import Caller
from crm_core.model.change_events import ChangeEvent, ChangesPage
from crm_core.use_cases import changes
from crm_core.use_cases.changes import Change

P = ParamSpec("P")

_PAGE_SIZE: Final = 1_000
#: Seconds for which one reading of the feed waits for a change.
_WAIT: Final = 20


@attrs.frozen
class FollowQuery:
    """What is followed in process.

    Attributes:
        context: whose changes are read, and from where.
        cursor: the cursor after which to begin.
        resources: the names of the resources; empty for all.
        passing: errors after which following goes on.
    """

    context: Context
    cursor: str
    resources: tuple[str, ...]
    passing: tuple[type[Exception], ...] = (UnavailableError, ThrottledError)

    async def page(self, cursor: str) -> ChangesPage:
        """Return the page after a cursor; wait if there is none."""
        return await _page(self.context, cursor, self.resources, _PAGE_SIZE, _WAIT)


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
    def __get__(self, group: CallGroup[Runner], owner: type) -> Callable[P, Following]: ...

    @overload
    def __get__(self, group: CallGroup[Awaiting], owner: type) -> Callable[P, AsyncFollowing]: ...

    def __get__(self, group: CallGroup[Any] | None, owner: type) -> Callable[..., object]:
        if group is None:
            return self._build
        bound, is_async = self._build.__get__(group), is_awaited(group)

        @wraps(bound)
        def send(*args: P.args, **kwargs: P.kwargs) -> object:
            return (AsyncFollowing if is_async else Following)(group.runner, bound(*args, **kwargs))

        send.__signature__ = self._signatures[is_async]  # type: ignore[attr-defined]
        return send


@attrs.define(slots=False, eq=False)
class ChangeCalls(CallGroup[R_co]):
    """The change feed: who changed what, in one order."""

    @call
    async def read(
        self, after: str = "", *, resources: Iterable[str] = (), limit: int = _PAGE_SIZE, wait: int = 0
    ) -> ChangesPage:
        """Return a page of changes. Raises CursorGoneError if the feed cannot be followed from the cursor.

        Args:
            after: the cursor after which to read; empty for everything that is kept, ``now`` for the end.
            resources: only changes of these resources, such as ``lead``; empty for all.
            limit: the most changes, up to 1,000.
            wait: how many seconds to wait for a change if there is none, up to 30.
        """
        return await _page(self.context, after, _names(resources), limit, wait)

    @following
    def follow(self, cursor: str, *, resources: Iterable[str] = ()) -> FollowQuery:
        """Return the changes after a cursor, for iterating; it waits for the next change, and never ends.

        A store that cannot answer is waited for. Raises CursorGoneError while iterating if the feed cannot be followed
        from the cursor: then read everything again.

        Args:
            cursor: the ``next`` of a page, the ``id`` of a change, or ``now``; empty for everything that is kept.
            resources: only changes of these resources, such as ``lead``; empty for all.
        """
        return FollowQuery(self.context, cursor, _names(resources))


def _names(resources: Iterable[str]) -> tuple[str, ...]:
    return tuple(read_several(resources, "resources"))


async def _page(context: Context, after: str, resources: tuple[str, ...], limit: int, wait: int) -> ChangesPage:
    named = parameter_texts({"resource": resources}) if resources else {}
    params = {**named, **parameter_texts({"after": after, "limit": limit, "wait": wait}, ignores_blanks=True)}
    reading, page = await changes.begin(needed(context.feed, "feed"), context.caller(), params, strict=True)

    async def renew() -> Caller:
        return context.caller()

    if reading.may_wait:
        page = await reading.page_within(page, renew)
    return ChangesPage(tuple(map(_event, page.changes)), page.next, page.more)


def _event(change: Change) -> ChangeEvent:
    entry = change.entry
    members = attrs.asdict(entry.event, recurse=False)
    return ChangeEvent(id=change.id, transaction=entry.transaction, **members)
