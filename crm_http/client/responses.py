"""Reads values from responses, and raises the errors of ``crm_core.errors`` for error responses."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar
from uuid import UUID

import httpx
import msgspec

from crm_core.errors import (
    AttributeInUseError,
    CrmError,
    CursorGoneError,
    DeliveryFinishedError,
    ErasedError,
    IdempotencyKeyReusedError,
    ImportFinishedError,
    InUseError,
    InvalidError,
    MergedError,
    NotAuthenticatedError,
    NotFoundError,
    PermissionDeniedError,
    Problem,
    Problems,
    RequestInProgressError,
    RestoreRefusedError,
    SameFileError,
    ThrottledError,
    TransferDecidedError,
    UnavailableError,
    UndoRefusedError,
    VersionConflictError,
)
from crm_core.input.decimals import fixed_point
from crm_core.input.numbers import parse_decimal
from crm_core.model.read_versions import keep_version
from crm_http.headers.entity_tags import versions_in
from crm_http.statuses import STATUSES

E = TypeVar("E")


class UnexpectedResponseError(CrmError):
    """The answer has an unexpected status, or its body cannot be read.

    Attributes:
        status: its HTTP status.
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class NoResponseError(CrmError):
    """There was no answer: no server, or the connection was lost. The request may have been carried out."""


def read_as(kind: type[E]) -> Callable[[httpx.Response], E]:
    """Return a function that reads an answer as an entity, with its version for ``version_of``."""

    def read(response: httpx.Response) -> E:
        value = decode(response, kind)
        if version := version_in(response):
            keep_version(value, version)
        return value

    return read


def decode(response: httpx.Response, kind: type[E]) -> E:
    """Return the body of an answer as a type. Raises UnexpectedResponseError if it is anything else.

    Numbers keep their digits: whole ones are int, those with a point or an exponent Decimal.
    """
    try:
        decoder = msgspec.json.Decoder(kind, float_hook=parse_decimal, dec_hook=fixed_point)
        return decoder.decode(response.content)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnexpectedResponseError(response.status_code, f"The answer cannot be read. {error}") from error


def version_in(response: httpx.Response) -> int:
    """Return the version in an answer's ``ETag``, which compressing proxies change; 0 if there is none."""
    return next(iter(versions_in(response.headers.get("ETag", ""))), 0)


def retry_after_of(response: httpx.Response) -> int:
    """Return ``Retry-After`` in seconds; 0 if it is missing or a date."""
    text = response.headers.get("Retry-After", "")
    return int(text) if text.isascii() and text.isdigit() else 0


def error_of(response: httpx.Response) -> CrmError:
    """Return the error of an error answer, with a note that names the request."""
    try:
        body = msgspec.json.decode(response.content)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        body = None
    members: Mapping[str, Any] = body if isinstance(body, dict) else {}
    detail = members.get("detail", response.reason_phrase)
    # Problems of fields are lists of texts; a problem of the whole request is one text under "detail".
    if response.status_code == STATUSES[InvalidError] and members and not isinstance(members.get("detail"), str):
        error: CrmError = InvalidError(_problems(members))
    else:
        error = _ERRORS.get(response.status_code, _other)(response, str(detail), members)
    request = response.request
    error.add_note(f"{request.method} {request.url.path}: {response.headers.get('X-Request-ID', 'no request id')}")
    return error


def _other(response: httpx.Response, detail: str, _: Mapping[str, Any]) -> CrmError:
    return UnexpectedResponseError(response.status_code, detail)


def _conflict(response: httpx.Response, detail: str, members: Mapping[str, Any]) -> CrmError:
    """Return which conflict it is: its members name it, or else the request."""
    if run := members.get("run"):
        return SameFileError(UUID(run))
    if isinstance(state := members.get("state"), str):
        return TransferDecidedError(state)
    if "undone_by" in members:
        return UndoRefusedError(detail, run=members["undone_by"] and UUID(members["undone_by"]))
    if isinstance(reasons := members.get("reasons"), dict):
        return RestoreRefusedError(_problems(reasons))
    return _conflict_of(response.request, detail)


def _conflict_of(request: httpx.Request, detail: str) -> CrmError:
    """Return which conflict it is: attributes are changed by POST; else it is of a repeated request, or a delete."""
    path, header = request.url.path, "Idempotency-Key"
    if "/api/attributes/" in path and request.method == "POST" and header not in detail:
        return AttributeInUseError(detail)
    if header in request.headers:
        return RequestInProgressError(detail)
    if "/api/imports/" in path:
        return ImportFinishedError(detail)
    return DeliveryFinishedError(detail) if "/deliveries/" in path else InUseError(detail)


def _gone(response: httpx.Response, detail: str, members: Mapping[str, Any]) -> CrmError:
    """Return what is gone: a record that has become another one, a place in the feed, else a record."""
    if "merged_into" in members:
        *_, path, _, _ = response.request.url.path.split("/")
        return MergedError(path, UUID(members["merged_into"]))
    is_feed = response.request.url.path.endswith("/changes/")
    return CursorGoneError(detail) if is_feed else ErasedError(detail)


_ERRORS: Final[Mapping[int, Callable[[httpx.Response, str, Mapping[str, Any]], CrmError]]] = {
    STATUSES[NotAuthenticatedError]: lambda _, detail, __: NotAuthenticatedError(detail),
    STATUSES[PermissionDeniedError]: lambda _, detail, __: PermissionDeniedError(detail),
    STATUSES[NotFoundError]: lambda _, detail, __: NotFoundError(detail),
    STATUSES[InUseError]: _conflict,
    STATUSES[CursorGoneError]: _gone,
    STATUSES[VersionConflictError]: lambda r, detail, members: VersionConflictError(
        version_in(r), members.get("changed_fields", ()), detail
    ),
    STATUSES[IdempotencyKeyReusedError]: lambda _, detail, __: IdempotencyKeyReusedError(detail),
    STATUSES[ThrottledError]: lambda r, _, __: ThrottledError(max(retry_after_of(r), 1)),
    STATUSES[UnavailableError]: lambda r, detail, _: UnavailableError(detail, retry_after=max(retry_after_of(r), 1)),
}


def _problems(members: Mapping[str, Any]) -> dict[str, Problems]:
    """Return the texts of an error answer as problems; their codes are not on the wire."""
    return {name: _problem(member) for name, member in members.items()}


def _problem(member: Any) -> Problems:
    if isinstance(member, dict):
        return _problems(member)
    return tuple(Problem("invalid", str(text)) for text in (member if isinstance(member, list) else [member]))
