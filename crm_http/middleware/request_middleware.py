"""The outermost layer, before routing: limits on every request, and headers of every answer."""

import asyncio
import logging
import math
import re
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Final

from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send
from msgspec.json import encode

from crm_core.errors import CrmError, NotFoundError, ThrottledError, UnavailableError
from crm_core.use_cases.randomness import random_bytes
from crm_http.headers.request_headers import first_of
from crm_http.headers.response_headers import Headers
from crm_http.middleware.client_address import ClientAddresses
from crm_http.middleware.compression import compressing
from crm_http.middleware.cross_origin import CrossOrigin
from crm_http.middleware.fairness import MAX_RUNNING_BESIDE_OTHERS, Guests, Places, Share, Turns, hash_in
from crm_http.middleware.limits import Limits
from crm_http.middleware.rate_limit import TokenRates
from crm_http.middleware.request_scope import RequestScope, SharedState
from crm_http.site import Site
from crm_http.statuses import STATUSES

logger: Final = logging.getLogger("crm.http")

#: Is called after each request with its method, the template of its route, the status, the seconds, and its scope.
RequestObserver = Callable[[str, str, int, float, HTTPScope], None]

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._~:+/=-]{1,128}")
_ROUTED: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_KNOWN: Final = _ROUTED | {"HEAD"}
#: Paths that overload does not close: monitoring must go on.
_NEVER_REFUSED: Final = frozenset({"/healthz", "/healthz/", "/readyz", "/readyz/"})
#: Seconds that a user who has more than a share is kept waiting for a refusal while others are there. Most clients try
#: again at once, and answering that would take the time that the others need.
_REFUSAL_DELAY: Final = 0.5


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
        limits = limits or Limits()
        self._guests = Guests()
        self._turns = Turns(self._guests)
        self._addresses = ClientAddresses(limits.trusted_proxies)
        self._rates = TokenRates(limits.rate) if limits.rate else None
        self._app = app
        self._observers = observers
        self._site = site or Site()
        self._shared = SharedState(
            limits,
            Places(limits.requests),
            Turns(self._guests, math.inf, MAX_RUNNING_BESIDE_OTHERS),
            CrossOrigin(self._site.cors_origins) if self._site.cors_origins else None,
        )

    @property
    def in_flight(self) -> int:
        """Return how many requests are being answered; those whose body has not arrived are not counted."""
        return self._shared.places.taken

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
        state["limits"] = self._shared.limits
        state["client_address"] = address = self._addresses.of(scope)
        state["share"] = self._share(scope, address)
        method = state["method"] = scope["method"]
        if method not in _ROUTED:
            # HEAD is GET without the body of the answer. Methods that the router does not know go to the route as
            # OPTIONS; it refuses them by their own name after it has checked the caller.
            scope = {**scope, "method": HttpMethod.GET if method == "HEAD" else HttpMethod.OPTIONS}
        request = RequestScope(self._shared, scope, receive, send, is_head=method == "HEAD")
        state["request"] = request
        request.step_in()
        try:
            await self._serve(scope, request)
        finally:
            request.step_out()  # there may have been no answer, as for a client who went away
            # It holds the scope that holds it. Without this circle all of a request is freed at once, also its body.
            del state["request"]
            if self._observers:
                name = method if method in _KNOWN else "OTHER"
                route, seconds = scope.get("path_template", "-"), time.perf_counter() - began
                for observe in self._observers:
                    observe(name, route, request.status, seconds, scope)

    def _share(self, scope: HTTPScope, address: str) -> Share:
        token = hash_in(first_of(scope, b"authorization"))
        guest = None if scope["path"] in _NEVER_REFUSED else self._guests.welcome(token, address)
        return Share(token, guest, self._guests, self._turns)

    async def _serve(self, scope: HTTPScope, request: RequestScope) -> None:
        try:
            cross_origin = self._shared.cross_origin
            if scope["state"]["method"] == "OPTIONS" and cross_origin and cross_origin.is_preflight(scope):
                await _answer_empty(request.send, cross_origin.preflight_headers())
            elif refusal := self._refusal(scope, request.share):
                if isinstance(refusal, UnavailableError) and self._guests.has_others(request.share.guest):
                    with self._shared.places.away(request.share.guest):
                        await asyncio.sleep(_REFUSAL_DELAY)
                await _refuse(request.send, refusal)
            elif await request.begins():
                await self._app(scope, request.receive, compressing(scope, request.send))
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
        if self._shared.places.is_beyond(share.guest):
            return UnavailableError()
        if not _is_canonical(scope):
            return NotFoundError()
        wait = self._rates.seconds_to_wait(share.token) if self._rates and share.token else 0
        return ThrottledError(wait) if wait else None


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


def _request_id(scope: HTTPScope) -> bytes:
    """Return the client's own id of the request where it has a safe form, or else a new one."""
    sent = first_of(scope, b"x-request-id")
    return sent if _REQUEST_ID.fullmatch(sent) else random_bytes(16).hex().encode()
