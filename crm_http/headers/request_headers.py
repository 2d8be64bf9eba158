"""Headers of requests by their names."""

from collections.abc import Mapping
from typing import Any

from litestar.types import HTTPScope, WebSocketScope


def headers_of(scope: HTTPScope | WebSocketScope) -> Mapping[bytes, bytes]:
    """Return the headers of a request by their lower-case names, read once for all who ask.

    Values of a repeated one are joined by commas (RFC 9110, 5.3).
    """
    state: dict[str, Any] = scope.setdefault("state", {})
    found: dict[bytes, bytes] | None = state.get("headers")
    if found is None:
        found = state["headers"] = {}
        for name, value in scope["headers"]:
            found[name] = b"%b,%b" % (found[name], value) if name in found else value
    return found
