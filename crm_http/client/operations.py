"""Operations: a request and how to read its answer, described once for both clients.

A method marked with ``operation`` builds an ``Operation``. Called on a group with a synchronous driver it returns the
value in the answer; with an asynchronous driver it returns an awaitable of the value. The type checker knows which.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, Concatenate, Final, Generic, Literal, ParamSpec, Protocol, TypeAlias, TypeVar, overload

import attrs
import httpx

from crm_core.arguments.signatures import bound_signature, show_fields

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
D_co = TypeVar("D_co", bound="Driver | AsyncDriver", covariant=True)

#: Whether an operation can be repeated: ``safe`` and ``idempotent`` as RFC 9110 (9.2) defines them, ``keyed`` by its
#: ``Idempotency-Key``, ``none`` not at all.
Repeatability: TypeAlias = Literal["safe", "keyed", "idempotent", "none"]
_REPEATABILITY: Final[Mapping[str, Repeatability]] = {"GET": "safe", "PATCH": "keyed", "DELETE": "idempotent"}


def _repeatability(operation: "Operation[Any]") -> Repeatability:
    return _REPEATABILITY.get(operation.method, "none")


@attrs.frozen(kw_only=True)
class Operation(Generic[T_co]):
    """One request to the API, and how to read its answer.

    Attributes:
        method: the HTTP method.
        path: the path below the API's address.
        read: returns the value in a successful answer.
        repeat: whether it can be repeated after a lost answer.
        options: further arguments of ``httpx.Client.request``.
        headers: headers besides those of every request.
        again: returns after how many seconds to send it again although it was answered; None if that was the answer.
        save: takes the body of a successful answer piece by piece, which is then not kept in memory.
    """

    method: str
    path: str
    read: Callable[[httpx.Response], T_co]
    repeat: Repeatability = attrs.field(default=attrs.Factory(_repeatability, takes_self=True))
    options: Mapping[str, Any] = attrs.field(factory=dict)
    headers: Mapping[str, str] = attrs.field(factory=dict)
    again: Callable[[httpx.Response], float | None] | None = None
    save: Callable[[bytes], object] | None = None


class Driver(Protocol):
    """Sends operations and blocks until they are answered."""

    def run(self, operation: Operation[T]) -> T:
        """Return the value in the answer. Raises CrmError."""
        ...


class AsyncDriver(Protocol):
    """Sends operations without blocking."""

    def run(self, operation: Operation[T]) -> Awaitable[T]:
        """Return an awaitable of the value in the answer, which raises CrmError."""
        ...


@attrs.define(slots=False, eq=False)
class OperationGroup(Generic[D_co]):
    """Operations of one part of the API, with the driver that sends them."""

    driver: D_co = attrs.field(repr=False)


class operation(Generic[P, T]):  # noqa: N801  # it is used as a decorator, as property is
    """Turn a method that builds an operation into one that sends it (a decorator)."""

    def __init__(self, build: Callable[Concatenate[Any, P], Operation[T]]) -> None:
        show_fields(build)
        self._build = build
        self._signatures = {False: bound_signature(build), True: bound_signature(build, Awaitable)}
        self.__doc__ = build.__doc__

    @overload
    def __get__(self, group: None, owner: type) -> Callable[..., Operation[T]]: ...

    @overload
    def __get__(self, group: OperationGroup[Driver], owner: type) -> Callable[P, T]: ...

    @overload
    def __get__(self, group: OperationGroup[AsyncDriver], owner: type) -> Callable[P, Awaitable[T]]: ...

    def __get__(self, group: OperationGroup[Any] | None, owner: type) -> Callable[..., object]:
        if group is None:
            return self._build
        bound = self._build.__get__(group)

        @wraps(bound)
        def send(*args: P.args, **kwargs: P.kwargs) -> object:
            return group.driver.run(bound(*args, **kwargs))

        send.__signature__ = self._signatures[iscoroutinefunction(group.driver.run)]  # type: ignore[attr-defined]
        return send
