"""``/`` leads to the reference page, and ``/api/`` lists the resources, as the root of Django REST Framework does."""

from collections.abc import Iterable, Iterator
from http import HTTPStatus

from litestar.response.base import ASGIResponse

from crm_core.resources import Resource
from crm_http.api.auth import Access
from crm_http.api.endpoints import Endpoint, Reply
from crm_http.api.requests import AnyRequest
from crm_http.api.responses import json_response
from crm_http.api.routing import everybody
from crm_http.site import root_path, site_url

_DOCS = "/docs/"


def root_endpoints(endpoints: Iterable[Endpoint]) -> Iterator[Endpoint]:
    """Return the endpoints of ``/`` and of ``/api/``, which lists those of ``endpoints`` that are lists."""
    names = tuple(_listed(endpoints))

    async def home(request: AnyRequest) -> ASGIResponse:
        headers = {"Location": root_path(request) + _DOCS}
        return ASGIResponse(status_code=HTTPStatus.TEMPORARY_REDIRECT, headers=headers)

    async def root(request: AnyRequest) -> ASGIResponse:
        site = site_url(request)
        return json_response({name: f"{site}/api/{name}/" for name in names})

    yield Endpoint(
        *("GET", "/", home),
        access=everybody(Access.OPEN),
        id="home",
        tag="About",
        summary="Go to the reference page",
        description="For people who open the address of the server in a browser.",
        replies={307: Reply("The page is at another path.", headers=("Location",))},
    )
    yield Endpoint(
        *("GET", "/api", root),
        access=everybody(Access.AUTHENTICATED),
        id="root",
        tag="About",
        summary="List the resources with the URLs of their lists",
        description="As the root of Django REST Framework does. Attributes and follow-ups are lists of one entity or "
        "service, and so are not among them.",
        replies={200: Reply("The URL of each list, by the name of the resource.", "Root")},
    )


def _listed(endpoints: Iterable[Endpoint]) -> Iterator[str]:
    """Yield the last part of the path of each list that is one path, as ``/api/clients``."""
    for endpoint in endpoints:
        _, api, *rest = endpoint.path.split("/")
        is_list = isinstance(endpoint.query, Resource) or endpoint.tag == "Users"
        if endpoint.method == "GET" and api == "api" and len(rest) == 1 and is_list:
            yield rest[0]
