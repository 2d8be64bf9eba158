"""Headers of requests by their names."""

from collections.abc import Iterable, Mapping

from litestar.types import HTTPScope, WebSocketScope


def headers_of(scope: HTTPScope | WebSocketScope) -> Mapping[bytes, bytes]:
    """Return the headers of a request by their lower-case names, which are read once, for all who ask.

    Values of a repeated one are joined by commas (RFC 9110, 5.3).
    """
    try:
        headers: Mapping[bytes, bytes] = scope["state"]["headers"]
    except KeyError:
        headers = scope.setdefault("state", {})["headers"] = _by_name(scope["headers"])
    return headers


def first_of(scope: HTTPScope | WebSocketScope, name: bytes) -> bytes:
    """Return the first value of a header of which a request has one; empty without any."""
    return next((value for other, value in scope["headers"] if other == name), b"")


def _by_name(headers: Iterable[tuple[bytes, bytes]]) -> Mapping[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        found[name] = b"%b,%b" % (found[name], value) if name in found else value
    return found
