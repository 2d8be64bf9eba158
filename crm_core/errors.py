"""What can go wrong, as one tree. It knows nothing of HTTP: ``crm_http.statuses`` has the status of each class.

CrmError
├── InvalidError                  values were refused; carries the problems of every field
├── TooLargeError                 a file has more bytes than are taken
├── NotFoundError                 the record, or the task or note inside it, does not exist
├── InUseError                    others still refer to what was to be deleted
├── VersionConflictError          the record has another version than expected; carries it and what changed
├── RequestInProgressError        a request with the same idempotency key has not ended yet
├── IdempotencyKeyReusedError     an idempotency key was used before, for another request
├── NotAuthenticatedError         no or wrong credentials
├── PermissionDeniedError         the caller lacks a permission
├── ThrottledError                too many attempts; carries the seconds to wait
└── UnavailableError              the store cannot answer now; carries the seconds after which to retry
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import attrs

#: The key for problems that belong to no single field (Django REST Framework's name for it).
ACROSS_FIELDS = "non_field_errors"


@attrs.frozen
class Problem:
    """One reason why a value is refused: a stable code, and an English sentence for people."""

    code: str
    message: str


#: Problems of one value, or of the fields (by name) or items (by index) inside it.
Problems: TypeAlias = "Sequence[Problem] | Mapping[str, Problems]"


class CrmError(Exception):
    """Anything this library raises on purpose."""


class InvalidError(CrmError):
    """Values were refused.

    Attributes:
        problems: every problem found, by field; those of no single field under ``ACROSS_FIELDS``.
    """

    def __init__(self, problems: Mapping[str, Problems]) -> None:
        super().__init__(", ".join(flatten(problems)))
        self.problems = problems


class TooLargeError(CrmError):
    """A file has more bytes than are taken."""

    def __init__(self, most: int) -> None:
        super().__init__(f"The file is too large: at most {most:,} bytes are taken.")


class NotFoundError(CrmError):
    """Nothing is there under that id."""

    def __init__(self, detail: str = "Not found.") -> None:
        super().__init__(detail)


class InUseError(CrmError):
    """The record cannot be deleted because others refer to it; the message counts them."""


class VersionConflictError(CrmError):
    """The record has another version than the caller expects.

    Attributes:
        version: the one that it has.
        fields: which fields were changed since the one that was expected, by name.
    """

    def __init__(self, version: int, fields: Sequence[str] = ()) -> None:
        super().__init__("The record was changed by somebody else.")
        self.version = version
        self.fields = fields


class RequestInProgressError(CrmError):
    """A request with the same idempotency key has not ended yet."""

    def __init__(self, detail: str = "A request with this idempotency key is still in progress.") -> None:
        super().__init__(detail)


class IdempotencyKeyReusedError(CrmError):
    """An idempotency key was used before, for another request."""

    def __init__(self, detail: str = "This idempotency key was used for another request.") -> None:
        super().__init__(detail)


class NotAuthenticatedError(CrmError):
    """The caller is not known."""

    def __init__(self, detail: str = "Authentication credentials were not provided.") -> None:
        super().__init__(detail)


class PermissionDeniedError(CrmError):
    """The caller is known, but may not do this."""

    def __init__(self, detail: str = "You do not have permission to perform this action.") -> None:
        super().__init__(detail)


class ThrottledError(CrmError):
    """Too many attempts.

    Attributes:
        wait: whole seconds until the next attempt is worth it, at least 1.
    """

    def __init__(self, wait: int) -> None:
        unit = "second" if wait == 1 else "seconds"
        super().__init__(f"Request was throttled. Expected available in {wait} {unit}.")
        self.wait = wait


class UnavailableError(CrmError):
    """The store cannot answer now, but may soon; nothing is known to be wrong with the request.

    Attributes:
        retry_after: whole seconds after which to try again.
    """

    def __init__(
        self, detail: str = "Service temporarily unavailable, try again later.", *, retry_after: int = 1
    ) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


def flatten(problems: Problems, path: str = "") -> Iterable[str]:
    """Each problem as ``path: message``, for logs and for people who embed the core."""
    if isinstance(problems, Mapping):
        for name, inner in problems.items():
            yield from flatten(inner, f"{path}.{name}" if path else name)
    else:
        yield from (f"{path}: {problem.message}" for problem in problems)


def invalid(field: str, code: str, message: str) -> InvalidError:
    """The error for a single problem of a single field."""
    return InvalidError({field: (Problem(code, message),)})
