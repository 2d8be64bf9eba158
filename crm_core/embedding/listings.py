"""Lists: all items that match, read page by page as they are iterated, or one page, or the first item.

The typed client of HTTP uses the same classes.
"""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import wraps
from itertools import islice
from typing import Any, Concatenate, Final, Generic, ParamSpec, Protocol, TypeVar, overload

import attrs

from crm_core.arguments.signatures import bound_signature, show_fields
from crm_core.embedding.calls import Awaiting, CallGroup, Runner, is_awaited
from crm_core.errors import InvalidError
from crm_core.input.readers import RefusedError, read_integer, refuse
from crm_core.model.list_pages import ListPage

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

#: Items in a page of a list, unless another number is given.
PAGE_SIZE: Final = 100


class Runs(Protocol):
    """Runs what reads a page: a runner of calls, or a driver of the client."""

    def run(self, call: Any, /) -> Any:
        """Return the page, or an awaitable of it."""
        ...


class Pages(Protocol[T_co]):
    """What is listed, in pages."""

    @property
    def limit(self) -> int | None:
        """Return the most items in all; None for no limit."""
        ...

    def page(self, cursor: str = "", *, size: int | None = None) -> object:
        """Return what reads the page at a cursor, with at most ``size`` items."""
        ...


class Listing(Generic[T_co]):
    """The items of a list that match its filters. Iterating reads page after page, each time from the beginning.

    Nothing is read before that, so errors, as for unknown filters, are raised there too.
    """

    def __init__(self, runner: Runs, query: Pages[T_co]) -> None:
        self._runner = runner
        self._query = query

    def __iter__(self) -> Iterator[T_co]:
        return islice(self._items(), self._query.limit)

    def first(self) -> T_co | None:
        """Return the first item; None if there is none. Only this item is read."""
        page: ListPage[T_co] = self._runner.run(self._query.page(size=1))
        return next(iter(page.items), None)

    def page(self, cursor: str = "") -> ListPage[T_co]:
        """Return one page: the first one, or the one that begins at the ``next_cursor`` of the page before it."""
        page: ListPage[T_co] = self._runner.run(self._query.page(cursor))
        return page

    def _items(self) -> Iterator[T_co]:
        page = self.page()
        yield from page.items
        while page.next_cursor:
            page = self.page(page.next_cursor)
            yield from page.items


class AsyncListing(Generic[T_co]):
    """The items of a list that match its filters, for ``async for``; otherwise as ``Listing``."""

    def __init__(self, runner: Runs, query: Pages[T_co]) -> None:
        self._runner = runner
        self._query = query

    async def __aiter__(self) -> AsyncIterator[T_co]:
        remaining, cursor = self._query.limit, ""
        while remaining is None or remaining > 0:
            page = await self.page(cursor)
            for item in page.items[:remaining]:
                yield item
            remaining = None if remaining is None else remaining - len(page.items)
            if not (cursor := page.next_cursor):
                return

    async def first(self) -> T_co | None:
        """Return the first item; None if there is none. Only this item is read."""
        page: ListPage[T_co] = await self._runner.run(self._query.page(size=1))
        return next(iter(page.items), None)

    async def page(self, cursor: str = "") -> ListPage[T_co]:
        """Return one page: the first one, or the one that begins at the ``next_cursor`` of the page before it."""
        page: ListPage[T_co] = await self._runner.run(self._query.page(cursor))
        return page


def _whole_number(value: object, name: str) -> int:
    """Return a whole number that is not negative. Raises InvalidError."""
    try:
        number = read_integer(value)
        if number < 0:
            raise refuse("min_value", "Ensure this value is greater than or equal to 0.")
    except RefusedError as error:
        raise InvalidError({name: error.problems}) from None
    return number


def _page_size(value: int) -> int:
    return _whole_number(value, "page_size")


def _limit(value: int | None) -> int | None:
    return None if value is None else _whole_number(value, "limit")


@attrs.frozen(kw_only=True)
class ListQuery(Generic[T_co]):
    """What is listed in process.

    Attributes:
        read: reads the page at a cursor with a number of items.
        page_size: items in a page, from 1 to 1,000.
        limit: the most items in all; None for no limit.
    """

    read: Callable[[str, int], Coroutine[Any, Any, ListPage[T_co]]]
    page_size: int = attrs.field(converter=_page_size)
    limit: int | None = attrs.field(default=None, converter=_limit)

    async def page(self, cursor: str = "", *, size: int | None = None) -> ListPage[T_co]:
        """Return the page at a cursor, with at most ``size`` items."""
        page = await self.read(cursor, min(self.page_size, self.limit or self.page_size, size or self.page_size))
        return ListPage(page.items[: self.limit], page.next_cursor)


class listing(Generic[P, T]):  # noqa: N801  # it is used as a decorator, as property is
    """Turn a method that builds the query of a list into one that returns the list (a decorator)."""

    def __init__(self, build: Callable[Concatenate[Any, P], ListQuery[T]]) -> None:
        show_fields(build)
        self._build = build
        self._signatures = {False: bound_signature(build, Listing), True: bound_signature(build, AsyncListing)}
        self.__doc__ = build.__doc__

    @overload
    def __get__(self, group: None, owner: type) -> Callable[..., ListQuery[T]]: ...

    @overload
    def __get__(self, group: CallGroup[Runner], owner: type) -> Callable[P, Listing[T]]: ...

    @overload
    def __get__(self, group: CallGroup[Awaiting], owner: type) -> Callable[P, AsyncListing[T]]: ...

    def __get__(self, group: CallGroup[Any] | None, owner: type) -> Callable[..., object]:
        if group is None:
            return self._build
        bound, is_async = self._build.__get__(group), is_awaited(group)

        @wraps(bound)
        def send(*args: P.args, **kwargs: P.kwargs) -> object:
            return (AsyncListing if is_async else Listing)(group.runner, bound(*args, **kwargs))

        send.__signature__ = self._signatures[is_async]  # type: ignore[attr-defined]
        return send
