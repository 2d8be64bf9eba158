"""Who calls, and whether they may: one guard over every route, which refuses what does not say whom it lets in."""

import enum
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final

import attrs
from litestar.connection import ASGIConnection

from crm_core.errors import PermissionDeniedError
from crm_core.model.accounts import Caller, require
from crm_core.ports import Accounts
from crm_core.use_cases import accounts as use_cases
from crm_http.api.authorization import is_ours, read_authorization
from crm_http.api.errors import RequestError
from crm_http.api.requests import AnyRequest, read_idempotency

Connection = ASGIConnection[Any, Any, Any, Any]


class Access(enum.Enum):
    """Whom a route lets in, where that is no permission.

    Attributes:
        OPEN: everybody, and credentials are not looked at.
        PUBLIC: everybody, but credentials that are sent must be good, as the documented API had it.
        AUTHENTICATED: every user.
    """

    OPEN = enum.auto()
    PUBLIC = enum.auto()
    AUTHENTICATED = enum.auto()


#: The key under which a route declares its permission, or its Access, for each method.
PERMISSION: Final = "permission"


def guard(accounts: Accounts) -> Callable[[Connection], Awaitable[None]]:
    """The guard of the whole app, which runs before every answer.

    It is none of the framework's guards: for those the handler is copied, which takes a twelfth of a read.
    """

    async def authorize(connection: Connection) -> None:
        needed = connection.route_handler.opt.get(PERMISSION, {}).get(connection.scope.get("method"))
        if needed is Access.OPEN:
            return
        if any(name == b"webhook-signature" for name, _ in connection.scope["headers"]):
            raise RequestError(HTTPStatus.BAD_REQUEST, "Webhooks cannot call this API: each call could make the next.")
        header = _authorization(connection)
        if needed is Access.PUBLIC and not is_ours(header):
            return
        state = connection.scope["state"]
        token = read_authorization(header)
        state["who"] = who = await use_cases.authenticate(accounts, token, request_id=state.get("request_id", ""))
        if isinstance(needed, str):
            require(who.actor, needed)
        elif not isinstance(needed, Access):
            raise PermissionDeniedError  # a route that declares nothing lets nobody in

    return authorize


def caller(connection: Connection) -> Caller:
    """The caller whom the guard let in."""
    who = connection.scope["state"]["who"]
    assert isinstance(who, Caller)  # noqa: S101  # the guard put it there
    return who


def possible_caller(connection: Connection) -> Caller | None:
    """The caller of a route that is for everybody, if there are credentials."""
    return caller(connection) if "who" in connection.scope["state"] else None


async def lasting_caller(request: AnyRequest) -> Caller:
    """The caller of a request that can be known when it comes again; its body must have been read."""
    return attrs.evolve(caller(request), idempotency=await read_idempotency(request))


def token_of(connection: Connection) -> str:
    """The token that the caller sent."""
    return read_authorization(_authorization(connection))


def _authorization(connection: Connection) -> str | None:
    for name, value in connection.scope["headers"]:
        if name == b"authorization":
            return value.decode("latin-1")
    return None
