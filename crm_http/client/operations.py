"""Operations: what to send and how to read the answer, each described once for both clients.

A method marked with ``operation`` builds an ``Operation``. Called on a group whose driver waits for the answer it gives
what the answer says; on one whose driver is asynchronous, something to await. The type checker knows which.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any, Concatenate, Final, Generic, Literal, ParamSpec, Protocol, TypeAlias, TypeVar, overload

import attrs
import httpx

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
D_co = TypeVar("D_co", bound="Driver | AsyncDriver", covariant=True)

#: What may happen when an operation is sent twice: nothing at all; nothing more under the same ``Idempotency-Key``;
#: the record is found to be gone; or it would be done twice.
Repeat: TypeAlias = Literal["safe", "keyed", "gone", "twice"]
_REPEATS: Final[Mapping[str, Repeat]] = {"GET": "safe", "PATCH": "keyed", "DELETE": "gone"}


@attrs.frozen(kw_only=True)
class Operation(Generic[T_co]):
    """One thing to ask of the API.

    Attributes:
        method: the HTTP method.
        path: where to, below the API's address.
        read: what the answer says; called for answers of success alone.
        repeat: what may happen when it is sent twice.
        options: what else httpx is given of the request.
        headers: what it has beside the headers of every request.
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
class Page(Generic[T_co]):
    """Some of a list, and the operation that asks for what comes next."""

    items: tuple[T_co, ...]
    following: "Operation[Page[T_co]] | None"


class Driver(Protocol):
    """Sends operations and waits for their answers."""

    def run(self, operation: Operation[T]) -> T:
        """What the answer says."""

    def pages(self, first: Operation[Page[T]]) -> Iterator[T]:
        """All that is on a page and those that follow it."""


class AsyncDriver(Protocol):
    """Sends operations whose answers are awaited."""

    def run(self, operation: Operation[T]) -> Awaitable[T]:
        """What the answer says."""

    def pages(self, first: Operation[Page[T]]) -> AsyncIterator[T]:
        """All that is on a page and those that follow it."""


@attrs.define(slots=False, eq=False)
class Group(Generic[D_co]):
    """Operations that belong together, sent by one driver."""

    driver: D_co


class operation(Generic[P, T]):  # noqa: N801  # it is used as a decorator, as property is
    """Makes a method that builds an operation one that sends it."""

    def __init__(self, build: Callable[Concatenate[Any, P], Operation[T]]) -> None:
        self._build = build
        self.__doc__ = build.__doc__

    @overload
    def __get__(self, group: Group[Driver], owner: type) -> Callable[P, T]: ...

    @overload
    def __get__(self, group: Group[AsyncDriver], owner: type) -> Callable[P, Awaitable[T]]: ...

    def __get__(self, group: Group[Any], owner: type) -> Callable[P, object]:
        return lambda *given, **named: group.driver.run(self._build(group, *given, **named))


class listing(Generic[P, T]):  # noqa: N801  # as above
    """Makes a method that builds the operation for a first page one that iterates over all pages."""

    def __init__(self, build: Callable[Concatenate[Any, P], Operation[Page[T]]]) -> None:
        self._build = build
        self.__doc__ = build.__doc__

    @overload
    def __get__(self, group: Group[Driver], owner: type) -> Callable[P, Iterator[T]]: ...

    @overload
    def __get__(self, group: Group[AsyncDriver], owner: type) -> Callable[P, AsyncIterator[T]]: ...

    def __get__(self, group: Group[Any], owner: type) -> Callable[P, object]:
        return lambda *given, **named: group.driver.pages(self._build(group, *given, **named))
