"""The outermost layer, before routing: limits on every request, and headers of every answer."""

import asyncio
import logging
import math
import os
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Final

import attrs
from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from litestar.types.asgi_types import ReceiveMessage
from msgspec.json import encode

from crm_core.errors import CrmError, NotFoundError, ThrottledError, UnavailableError
from crm_http.client_address import ClientAddresses
from crm_http.compression import CompressingSend, accepted_coding, is_compressible
from crm_http.cross_origin import CrossOrigin
from crm_http.fairness import MAX_RUNNING_BESIDE_OTHERS, MAX_TURN_WAIT, Guests, Places, Share, Turns, hash_in
from crm_http.rate_limit import TokenRates
from crm_http.response_headers import Headers, varying
from crm_http.settings import Network, RateLimit
from crm_http.site import Site
from crm_http.statuses import STATUSES

logger = logging.getLogger("crm.http")

#: Is called after each request with its method, the template of its route, the status, the seconds, and its scope.
RequestObserver = Callable[[str, str, int, float, HTTPScope], None]

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._~:+/=-]{1,128}")
_ROUTED: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_KNOWN: Final = _ROUTED | {"HEAD"}
#: Paths that overload does not close: monitoring must go on.
_NEVER_REFUSED: Final = frozenset({"/healthz", "/healthz/", "/readyz", "/readyz/"})
#: Headers of answers whose handlers do not set them. Answers are no pages, so browsers may load, run and frame nothing
#: in them, nor show them in pages of other sites. Strict-Transport-Security is for the proxy that ends TLS.
_DEFAULT_HEADERS: Final = [
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
]
#: Seconds that a user who has more than a share is kept waiting for a refusal while others are there. Most clients try
#: again at once, and answering that would take the time that the others need.
_REFUSAL_DELAY: Final = 0.5
#: Methods of requests that have no body, as a rule; the rest of a body is not waited for.
_WITHOUT_BODY: Final = frozenset({"GET", "HEAD", "OPTIONS"})
#: What is read of a body that no handler has read to its end, before the answer: at most so many bytes, as long as
#: pieces follow each other within so many seconds. A server that closes a connection on which bytes wait resets it,
#: and a client that is still sending then loses the answer (RFC 9112, 9.6).
_MAX_DRAINED: Final = 16_000_000
_DRAIN_SECONDS: Final = 1.0
#: The status that logs show for a client that was gone before the answer, as nginx has it.
_CLIENT_CLOSED: Final = 499


@attrs.frozen(kw_only=True)
class Limits:
    """Limits that protect a worker from a flood of requests, and from clients that are slow on purpose.

    Attributes:
        requests: the most requests in flight; further ones are refused at once, but for users who have less than an
            equal share of them.
        body_seconds: for a body that is read at once, and for each piece of one that is streamed.
        pieces_seconds: for the whole of a streamed body.
        send_seconds: for a client to accept a piece of a long answer.
        rate: how many requests one token may make; None for any number.
        trusted_proxies: the networks of proxies that tell the addresses of clients, by which logins are limited.
    """

    requests: int = 256
    body_seconds: float = 30.0
    pieces_seconds: float = 600.0
    send_seconds: float = 30.0
    rate: RateLimit | None = None
    trusted_proxies: tuple[Network, ...] = ()


class AbandonedError(Exception):
    """An answer was begun and cannot be finished. The connection is closed, so that no client takes it for complete."""


