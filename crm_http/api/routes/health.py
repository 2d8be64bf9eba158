"""Whether the process lives, and whether it is ready for requests."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from crm_http.api.auth import Access
from crm_http.api.requests import JSON, AnyRequest
from crm_http.api.routing import everybody, mount


def mount_health(ready: Callable[[], Awaitable[bool]]) -> list[HTTPRouteHandler]:
    """``/healthz`` asks nothing of the database, so that its absence restarts no worker; ``/readyz`` does."""

    async def live(_: AnyRequest) -> ASGIResponse:
        return ASGIResponse(body=b'{"status":"ok"}', media_type=JSON)

    async def is_ready(_: AnyRequest) -> ASGIResponse:
        if await ready():
            return ASGIResponse(body=b'{"status":"ready"}', media_type=JSON)
        return ASGIResponse(
            body=b'{"status":"not ready"}',
            status_code=HTTPStatus.SERVICE_UNAVAILABLE,
            media_type=JSON,
            headers={"Retry-After": "1"},
        )

    return [
        mount("/healthz", {"GET": live}, everybody(Access.OPEN)),
        mount("/readyz", {"GET": is_ready}, everybody(Access.OPEN)),
    ]
