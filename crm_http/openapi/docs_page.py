"""``/docs/``: the description as a page to read and to try, all of it served from this package."""

import hashlib
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import Final

from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from crm_core.errors import NotFoundError
from crm_http.api.auth import Access
from crm_http.api.preconditions import names
from crm_http.api.requests import AnyRequest, header
from crm_http.api.routing import everybody, mount

#: What the page consists of, by name: where it is in the package, and its type.
ASSETS: Final[Mapping[str, tuple[str, str]]] = {
    "": ("index.html", "text/html"),
    "reference.js": ("reference.js", "text/javascript"),
    "reference.css": ("reference.css", "text/css"),
    "swagger-ui-bundle.js": ("swagger-ui/swagger-ui-bundle.js", "text/javascript"),
    "swagger-ui.css": ("swagger-ui/swagger-ui.css", "text/css"),
}
#: Nothing comes from elsewhere, nothing goes elsewhere, and nothing in the page itself is a script or a style.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def mount_reference() -> list[HTTPRouteHandler]:
    """The page, and what it loads."""

    async def page(request: AnyRequest) -> ASGIResponse:
        return _asset(request, "")

    async def asset(request: AnyRequest) -> ASGIResponse:
        return _asset(request, request.path_params["name"])

    return [
        mount("/docs", {"GET": page}, everybody(Access.OPEN), serves_json=False),
        mount("/docs/{name:str}", {"GET": asset}, everybody(Access.OPEN), serves_json=False),
    ]


def _asset(request: AnyRequest, name: str) -> ASGIResponse:
    if name not in ASSETS:
        raise NotFoundError
    content, tag, media_type = _load(name)
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Content-Security-Policy": _POLICY}
    if names(header(request, b"if-none-match"), tag):
        return ASGIResponse(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return ASGIResponse(body=content, media_type=media_type, headers=headers)


@cache
def _load(name: str) -> tuple[bytes, str, str]:
    path, media_type = ASSETS[name]
    content = files("crm_http.openapi.reference").joinpath(path).read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()[:16]}"', media_type
