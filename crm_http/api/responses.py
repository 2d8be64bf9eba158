"""Responses: JSON, records with their versions, and the link to the next page."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from urllib.parse import urlencode

from litestar.datastructures import MutableScopeHeaders
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from crm_core.engine.receipts import Document
from crm_core.model.plain_values import json_text, plain
from crm_http.api.preconditions import version_tag
from crm_http.api.requests import JSON, AnyRequest
from crm_http.site import root_path


class JsonResponse(ASGIResponse):
    """JSON that is ready. The framework's own response takes eight times as long to put its headers together.

    Args:
        body: the JSON.
        status: a status that allows a body.
        headers: all headers but those of the body.
    """

    __slots__ = ()

    def __init__(
        self, body: bytes, status: int = HTTPStatus.OK, headers: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        of_body = ((b"content-type", JSON.encode()), (b"content-length", b"%d" % len(body)))
        given = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        self.headers: MutableScopeHeaders = MutableScopeHeaders({"headers": [*given, *of_body]})
        self.body: bytes = body
        self.status_code: int = status
        self.content_length: int = len(body)
        self.background: None = None
        self.encoding: str = "utf-8"
        self.is_head_response: bool = False
        self._encoded_cookies = ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  # as every ASGI app
        """Send the response, which has no cookies, and nothing to do afterwards."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.headers.headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


def json_response(
    value: object, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> ASGIResponse:
    """Return entities and plain values as JSON; numbers keep their digits."""
    return JsonResponse(json_text(plain(value)).encode(), status, headers or {})


def record_response(
    document: Document, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> ASGIResponse:
    """Return a record as it is stored, with its version."""
    headers = {**version_tag(document.version), **(headers or {})}
    if document.is_replayed:
        headers["Idempotent-Replayed"] = "true"
    return JsonResponse(document.body, status, headers)


def created_response(request: AnyRequest, document: Document, path: str) -> ASGIResponse:
    """Return a new record with its path."""
    return record_response(document, HTTPStatus.CREATED, {"Location": f"{root_path(request)}{path}/"})


def link_to_next(request: AnyRequest, path: str, params: Mapping[str, str], cursor: str | None) -> dict[str, str]:
    """Return the ``Link`` header (RFC 8288) of the next page, which begins at the cursor; no header without one."""
    if cursor is None:
        return {}
    return {"Link": f'<{root_path(request)}{path}/?{urlencode({**params, "cursor": cursor})}>; rel="next"'}
