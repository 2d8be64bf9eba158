"""Calls: coroutine functions that are awaited, or run to their end for callers without an event loop.

A method marked with ``call`` is a coroutine function. On a group whose runner is ``Awaiting`` it returns a coroutine;
on a group with another runner it returns the value. Type checkers know which.
"""

import hashlib
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, cast, overload

import attrs

from crm_core.arguments.signatures import bound_signature, show_fields
from crm_core.arguments.values import sendable
from crm_core.errors import invalid
from crm_core.model.accounts import Actor, Caller, Idempotency
from crm_core.model.plain_values import json_text
from crm_core.ports import Actors, Database, DeliveryLog, Feed, Passwords, Users, WorkbookWriter
from crm_core.use_cases.callers import caller
from crm_core.use_cases.import_requests import Imports
from crm_core.use_cases.uploads import Images

P = ParamSpec("P")
T = TypeVar("T")
R_co = TypeVar("R_co", bound="Runner | Awaiting", covariant=True)

#: The longest idempotency key, as over HTTP.
_MAX_KEY = 255


class Runner(Protocol):
    """Runs calls for callers without an event loop."""

    def run(self, call: Coroutine[Any, Any, T], /) -> T:
        """Return the result of a call, when it is there. Raises CrmError."""
        ...


class Awaiting:
    """Leaves calls to be awaited by the caller."""

    def run(self, call: Coroutine[Any, Any, T], /) -> Coroutine[Any, Any, T]:
        """Return the call."""
        return call


@attrs.frozen(kw_only=True)
class Context:
    """In whose name calls are made, and on what.

    Attributes:
        actor: the user.
        db: where records are stored.
        users: where users are stored; None if they are not needed.
        passwords: hashes passwords; None if they are not needed.
        feed: the change feed; None if it is not needed.
        deliveries: the log of deliveries of webhooks; None if it is not needed.
        images: the images of records; None if there are none.
        workbooks: writes exports in XLSX; None if that format is not needed.
        imports: what imports work on; None if there are none.
        request_id: the id of the request that makes the calls, in logs and events.
    """

    actor: Actor
    db: Database
    users: Actors | None = None
    passwords: Passwords | None = None
    feed: Feed | None = None
    deliveries: DeliveryLog | None = None
    images: Images | None = None
    workbooks: WorkbookWriter | None = None
    imports: Imports | None = None
    request_id: str = ""

    @property
    def accounts(self) -> Users:
        """Return where users are stored, for more than finding one. Raises ValueError if they are not, or not so."""
        users = needed(self.users, "users")
        if not hasattr(users, "list_users"):
            raise ValueError(f"this call needs a port of crm_core.ports.Users; users={users!r} only finds actors")
        return cast("Users", users)

    def caller(self, key: str | None = None, request: object = None) -> Caller:
        """Return a caller of this moment.

        Args:
            key: the idempotency key of the call; None for none.
            request: what is asked for; the key of one request cannot be used for another one.
        """
        idempotency = None if key is None else _idempotency(key, request)
        return caller(self.actor, request_id=self.request_id, idempotency=idempotency)


def _idempotency(key: object, request: object) -> Idempotency:
    if not (isinstance(key, str) and 0 < len(key) <= _MAX_KEY and key.isascii() and key.isprintable()):
        raise invalid("idempotency_key", "invalid", f"A key has 1 to {_MAX_KEY} visible ASCII characters.")
    return Idempotency(key, hashlib.sha256(_fingerprint(request)).digest())


def _fingerprint(request: object) -> bytes:
    try:
        return json_text(sendable(request)).encode()
    except (TypeError, ValueError):  # it has no JSON, and is refused for that
        return b""


@attrs.define(slots=False, eq=False)
class CallGroup(Generic[R_co]):
    """Calls that belong together, with what they need, and with the runner that runs them."""

    context: Context = attrs.field(repr=False)
    runner: R_co = attrs.field(repr=False)


class call(Generic[P, T]):  # noqa: N801  # it is used as a decorator, as property is
    """Turn a coroutine method into one that the runner of its group runs (a decorator)."""

    def __init__(self, method: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]) -> None:
        show_fields(method, is_wrapped=False)
        self._method = method
        self._signatures = {False: bound_signature(method), True: bound_signature(method, Awaitable)}
        self.__doc__ = method.__doc__

    @overload
    def __get__(self, group: None, owner: type) -> Callable[..., Coroutine[Any, Any, T]]: ...

    @overload
    def __get__(self, group: CallGroup[Runner], owner: type) -> Callable[P, T]: ...

    @overload
    def __get__(self, group: CallGroup[Awaiting], owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...

    def __get__(self, group: CallGroup[Any] | None, owner: type) -> Callable[..., object]:
        if group is None:
            return self._method
        bound, run = self._method.__get__(group), group.runner.run

        @wraps(bound)
        def send(*args: P.args, **kwargs: P.kwargs) -> object:
            return run(bound(*args, **kwargs))

        send.__signature__ = self._signatures[is_awaited(group)]  # type: ignore[attr-defined]
        return send


def is_awaited(group: CallGroup[Any]) -> bool:
    """Return whether the calls of a group are awaited."""
    return isinstance(group.runner, Awaiting)


def needed(value: T | None, argument: str) -> T:
    """Return what calls need. Raises ValueError where the object that makes them was made without."""
    if value is None:
        raise ValueError(f"this call needs {argument}: Crm(db, {argument}=...)")
    return value
