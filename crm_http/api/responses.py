"""Responses: JSON, records with their versions, and the link to the next page."""

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlencode

from litestar.response.base import ASGIResponse

from crm_core.engine.receipts import Document
from crm_core.model.plain_values import json_text, plain
from crm_http.api.preconditions import version_tag
from crm_http.api.requests import JSON, AnyRequest
from crm_http.site import root_path


def json_response(
    value: object, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> ASGIResponse:
    """Return entities and plain values as JSON; numbers keep their digits."""
    body = json_text(plain(value)).encode()
    return ASGIResponse(body=body, status_code=status, media_type=JSON, headers=dict(headers or {}))


def record_response(
    document: Document, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> ASGIResponse:
    """Return a record as it is stored, with its version."""
    headers = {**version_tag(document.version), **(headers or {})}
    if document.is_replayed:
        headers["Idempotent-Replayed"] = "true"
    return ASGIResponse(body=document.body, status_code=status, media_type=JSON, headers=headers)


def created_response(request: AnyRequest, document: Document, path: str) -> ASGIResponse:
    """Return a new record with its path."""
    return record_response(document, HTTPStatus.CREATED, {"Location": f"{root_path(request)}{path}/"})


def link_to_next(request: AnyRequest, path: str, params: Mapping[str, str], cursor: str | None) -> dict[str, str]:
    """Return the ``Link`` header (RFC 8288) of the next page, which begins at the cursor; no header without one."""
    if cursor is None:
        return {}
    return {"Link": f'<{root_path(request)}{path}/?{urlencode({**params, "cursor": cursor})}>; rel="next"'}
