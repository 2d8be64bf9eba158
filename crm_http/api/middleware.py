"""The outermost layer, before routing: what every request is held to, and what every answer has."""

import asyncio
import logging
import math
import os
import re
import time
from collections.abc import Callable, Sequence
from typing import Final

from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from litestar.types.asgi_types import ReceiveMessage
from msgspec.json import encode

from crm_core.errors import UnavailableError
from crm_http.api.errors import STATUSES
from crm_http.api.limits import Limits

logger = logging.getLogger("crm.http")

#: Is told of each request: its method, the template of its route, the status, the seconds it took, and its scope.
RequestObserver = Callable[[str, str, int, float, HTTPScope], None]

_SANE_ID = re.compile(rb"[A-Za-z0-9._~:+/=-]{1,128}")
_ROUTED: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_KNOWN: Final = _ROUTED | {"HEAD"}
#: What overload does not touch: whoever looks after the server must be able to ask.
_NEVER_REFUSED: Final = frozenset({"/healthz", "/healthz/", "/readyz", "/readyz/"})
#: What an answer has whose route does not say otherwise. Nothing here is a page, so nothing may be loaded, run or
#: framed by one, nor be drawn into the pages of others. Strict-Transport-Security is for whoever ends TLS to say.
_ALWAYS: Final = [
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
]
#: As others call it when a client is gone before it was answered.
_NO_ANSWER: Final = 499


class AbandonedError(Exception):
    """An answer was begun and cannot be finished: the connection is closed, so that nobody takes it for whole."""


class Edge:
    """An ASGI app around the app.

    Args:
        app: what answers.
        limits: what requests are held to.
        observers: are told of each request.

    Attributes:
        working: how many requests are being worked on; those whose body is waited for are not.
    """

    def __init__(self, app: ASGIApp, limits: Limits | None = None, observers: Sequence[RequestObserver] = ()) -> None:
        self.limits = limits or Limits()
        self.working = 0
        self._app = app
        self._observers = observers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = _request_id(scope)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id.decode()
        state["limits"] = self.limits
        method = state["method"] = scope["method"]
        if method not in _ROUTED:
            # HEAD is GET whose answer keeps its body to itself. Methods that the router does not know travel as
            # OPTIONS to the route, which refuses them by their name once it knows the caller.
            scope = {**scope, "method": HttpMethod.GET if method == "HEAD" else HttpMethod.OPTIONS}
        most = math.inf if scope["path"] in _NEVER_REFUSED else self.limits.requests
        exchange = _Exchange(self, receive, send, request_id, is_head=method == "HEAD", most=most)
        self.working += 1
        try:
            await self._serve(scope, exchange)
        finally:
            self.working -= 1
            if self._observers:
                known = method if method in _KNOWN else "OTHER"
                route, taken = scope.get("path_template", "-"), time.perf_counter() - began
                for observe in self._observers:
                    observe(known, route, exchange.status, taken, scope)

    async def _serve(self, scope: HTTPScope, exchange: "_Exchange") -> None:
        try:
            if self.working > exchange.most:
                await _refuse(exchange.send)
            else:
                await self._app(scope, exchange.receive, exchange.send)
        except Exception as error:
            # The app answers for all else. The server would log the error's text, which may hold values of a record.
            if not exchange.is_stalled:
                request_id = scope["state"]["request_id"]
                logger.error("request %s was answered in part", request_id, exc_info=error)  # noqa: TRY400
            raise AbandonedError from None


class _Exchange:
    """One request and its answer: what the app is given in place of the server's ``receive`` and ``send``."""

    __slots__ = (
        "_edge",
        "_is_begun",
        "_is_head",
        "_is_read",
        "_receive",
        "_request_id",
        "_send",
        "is_stalled",
        "most",
        "status",
    )

    def __init__(
        self, edge: Edge, receive: Receive, send: Send, request_id: bytes, *, is_head: bool, most: float
    ) -> None:
        self._edge = edge
        self._receive = receive
        self._send = send
        self._request_id = request_id
        self._is_head = is_head
        self._is_begun = self._is_read = False
        self.most = most
        self.is_stalled = False
        self.status = _NO_ANSWER

    async def receive(self) -> ReceiveMessage:
        """A piece of the body; while it is waited for, the request is none that is worked on.

        Raises UnavailableError where too many are worked on when the body begins to come.
        """
        if self._is_read or self.status != _NO_ANSWER:
            return await self._receive()
        self._edge.working -= 1
        try:
            message = await self._receive()
        finally:
            self._edge.working += 1
        if not self._is_begun and self._edge.working > self.most:
            raise UnavailableError
        self._is_begun, self._is_read = True, not message.get("more_body")
        return message

    async def send(self, message: Message) -> None:
        """Send the head of the answer, or a piece of its body."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            present = {name for name, _ in message["headers"]}
            added = [each for each in _ALWAYS if each[0] not in present]
            message["headers"] = [*message["headers"], *added, (b"x-request-id", self._request_id)]
        elif self._is_head and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        if message.get("more_body"):
            await self._send_piece(message)
        else:
            await self._send(message)

    async def _send_piece(self, message: Message) -> None:
        try:
            async with asyncio.timeout(self._edge.limits.send_seconds):
                await self._send(message)
        except TimeoutError:
            self.is_stalled = True
            raise


async def _refuse(send: Send) -> None:
    """Answer that there is too much to do just now, without having looked at what is asked for."""
    error = UnavailableError()
    headers = [(b"content-type", b"application/json"), (b"retry-after", b"%d" % error.retry_after)]
    await send({"type": "http.response.start", "status": STATUSES[UnavailableError], "headers": headers})
    await send({"type": "http.response.body", "body": encode({"detail": str(error)}), "more_body": False})


def _request_id(scope: HTTPScope) -> bytes:
    """The client's own id where it is a sane one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _SANE_ID.fullmatch(value):
            return value
    return os.urandom(16).hex().encode()
