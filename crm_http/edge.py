"""The outermost layer, before routing: request ids, HEAD, and headers that every answer has."""

import re
from typing import Final
from uuid import uuid4

from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

_SANE_ID = re.compile(rb"[A-Za-z0-9._~:+/=-]{1,128}")
_ROUTED: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_ALWAYS: Final = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]


class Edge:
    """An ASGI app around the app."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id.decode()
        headers = [*_ALWAYS, (b"x-request-id", request_id)]
        method = scope["state"]["method"] = scope["method"]
        is_head = method == "HEAD"
        if method not in _ROUTED:
            # HEAD is GET whose answer keeps its body to itself. Methods that the router does not know travel as
            # OPTIONS to the route, which refuses them by their name once it knows the caller.
            scope = {**scope, "method": HttpMethod.GET if is_head else HttpMethod.OPTIONS}

        async def decorate(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(h for h in headers if h[0] not in present)]
            elif is_head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app(scope, receive, decorate)


def _request_id(scope: HTTPScope) -> bytes:
    """The client's own id where it is a sane one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _SANE_ID.fullmatch(value):
            return value
    return uuid4().hex.encode()
