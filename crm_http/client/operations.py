"""Operations: a request and how to read its answer, described once for both clients.

A method marked with ``operation`` builds an ``Operation``. Called on a group with a synchronous driver it returns the
value in the answer; with an asynchronous driver it returns an awaitable of the value. The type checker knows which.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any, Concatenate, Final, Generic, Literal, ParamSpec, Protocol, TypeAlias, TypeVar, overload

import attrs
import httpx

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
D_co = TypeVar("D_co", bound="Driver | AsyncDriver", covariant=True)

#: The effect of sending an operation twice: ``safe`` none; ``keyed`` none, thanks to an ``Idempotency-Key``; ``gone``
#: the second time the record is gone; ``twice`` it is carried out twice.
Repeat: TypeAlias = Literal["safe", "keyed", "gone", "twice"]
_REPEATS: Final[Mapping[str, Repeat]] = {"GET": "safe", "PATCH": "keyed", "DELETE": "gone"}


@attrs.frozen(kw_only=True)
class Operation(Generic[T_co]):
    """One request to the API, and how to read its answer.

    Attributes:
        method: the HTTP method.
        path: the path below the API's address.
        read: returns the value in a successful answer.
        repeat: the effect of sending it twice.
        options: further arguments of ``httpx.Client.request``.
        headers: headers besides those of every request.
    """

    method: str
    path: str
    read: Callable[[httpx.Response], T_co]
    repeat: Repeat = attrs.field()
    options: Mapping[str, Any] = attrs.field(factory=dict)
    headers: Mapping[str, str] = attrs.field(factory=dict)

    @repeat.default
    def _repeat(self) -> Repeat:
        return _REPEATS.get(self.method, "twice")


@attrs.frozen
class ListPage(Generic[T_co]):
    """A page of a list, and the operation that gets the next page."""

    items: tuple[T_co, ...]
    following: "Operation[ListPage[T_co]] | None"


class Driver(Protocol):
    """Sends operations and blocks until they are answered."""

    def run(self, operation: Operation[T]) -> T:
        """Return the value in the answer. Raises CrmError."""

    def pages(self, first: Operation[ListPage[T]]) -> Iterator[T]:
        """Yield all items of a page and the following pages. Raises CrmError."""


class AsyncDriver(Protocol):
    """Sends operations without blocking."""

    def run(self, operation: Operation[T]) -> Awaitable[T]:
        """Return an awaitable of the value in the answer, which raises CrmError."""

    def pages(self, first: Operation[ListPage[T]]) -> AsyncIterator[T]:
        """Yield all items of a page and the following pages. Raises CrmError."""


@attrs.define(slots=False, eq=False)
class OperationGroup(Generic[D_co]):
    """Operations of one part of the API, with the driver that sends them."""

    driver: D_co


class operation(Generic[P, T]):  # noqa: N801  # it is used as a decorator, as property is
    """A decorator: a method that builds an operation becomes one that sends it."""

    def __init__(self, build: Callable[Concatenate[Any, P], Operation[T]]) -> None:
        self._build = build
        self.__doc__ = build.__doc__

    @overload
    def __get__(self, group: OperationGroup[Driver], owner: type) -> Callable[P, T]: ...

    @overload
    def __get__(self, group: OperationGroup[AsyncDriver], owner: type) -> Callable[P, Awaitable[T]]: ...

    def __get__(self, group: OperationGroup[Any], owner: type) -> Callable[P, object]:
        return lambda *args, **kwargs: group.driver.run(self._build(group, *args, **kwargs))


class listing(Generic[P, T]):  # noqa: N801  # as above
    """A decorator: a method that builds the operation of a first page becomes one that iterates over all items."""

    def __init__(self, build: Callable[Concatenate[Any, P], Operation[ListPage[T]]]) -> None:
        self._build = build
        self.__doc__ = build.__doc__

    @overload
    def __get__(self, group: OperationGroup[Driver], owner: type) -> Callable[P, Iterator[T]]: ...

    @overload
    def __get__(self, group: OperationGroup[AsyncDriver], owner: type) -> Callable[P, AsyncIterator[T]]: ...

    def __get__(self, group: OperationGroup[Any], owner: type) -> Callable[P, object]:
        return lambda *args, **kwargs: group.driver.pages(self._build(group, *args, **kwargs))
