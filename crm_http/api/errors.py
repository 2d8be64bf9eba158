"""From errors to answers: one table of statuses, and bodies in the form of Django REST Framework (ruling 3)."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException

from crm_core.errors import (
    CrmError,
    IdempotencyKeyReusedError,
    InUseError,
    InvalidError,
    NotAuthenticatedError,
    NotFoundError,
    PermissionDeniedError,
    Problems,
    RequestInProgressError,
    ThrottledError,
    TooLargeError,
    UnavailableError,
    VersionConflictError,
)
from crm_http.api.preconditions import entity_tag

logger = logging.getLogger("crm.http")


class RequestError(Exception):
    """What is wrong with a request before its values are looked at: its body's form, its method, its path.

    Attributes:
        status: the HTTP status.
        headers: headers that belong to it.
    """

    def __init__(self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers or {}


STATUSES: Final[Mapping[type[CrmError], HTTPStatus]] = {
    InvalidError: HTTPStatus.BAD_REQUEST,
    TooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    NotAuthenticatedError: HTTPStatus.UNAUTHORIZED,
    PermissionDeniedError: HTTPStatus.FORBIDDEN,
    NotFoundError: HTTPStatus.NOT_FOUND,
    InUseError: HTTPStatus.CONFLICT,
    VersionConflictError: HTTPStatus.PRECONDITION_FAILED,
    RequestInProgressError: HTTPStatus.CONFLICT,
    IdempotencyKeyReusedError: HTTPStatus.UNPROCESSABLE_ENTITY,
    ThrottledError: HTTPStatus.TOO_MANY_REQUESTS,
    UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
}


def answer_crm_error(_: Request[Any, Any, Any], error: CrmError) -> Response[bytes]:
    """The answer to an error of the core."""
    status = STATUSES[type(error)]
    if isinstance(error, InvalidError):
        return _answer(status, render(error.problems))
    detail: dict[str, object] = {"detail": str(error)}
    if isinstance(error, VersionConflictError):
        detail["changed_fields"] = list(error.fields)
    return _answer(status, detail, _headers(error))


def answer_request_error(_: Request[Any, Any, Any], error: RequestError) -> Response[bytes]:
    """The answer to a request that could not be read."""
    return _answer(error.status, {"detail": str(error)}, error.headers)


def answer_framework_error(_: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """The answer to what the framework refuses: paths, methods and sizes. Its own texts quote the request."""
    status = HTTPStatus(error.status_code)
    headers = {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
    return _answer(status, {"detail": _FRAMEWORK_DETAILS.get(status, status.phrase)}, headers)


def answer_unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The answer to a defect of ours: nothing of the inside, but a number by which the log can be searched."""
    request_id = request.scope["state"].get("request_id", "")
    logger.error("request %s failed", request_id, exc_info=error)
    detail = {"detail": "Internal server error.", "request_id": request_id}
    return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, detail)


#: Which of the functions above answers which kind of error.
HANDLERS: Final = {
    CrmError: answer_crm_error,
    RequestError: answer_request_error,
    HTTPException: answer_framework_error,
    Exception: answer_unexpected,
}

_FRAMEWORK_DETAILS: Final = {
    HTTPStatus.NOT_FOUND: "Not found.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The request body is too large.",
}


def render(problems: Problems) -> object:
    """Problems as nested objects that end in lists of texts."""
    if isinstance(problems, Mapping):
        return {name: render(inner) for name, inner in problems.items()}
    return [problem.message for problem in problems]


def method_not_allowed(method: str, allowed: str) -> RequestError:
    """The refusal of a method that a path does not have."""
    return RequestError(HTTPStatus.METHOD_NOT_ALLOWED, f'Method "{method}" not allowed.', {"Allow": allowed})


def _headers(error: CrmError) -> Mapping[str, str]:
    if isinstance(error, NotAuthenticatedError):
        return {"WWW-Authenticate": "Token"}
    if isinstance(error, VersionConflictError):
        return entity_tag(error.version)
    if isinstance(error, ThrottledError):
        return {"Retry-After": str(error.wait)}
    if isinstance(error, UnavailableError):
        return {"Retry-After": str(error.retry_after)}
    return {}


def _answer(status: HTTPStatus, content: object, headers: Mapping[str, str] | None = None) -> Response[bytes]:
    body = msgspec.json.encode(content)
    return Response(body, status_code=status, headers=dict(headers or {}), media_type="application/json")
