"""Authentication and permissions: the ``Authorization`` header, and one guard over every route.

A route that declares no access refuses all requests.
"""

import enum
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final

import attrs
from litestar.connection import ASGIConnection

from crm_core.errors import NotAuthenticatedError, PermissionDeniedError
from crm_core.input.readers import RefusedError, read_uuid
from crm_core.model.accounts import Caller, require
from crm_core.model.records import Key
from crm_core.ports import Accounts
from crm_core.use_cases import accounts as use_cases
from crm_http.api.errors import RequestError
from crm_http.api.requests import AnyRequest, read_idempotency
from crm_http.headers.request_headers import headers_of

Connection = ASGIConnection[Any, Any, Any, Any]


class Access(enum.Enum):
    """Who may use a method that needs no permission.

    Attributes:
        OPEN: everybody; credentials are not read.
        PUBLIC: everybody, but credentials that are sent must be valid, as in the documented API.
        AUTHENTICATED: every user.
    """

    OPEN = enum.auto()
    PUBLIC = enum.auto()
    AUTHENTICATED = enum.auto()


#: The key of a route's option with what each method needs: a permission, or an ``Access``.
PERMISSION: Final = "permission"
#: The key of a route's option with the resource whose record each method reads first, where it does.
READ_AHEAD: Final = "read_ahead"


def guard(accounts: Accounts) -> Callable[[Connection], Awaitable[None]]:
    """Return the guard of the whole app, which runs before every handler.

    It is not a guard of the framework, which would copy the handler; that takes a twelfth of the time of a read.
    """

    async def authorize(connection: Connection) -> None:
        needed = connection.route_handler.opt.get(PERMISSION, {}).get(connection.scope.get("method"))
        if needed is Access.OPEN:
            return
        if b"webhook-signature" in headers_of(connection.scope):
            raise RequestError(HTTPStatus.BAD_REQUEST, "Webhooks cannot call this API: each call could make the next.")
        header = _authorization(connection)
        if needed is Access.PUBLIC and not carries_token(header):
            return
        state = connection.scope["state"]
        token = read_token(header)
        state["who"] = who = await use_cases.authenticate(
            accounts, token, request_id=state.get("request_id", ""), ahead=_record_of(connection)
        )
        state["share"].belongs_to(who.actor.user.id)
        if isinstance(needed, str):
            require(who.actor, needed)
        elif not isinstance(needed, Access):
            raise PermissionDeniedError

    return authorize


def _record_of(connection: Connection) -> Key | None:
    """Return the key of the record that the path names, for methods that begin with reading it."""
    resource = connection.route_handler.opt.get(READ_AHEAD, {}).get(connection.scope.get("method"))
    try:
        return Key(resource, read_uuid(connection.path_params["id"])) if resource else None
    except RefusedError:
        return None


def caller(connection: Connection) -> Caller:
    """Return the caller, whom the guard has authenticated."""
    who = connection.scope["state"]["who"]
    assert isinstance(who, Caller)  # noqa: S101  # the guard put it there
    return who


def possible_caller(connection: Connection) -> Caller | None:
    """Return the caller of a public route, or None if no credentials were sent."""
    return caller(connection) if "who" in connection.scope["state"] else None


async def idempotent_caller(request: AnyRequest) -> Caller:
    """Return the caller, with the ``Idempotency-Key`` of the request, whose body must have been read."""
    idempotency = await read_idempotency(request)
    return caller(request) if idempotency is None else attrs.evolve(caller(request), idempotency=idempotency)


def token_of(connection: Connection) -> str:
    """Return the token that the caller sent."""
    return read_token(_authorization(connection))


def read_token(header: str | None) -> str:
    """Return the token of an ``Authorization`` header (RFC 9110, 11.6.2).

    Raises NotAuthenticatedError with the texts of the documented API.
    """
    if not carries_token(header):
        raise NotAuthenticatedError
    _, *parts = (header or "").split()
    if not parts:
        raise NotAuthenticatedError("Invalid token header. No credentials provided.")
    if len(parts) > 1:
        raise NotAuthenticatedError("Invalid token header. Token string should not contain spaces.")
    return parts[0]


def carries_token(header: str | None) -> bool:
    """Return whether the scheme of an ``Authorization`` header carries tokens; other schemes count as no header."""
    return (header or "").strip().partition(" ")[0].lower() in {"token", "bearer"}


def _authorization(connection: Connection) -> str | None:
    sent = headers_of(connection.scope).get(b"authorization")
    return None if sent is None else sent.decode("latin-1")