class RequestMiddleware:
    """An ASGI app around the app.

    Args:
        app: answers the requests.
        limits: the limits of requests.
        observers: are called after each request.
        site: where the app is on the web.
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: Limits | None = None,
        observers: Sequence[RequestObserver] = (),
        *,
        site: Site | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.places = Places(self.limits.requests)
        self._guests = Guests()
        self._turns = Turns(self._guests)
        self.running = Turns(self._guests, math.inf, MAX_RUNNING_BESIDE_OTHERS)
        self._addresses = ClientAddresses(self.limits.trusted_proxies)
        self._rates = TokenRates(self.limits.rate) if self.limits.rate else None
        self._app = app
        self._observers = observers
        self._site = site or Site()
        self.cross_origin = CrossOrigin(self._site.cors_origins) if self._site.cors_origins else None

    @property
    def in_flight(self) -> int:
        """Return how many requests are being answered; those whose body has not arrived are not counted."""
        return self.places.taken

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = _request_id(scope)
        state = scope.setdefault("state", {})
        state["root_path"], path = self._site.locate(scope)
        if path != scope["path"] or scope.get("root_path"):
            # The router would remove a root path wherever it occurs.
            scope = {**scope, "path": path, "root_path": ""}
        state["scheme"] = self._addresses.scheme(scope)
        state["request_id"] = request_id.decode()
        state["limits"] = self.limits
        state["client_address"] = address = self._addresses.of(scope)
        state["share"] = self._share(scope, address)
        method = state["method"] = scope["method"]
        if method not in _ROUTED:
            # HEAD is GET without the body of the answer. Methods that the router does not know go to the route as
            # OPTIONS; it refuses them by their own name after it has checked the caller.
            scope = {**scope, "method": HttpMethod.GET if method == "HEAD" else HttpMethod.OPTIONS}
        request = _RequestScope(self, scope, receive, send, is_head=method == "HEAD")
        state["step_out"], state["step_in"] = request.step_out, request.step_in
        request.step_in()
        try:
            await self._serve(scope, request)
        finally:
            request.step_out()  # there may have been no answer, as for a client who went away
            if self._observers:
                name = method if method in _KNOWN else "OTHER"
                route, seconds = scope.get("path_template", "-"), time.perf_counter() - began
                for observe in self._observers:
                    observe(name, route, request.status, seconds, scope)

    def _share(self, scope: HTTPScope, address: str) -> Share:
        token = hash_in(next((value for name, value in scope["headers"] if name == b"authorization"), b""))
        guest = None if scope["path"] in _NEVER_REFUSED else self._guests.welcome(token, address)
        return Share(token, guest, self._guests, self._turns)

    async def _serve(self, scope: HTTPScope, request: "_RequestScope") -> None:
        try:
            if scope["state"]["method"] == "OPTIONS" and self.cross_origin and self.cross_origin.is_preflight(scope):
                await _answer_empty(request.send, self.cross_origin.preflight_headers())
            elif refusal := self._refusal(scope, request.share):
                if isinstance(refusal, UnavailableError) and self._guests.has_others(request.share.guest):
                    with self.places.away(request.share.guest):
                        await asyncio.sleep(_REFUSAL_DELAY)
                await _refuse(request.send, refusal)
            elif await request.begins():
                await self._app(scope, request.receive, _compressing(scope, request.send))
            else:
                await _refuse(request.send, UnavailableError())
        except Exception as error:
            # The app has answered every other error. The server would log the error's text, which may hold values.
            if not request.is_stalled:
                request_id = scope["state"]["request_id"]
                logger.error("request %s was answered in part", request_id, exc_info=error)  # noqa: TRY400
            raise AbandonedError from None

    def _refusal(self, scope: HTTPScope, share: Share) -> CrmError | None:
        """Return why a request is refused before it is routed, if it is."""
        if share.guest is None:
            return None
        if self.places.is_beyond(share.guest):
            return UnavailableError()
        if not _is_canonical(scope):
            return NotFoundError()
        wait = self._rates.seconds_to_wait(share.token) if self._rates and share.token else 0
        return ThrottledError(wait) if wait else None


class _RequestScope:
    """One request and its answer: the ``receive`` and ``send`` that the app gets in place of the server's."""

    __slots__ = (
        "_has_place",
        "_is_begun",
        "_is_head",
        "_is_read",
        "_is_running",
        "_middleware",
        "_receive",
        "_scope",
        "_send",
        "is_stalled",
        "share",
        "status",
    )

    def __init__(
        self,
        middleware: RequestMiddleware,
        scope: HTTPScope,
        receive: Receive,
        send: Send,
        *,
        is_head: bool,
    ) -> None:
        self._middleware = middleware
        self._scope = scope
        self._receive = receive
        self._send = send
        self._is_head = is_head
        self._has_place = self._is_begun = self._is_read = self._is_running = False
        self.share: Share = scope["state"]["share"]
        self.is_stalled = False
        self.status = _CLIENT_CLOSED

    def step_in(self) -> None:
        """Take a place among the requests in flight, unless the request has one."""
        if not self._has_place:
            self._has_place = True
            self._middleware.places.enter(self.share.guest)

    def step_out(self) -> None:
        """Give the place back, and the turn: what is awaited now costs the server nothing."""
        self.ends()
        if self._has_place:
            self._has_place = False
            self._middleware.places.leave(self.share.guest)

    async def begins(self) -> bool:
        """Wait until the request may be worked on; return False if that takes too long."""
        if self.share.guest is not None:
            try:
                await self._middleware.running.take(self.share.guest, MAX_TURN_WAIT)
            except UnavailableError:
                return False
            self._is_running = True
        return True

    def ends(self) -> None:
        """Let others be worked on: the answer begins, or the rest depends on the client."""
        if self._is_running:
            self._is_running = False
            self._middleware.running.give_back(self.share.guest)

    async def receive(self) -> ReceiveMessage:
        """Return a piece of the body. The request is not counted as in flight while it waits.

        Raises UnavailableError where too many requests are in flight when the body begins to arrive.
        """
        if self._is_read or self.status != _CLIENT_CLOSED:
            return await self._receive()
        places, guest = self._middleware.places, self.share.guest
        self.ends()
        with places.away(guest):
            message = await self._receive()
        if not self._is_begun and guest is not None and (places.is_beyond(guest) or not await self.begins()):
            raise UnavailableError
        self._is_begun, self._is_read = True, not message.get("more_body")
        return message

    async def send(self, message: Message) -> None:
        """Send the head of the answer, or a piece of its body."""
        if message["type"] == "http.response.start":
            if not self._is_read and _sends_body(self._scope):
                await self._drain()
                if not self._is_read:
                    message["headers"] = [*message["headers"], (b"connection", b"close")]
            self.status = message["status"]
            self.ends()
            message["headers"] = self._completed(message["status"], message["headers"])
        elif self._is_head and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        if message.get("more_body"):
            await self._send_piece(message)
        else:
            await self._send(message)

    async def _drain(self) -> None:
        """Read the rest of the body, so that the client can read the answer."""
        if not self._is_begun and _waits_to_send(self._scope):
            return
        self.ends()
        left = _MAX_DRAINED
        with self._middleware.places.away(self.share.guest), suppress(TimeoutError):
            async with asyncio.timeout(self._middleware.limits.body_seconds):
                while left > 0 and not self._is_read:
                    async with asyncio.timeout(_DRAIN_SECONDS):
                        message = await self._receive()
                    if message["type"] != "http.request":
                        return
                    left -= len(message["body"])
                    self._is_read = not message["more_body"]

    def _completed(self, status: int, headers: Headers) -> list[tuple[bytes, bytes]]:
        """Return the headers of the answer with those that every answer has."""
        present = {name for name, _ in headers}
        added = [header for header in _DEFAULT_HEADERS if header[0] not in present]
        completed = [*headers, *added, (b"x-request-id", self._scope["state"]["request_id"].encode())]
        if is_compressible(status, headers):
            completed = varying(completed, b"Accept-Encoding")
        cross_origin = self._middleware.cross_origin
        return cross_origin.shared(self._scope, completed) if cross_origin else completed

    async def _send_piece(self, message: Message) -> None:
        try:
            async with asyncio.timeout(self._middleware.limits.send_seconds):
                await self._send(message)
        except TimeoutError:
            self.is_stalled = True
            raise


