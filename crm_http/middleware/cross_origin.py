"""Cross-origin resource sharing: which web pages of other origins may call the API (https://fetch.spec.whatwg.org/).

Tokens are in a header that pages set themselves, and there are no cookies, so nothing is allowed "with credentials".
"""

from collections.abc import Sequence
from typing import Final

from litestar.types import HTTPScope

from crm_http.headers.request_headers import headers_of
from crm_http.headers.response_headers import Headers, varying

#: The methods of the API.
_METHODS: Final = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
#: The headers of requests that have a meaning here, beside those that every page may send.
REQUEST_HEADERS: Final = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "If-Range",
    "Last-Event-ID",
    "Prefer",
    "Range",
    "X-Request-ID",
    "traceparent",
    "tracestate",
)
#: The headers of responses that pages may read, beside those that they always may.
EXPOSED_HEADERS: Final = (
    "Accept-Encoding",
    "Accept-Ranges",
    "Allow",
    "Content-Disposition",
    "Content-Range",
    "ETag",
    "Idempotent-Replayed",
    "Link",
    "Location",
    "Preference-Applied",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-ID",
)
#: Seconds for which a browser need not ask again. Chromium takes two hours at most, Firefox a day.
_MAX_AGE: Final = 86_400
_EVERY: Final = "*"

_PREFLIGHT: Final = [
    (b"access-control-allow-methods", _METHODS.encode()),
    (b"access-control-allow-headers", ", ".join(REQUEST_HEADERS).encode()),
    (b"access-control-max-age", b"%d" % _MAX_AGE),
]
#: The default headers forbid other sites to embed answers. A page that may read an answer may embed it, too.
_EMBEDDABLE: Final = (b"cross-origin-resource-policy", b"cross-origin")


class CrossOrigin:
    """Lets pages of some origins read answers.

    Args:
        origins: as browsers write them, such as ``https://app.example.org``; ``*`` for every origin.
    """

    def __init__(self, origins: Sequence[str]) -> None:
        self._origins = frozenset(origin.encode() for origin in origins)
        self._is_public = _EVERY in origins

    def is_preflight(self, scope: HTTPScope) -> bool:
        """Return whether a browser asks, before a request of an allowed page, whether it may send it.

        Such a request has no credentials, so it is answered before they are asked for.
        """
        headers = headers_of(scope)
        return b"access-control-request-method" in headers and self._may_read(headers.get(b"origin", b""))

    def preflight_headers(self) -> list[tuple[bytes, bytes]]:
        """Return what the answer to a preflight has beside ``shared``."""
        return list(_PREFLIGHT)

    def shared(self, scope: HTTPScope, headers: Headers) -> list[tuple[bytes, bytes]]:
        """Return the headers of an answer with those that let an allowed page read it.

        All answers vary by the origin, those to requests without one too: a cache must not give them to pages.
        """
        origin = headers_of(scope).get(b"origin", b"")
        answered = list(headers) if self._is_public else varying(headers, b"Origin")
        if not self._may_read(origin):
            return answered
        return [
            *(header for header in answered if header[0] != _EMBEDDABLE[0]),
            _EMBEDDABLE,
            (b"access-control-allow-origin", _EVERY.encode() if self._is_public else origin),
            (b"access-control-expose-headers", ", ".join(EXPOSED_HEADERS).encode()),
        ]

    def _may_read(self, origin: bytes) -> bool:
        return bool(origin) and (self._is_public or origin in self._origins)
