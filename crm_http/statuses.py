"""The HTTP status of each error of the core, for the server that answers with it and the client that reads it."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

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

STATUSES: Final[Mapping[type[CrmError], HTTPStatus]] = {
    InvalidError: HTTPStatus.BAD_REQUEST,
    NotAuthenticatedError: HTTPStatus.UNAUTHORIZED,
    PermissionDeniedError: HTTPStatus.FORBIDDEN,
    NotFoundError: HTTPStatus.NOT_FOUND,
    InUseError: HTTPStatus.CONFLICT,
    UnregisteredError: HTTPStatus.CONFLICT,
    AttributeInUseError: HTTPStatus.CONFLICT,
    DeliveryFinishedError: HTTPStatus.CONFLICT,
    ImportFinishedError: HTTPStatus.CONFLICT,
    SameFileError: HTTPStatus.CONFLICT,
    TransferDecidedError: HTTPStatus.CONFLICT,
    RestoreRefusedError: HTTPStatus.CONFLICT,
    UndoRefusedError: HTTPStatus.CONFLICT,
    RequestInProgressError: HTTPStatus.CONFLICT,
    CursorGoneError: HTTPStatus.GONE,
    ErasedError: HTTPStatus.GONE,
    MergedError: HTTPStatus.GONE,
    VersionConflictError: HTTPStatus.PRECONDITION_FAILED,
    TooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    IdempotencyKeyReusedError: HTTPStatus.UNPROCESSABLE_ENTITY,
    ThrottledError: HTTPStatus.TOO_MANY_REQUESTS,
    UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
}
