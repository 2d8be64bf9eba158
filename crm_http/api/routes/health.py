"""The endpoints of liveness and readiness."""

from collections.abc import Awaitable, Callable, Iterator
from http import HTTPStatus

from litestar.response.base import ASGIResponse

from crm_http.api.auth import Access
from crm_http.api.endpoints import Endpoint, Reply
from crm_http.api.requests import AnyRequest
from crm_http.api.responses import json_response
from crm_http.api.routing import everybody
from crm_http.payloads.bodies import Health


def health_endpoints(ready: Callable[[], Awaitable[bool]]) -> Iterator[Endpoint]:
    """Return ``/healthz``, which does not ask the database, so that no worker restarts for it, and ``/readyz``."""

    async def is_alive(_: AnyRequest) -> ASGIResponse:
        return json_response({"status": "ok"})

    async def is_ready(_: AnyRequest) -> ASGIResponse:
        if await ready():
            return json_response({"status": "ready"})
        return json_response({"status": "not ready"}, HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": "1"})

    yield Endpoint(
        *("GET", "/healthz", is_alive),
        access=everybody(Access.OPEN),
        id="healthz",
        tag="About",
        summary="Check that the server process runs",
        description="For the supervisor of the process: it does not ask the database.",
        replies={200: Reply("The process runs.", Health)},
    )
    yield Endpoint(
        *("GET", "/readyz", is_ready),
        access=everybody(Access.OPEN),
        id="readyz",
        tag="About",
        summary="Check that the server can answer requests",
        description="For load balancers: it asks the database.",
        replies={
            200: Reply("The server can answer requests.", Health),
            503: Reply("The server cannot answer requests at the moment.", Health),
        },
    )
