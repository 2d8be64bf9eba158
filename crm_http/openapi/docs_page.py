"""``/docs/``: the document as an interactive page; all its files are in this package."""

import asyncio
import hashlib
from collections.abc import Iterator, Mapping
from functools import lru_cache, partial
from http import HTTPStatus
from importlib.resources import files
from typing import Final

from litestar.response.base import ASGIResponse

from crm_core.errors import NotFoundError
from crm_http.api.auth import Access
from crm_http.api.endpoints import Endpoint, Reply
from crm_http.api.preconditions import matches_etag
from crm_http.api.requests import AnyRequest, header
from crm_http.api.routing import everybody
from crm_http.headers.entity_tags import entity_tag, in_coding
from crm_http.middleware.compression import accepted_coding, compress_file
from crm_http.site import root_path

#: The files of the page by name: where each is in the package, and its media type.
ASSETS: Final[Mapping[str, tuple[str, str]]] = {
    "": ("index.html", "text/html"),
    "reference.js": ("reference.js", "text/javascript"),
    "reference.css": ("reference.css", "text/css"),
    "swagger-ui-bundle.js": ("swagger-ui/swagger-ui-bundle.js", "text/javascript"),
    "swagger-ui.css": ("swagger-ui/swagger-ui.css", "text/css"),
    # As plain text, which browsers show; Markdown they would store.
    "api.md": ("api.md", "text/plain"),
}
_MEDIA_TYPES: Final = tuple(dict.fromkeys(media_type for _, media_type in ASSETS.values()))
#: How many files are kept in each form.
_KEPT: Final = 32
#: The page loads from this server alone, sends to this server alone, and has no scripts or styles in itself.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def page_endpoints() -> Iterator[Endpoint]:
    """Return the endpoints of the page and of the files that it loads."""

    async def page(request: AnyRequest) -> ASGIResponse:
        return await _asset(request, "")

    async def asset(request: AnyRequest) -> ASGIResponse:
        return await _asset(request, request.path_params["name"])

    declare = partial(
        Endpoint,
        access=everybody(Access.OPEN),
        tag="About",
        headers=("If-None-Match",),
        replies={
            200: Reply(
                "The file.",
                str,
                headers=("ETag",),
                media_types=_MEDIA_TYPES,
            ),
            304: Reply("The file has not changed.", headers=("ETag",)),
        },
        errors=frozenset({404}),
    )
    yield declare(
        *("GET", "/docs", page),
        id="docs",
        summary="Show this document as a page",
        description="Operations can be sent from the page.",
    )
    yield declare(
        *("GET", "/docs/{name}", asset),
        id="docs_asset",
        summary="Retrieve a file that the page loads or links",
        description="Among them `api.md`, the documentation in prose.",
        path_parameters={"name": {"type": "string", "description": "The name of the file.", "example": "api.md"}},
    )


async def _asset(request: AnyRequest, name: str) -> ASGIResponse:
    if name not in ASSETS:
        raise NotFoundError
    coding = accepted_coding(header(request, b"accept-encoding").encode("latin-1"))
    content, tag, media_type = _load(name, root_path(request))
    headers = {
        "ETag": in_coding(tag, coding) if coding else tag,
        "Cache-Control": "no-cache",
        "Content-Security-Policy": _POLICY,
        "Vary": "Accept-Encoding",
    }
    if matches_etag(header(request, b"if-none-match"), tag):
        return ASGIResponse(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    if coding:
        # In a thread, because the first time takes long.
        content = await asyncio.to_thread(_compressed, content, coding)
        headers["Content-Encoding"] = coding
    return ASGIResponse(body=content, media_type=media_type, headers=headers)


@lru_cache(_KEPT)
def _load(name: str, root: str) -> tuple[bytes, str, str]:
    """Return a file with its paths below a root, its entity tag, and its media type."""
    path, media_type = ASSETS[name]
    content = files("crm_http.openapi.docs_page_assets").joinpath(path).read_bytes()
    if media_type == "text/html":
        content = content.replace(b'"/docs/', b'"%b/docs/' % root.encode())
    return content, entity_tag(hashlib.sha256(content).hexdigest()[:16]), media_type


@lru_cache(_KEPT)
def _compressed(content: bytes, coding: str) -> bytes:
    return compress_file(content, coding)