def _compressing(scope: HTTPScope, send: Send) -> Send:
    """Return a ``send`` that compresses the answer if the client accepts that."""
    asked = next((value for name, value in scope["headers"] if name == b"accept-encoding"), b"")
    coding = accepted_coding(asked) if asked else ""
    if not coding:
        return send
    known = next((value for name, value in scope["headers"] if name == b"if-none-match"), b"")
    return CompressingSend(send, coding, known.decode("latin-1"))


async def _answer_empty(send: Send, headers: Headers) -> None:
    await send({"type": "http.response.start", "status": HTTPStatus.NO_CONTENT, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _refuse(send: Send, error: CrmError) -> None:
    """Answer with an error without reading the request."""
    headers = [(b"content-type", b"application/json")]
    if isinstance(error, UnavailableError | ThrottledError):
        wait = error.wait if isinstance(error, ThrottledError) else error.retry_after
        headers.append((b"retry-after", b"%d" % wait))
    await send({"type": "http.response.start", "status": STATUSES[type(error)], "headers": headers})
    await send({"type": "http.response.body", "body": encode({"detail": str(error)}), "more_body": False})


def _is_canonical(scope: HTTPScope) -> bool:
    """Return whether the path has one spelling. The router would drop empty parts, and take ``%2F`` for a slash.

    What a proxy in front allows or refuses by path could then be reached by another spelling of it.
    """
    path = scope.get("raw_path") or scope["path"].encode()
    return b"//" not in path and b"%2f" not in path and b"%2F" not in path


def _sends_body(scope: HTTPScope) -> bool:
    """Return whether the request has a body."""
    return scope["state"]["method"] not in _WITHOUT_BODY and any(
        name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"]
    )


def _waits_to_send(scope: HTTPScope) -> bool:
    """Return whether the client sends the body only if it is asked for (RFC 9110, 10.1.1)."""
    return any(name == b"expect" for name, _ in scope["headers"])


def _request_id(scope: HTTPScope) -> bytes:
    """Return the client's own id of the request where it has a safe form, or else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return value
    return os.urandom(16).hex().encode()
