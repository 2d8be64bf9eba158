"""Error responses: a table by error, and bodies in the form of Django REST Framework (decision 3)."""

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException

from crm_core.errors import (
    AttributeInUseError,
    BulkRefusedError,
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
    Problems,
    RequestInProgressError,
    RestoreRefusedError,
    SameFileError,
    ThrottledError,
    TooLargeError,
    TransferDecidedError,
    UnavailableError,
    UndoRefusedError,
    UnregisteredError,
    VersionConflictError,
)
from crm_http.api.preconditions import expected_versions, version_tag
from crm_http.site import root_path
from crm_http.statuses import STATUSES

logger: Final = logging.getLogger("crm.http")


class RequestError(Exception):
    """A request is refused before its values are read, because of its body, method or headers.

    Attributes:
        status: the HTTP status.
        headers: headers that belong to it.
    """

    def __init__(self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.headers: Mapping[str, str] = headers or {}


class Refusal(NamedTuple):
    """The response to one kind of error.

    Attributes:
        meaning: one sentence, for the OpenAPI document.
        header: the name of a header of the response; empty for none.
        value: returns the value of that header.
        detail: the text of the response, if it differs from the core's text, which names no HTTP header.
    """

    meaning: str
    header: str = ""
    value: Callable[[Any], str] = str
    detail: str = ""


#: Refusals by the error of the core; ``STATUSES`` has their statuses.
REFUSALS: Final[Mapping[type[CrmError], Refusal]] = {
    InvalidError: Refusal("The request is not valid. The body says what is wrong."),
    NotAuthenticatedError: Refusal("The credentials are missing or wrong.", "WWW-Authenticate", lambda _: "Token"),
    PermissionDeniedError: Refusal("The caller does not have the permission."),
    NotFoundError: Refusal("The path, or an id in it, does not exist."),
    InUseError: Refusal("Other records refer to this record, so it cannot be deleted."),
    UnregisteredError: Refusal("It belongs to a resource that no package registers here."),
    AttributeInUseError: Refusal("Records or webhooks keep the attribute from being changed. The body counts them."),
    DeliveryFinishedError: Refusal("The delivery is finished, so it cannot be cancelled."),
    ImportFinishedError: Refusal("The import is finished, so it cannot be cancelled."),
    SameFileError: Refusal("The same file was imported before; `run` is the id of that import."),
    TransferDecidedError: Refusal("The transfer request was decided before."),
    UndoRefusedError: Refusal(
        "The import goes on, has written nothing, or is undone already; `undone_by` is the id of that undo, or null."
    ),
    RestoreRefusedError: Refusal("The version cannot be restored as it was. The body says why, by field."),
    RequestInProgressError: Refusal(
        "A request with the same `Idempotency-Key` is still in progress.",
        detail="A request with this Idempotency-Key is still under way.",
    ),
    CursorGoneError: Refusal("The feed cannot be followed from this cursor without a gap. Read everything again."),
    ErasedError: Refusal("The record was erased."),
    MergedError: Refusal(
        "The record was merged into another one.", "Location", lambda error: f"/api/{error.path}/{error.winner}/"
    ),
    VersionConflictError: Refusal(
        "The record has another version than `If-Match` names.",
        "ETag",
        lambda error: version_tag(error.version)["ETag"] if error.version else "",
    ),
    TooLargeError: Refusal("The body or the file is too large."),
    IdempotencyKeyReusedError: Refusal(
        "The `Idempotency-Key` was used before, for another request.",
        detail="This Idempotency-Key was used for another request.",
    ),
    ThrottledError: Refusal("There were too many attempts or requests.", "Retry-After", lambda error: str(error.wait)),
    UnavailableError: Refusal(
        "The server cannot answer at the moment. Try again later.", "Retry-After", lambda error: str(error.retry_after)
    ),
}

#: Refusals by the status of a ``RequestError``, where no error of the core has that status.
REQUEST_REFUSALS: Final[Mapping[HTTPStatus, Refusal]] = {
    HTTPStatus.METHOD_NOT_ALLOWED: Refusal("The path does not have this method.", "Allow"),
    HTTPStatus.NOT_ACCEPTABLE: Refusal("The client does not accept JSON."),
    HTTPStatus.REQUEST_TIMEOUT: Refusal("The body took too long to arrive."),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: Refusal("The media type or encoding is not accepted.", "Accept-Encoding"),
}


def answer_crm_error(request: Request[Any, Any, Any], error: CrmError) -> Response[bytes]:
    """Return the response to an error of the core."""
    request.scope["state"]["error"] = type(error)  # for the metrics
    body = body_of(error)
    if isinstance(error, InvalidError):
        return _answer(STATUSES[InvalidError], body)
    status, refusal = STATUSES[type(error)], REFUSALS[type(error)]
    if isinstance(error, VersionConflictError):
        body = {"detail": _conflict(request, error), "changed_fields": list(error.fields)}
    value = refusal.value(error) if refusal.header else ""
    if refusal.header == "Location":
        value = f"{root_path(request)}{value}"
    return _answer(status, body, {refusal.header: value} if value else {})


def answer_request_error(_: Request[Any, Any, Any], error: RequestError) -> Response[bytes]:
    """Return the response to a request that cannot be read."""
    return _answer(error.status, {"detail": str(error)}, error.headers)


def answer_framework_error(_: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Return the response to errors of the framework: paths, methods, sizes. Its own texts would quote the request."""
    status = HTTPStatus(error.status_code)
    headers = {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
    return _answer(status, {"detail": _FRAMEWORK_DETAILS.get(status, status.phrase)}, headers)


def answer_unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Return the response to an unexpected error: only the request id, by which the log can be searched."""
    request_id = request.scope["state"].get("request_id", "")
    logger.error("request %s failed", request_id, exc_info=error)
    detail = {"detail": "Internal server error.", "request_id": request_id}
    return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, detail)


#: The handlers of the framework by the class of the error.
EXCEPTION_HANDLERS: Final = {
    CrmError: answer_crm_error,
    RequestError: answer_request_error,
    HTTPException: answer_framework_error,
    Exception: answer_unexpected,
}

_FRAMEWORK_DETAILS: Final = {
    HTTPStatus.NOT_FOUND: "Not found.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The request body is too large.",
}


def body_of(error: CrmError) -> object:
    """Return the body of the response to an error of the core."""
    if isinstance(error, BulkRefusedError):
        return {str(index): body_of(each) for index, each in error.errors.items()}
    if isinstance(error, InvalidError):
        return render(error.problems)
    body: dict[str, object] = {"detail": REFUSALS[type(error)].detail or str(error)}
    if isinstance(error, VersionConflictError):
        body["changed_fields"] = list(error.fields)
    if isinstance(error, SameFileError):
        body["run"] = str(error.run)
    if isinstance(error, MergedError):
        body["merged_into"] = str(error.winner)
    if isinstance(error, UndoRefusedError):
        body["undone_by"] = error.run and str(error.run)
    if isinstance(error, RestoreRefusedError):
        body["reasons"] = render(error.reasons)
    if isinstance(error, TransferDecidedError):
        body["state"] = error.state
    return body


def render(problems: Problems) -> object:
    """Return problems as nested objects that end in lists of texts."""
    if isinstance(problems, Mapping):
        return {name: render(inner) for name, inner in problems.items()}
    return [problem.message for problem in problems]


def method_not_allowed(method: str, allowed: str) -> RequestError:
    """Return the error for a method that a path does not have."""
    return RequestError(HTTPStatus.METHOD_NOT_ALLOWED, f'Method "{method}" not allowed.', {"Allow": allowed})


def _conflict(request: Request[Any, Any, Any], error: VersionConflictError) -> str:
    sent = ",".join(request.headers.getall("if-match", []))
    if expected_versions(sent) != frozenset():
        return str(error)
    named = version_tag(error.version)["ETag"]
    return f"If-Match names no version of a record. Versions look like {named}, as in the ETag of a record."


def _answer(status: HTTPStatus, content: object, headers: Mapping[str, str] | None = None) -> Response[bytes]:
    body = msgspec.json.encode(content)
    return Response(body, status_code=status, headers=dict(headers or {}), media_type="application/json")
