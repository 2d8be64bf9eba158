"""From answers to values, and from refusals to errors: those of ``crm_core.errors`` where the meaning is the same."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import httpx
import msgspec

from crm_core.errors import (
    CrmError,
    IdempotencyKeyReusedError,
    InUseError,
    InvalidError,
    NotAuthenticatedError,
    NotFoundError,
    PermissionDeniedError,
    Problem,
    Problems,
    RequestInProgressError,
    ThrottledError,
    UnavailableError,
    VersionConflictError,
)
from crm_http.statuses import STATUSES

E = TypeVar("E")

_VERSION: Final = "version of the record"


class AnswerError(CrmError):
    """An answer that nothing else here stands for: a status of another kind, or something that cannot be read.

    Attributes:
        status: its HTTP status.
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class NoAnswerError(CrmError):
    """No answer came: nothing listens there, or the connection was lost. What was asked may have been done."""


def version_of(record: object) -> int | None:
    """The version that a record had when it was read; None for one from a list, which tells none."""
    found: int | None = vars(record).get(_VERSION)
    return found


def read_as(kind: type[E]) -> Callable[[httpx.Response], E]:
    """Reads an answer as an entity. Its version travels with it beside its fields: it is no part of what it says."""

    def read(response: httpx.Response) -> E:
        value = decode(response, kind)
        if version := version_in(response):
            vars(value)[_VERSION] = version
        return value

    return read


def decode(response: httpx.Response, kind: type[E]) -> E:
    """The answer's body. Raises AnswerError when it is something else."""
    try:
        return msgspec.json.decode(response.content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise AnswerError(response.status_code, f"The answer cannot be read. {error}") from error


def version_in(response: httpx.Response) -> int:
    """The version that an answer tells; 0 for none. Proxies that compress make tags weak."""
    tag = response.headers.get("ETag", "").removeprefix("W/").strip('"')
    return int(tag) if tag.isascii() and tag.isdigit() else 0


def seconds_asked_for(response: httpx.Response) -> int:
    """``Retry-After`` in seconds; 0 where it is missing or a date."""
    text = response.headers.get("Retry-After", "")
    return int(text) if text.isascii() and text.isdigit() else 0


def error_of(response: httpx.Response) -> CrmError:
    """The error that a refusal is, with a note that says which request it was."""
    try:
        body = msgspec.json.decode(response.content)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        body = None
    told: Mapping[str, Any] = body if isinstance(body, dict) else {}
    detail = told.get("detail", response.reason_phrase)
    # What is wrong with fields has lists of texts; what is wrong with the whole request has one text.
    if response.status_code == STATUSES[InvalidError] and told and not isinstance(told.get("detail"), str):
        error: CrmError = InvalidError(_problems(told))
    else:
        error = _ERRORS.get(response.status_code, _other)(response, str(detail), told)
    request = response.request
    error.add_note(f"{request.method} {request.url.path}: {response.headers.get('X-Request-ID', 'no request id')}")
    return error


def _other(response: httpx.Response, detail: str, _: Mapping[str, Any]) -> CrmError:
    return AnswerError(response.status_code, detail)


def _conflict(response: httpx.Response, detail: str, _: Mapping[str, Any]) -> CrmError:
    """Under a key it is a request under way. Deletes have none, and nothing else is refused for what refers to it."""
    if "Idempotency-Key" in response.request.headers:
        return RequestInProgressError(detail)
    return InUseError(detail)


_ERRORS: Final[Mapping[int, Callable[[httpx.Response, str, Mapping[str, Any]], CrmError]]] = {
    STATUSES[NotAuthenticatedError]: lambda _, detail, __: NotAuthenticatedError(detail),
    STATUSES[PermissionDeniedError]: lambda _, detail, __: PermissionDeniedError(detail),
    STATUSES[NotFoundError]: lambda _, detail, __: NotFoundError(detail),
    STATUSES[InUseError]: _conflict,
    STATUSES[VersionConflictError]: lambda r, _, told: VersionConflictError(
        version_in(r), told.get("changed_fields", ())
    ),
    STATUSES[IdempotencyKeyReusedError]: lambda _, detail, __: IdempotencyKeyReusedError(detail),
    STATUSES[ThrottledError]: lambda r, _, __: ThrottledError(max(seconds_asked_for(r), 1)),
    STATUSES[UnavailableError]: lambda r, detail, _: UnavailableError(detail, retry_after=max(seconds_asked_for(r), 1)),
}


def _problems(told: Mapping[str, Any]) -> dict[str, Problems]:
    """The texts of people as problems; the wire does not tell their codes."""
    return {name: _problem(each) for name, each in told.items()}


def _problem(told: Any) -> Problems:
    if isinstance(told, dict):
        return _problems(told)
    return tuple(Problem("invalid", str(each)) for each in (told if isinstance(told, list) else [told]))
