"""All errors of the library. ``crm_http.statuses`` maps each class to an HTTP status.

CrmError
├── InvalidError                  values are invalid; has the problems of every field
│   ├── WrongCredentialsError     a login with a wrong name or password
│   ├── UsernameTakenError        another user has that name
│   ├── BulkRefusedError          operations of a bulk request are refused; has the error of each
│   └── UnreadableTableError      a file of a table cannot be read; has the row and the column
├── TooLargeError                 a file has too many bytes
├── NotFoundError                 the record, or the task or note in it, does not exist
│   └── UnknownUserError          no user has that name
├── MergedError                   the record was merged into another one; has the id of that
├── InUseError                    other records refer to the record to delete
├── AttributeInUseError           records or webhooks keep an attribute from being changed; counts them
├── DeliveryFinishedError         the delivery to cancel is finished
├── TransferDecidedError          the transfer request was decided before; has its state
├── VersionConflictError          the record has another version than expected; has that version and the changed fields
├── RestoreRefusedError           a version cannot be restored; has the reasons by field
├── UndoRefusedError              a run of an import cannot be undone; has the id of a run that undoes it already
├── SameFileError                 the same file was imported before; has the id of that run
├── RequestInProgressError        a request with the same idempotency key is in progress
├── IdempotencyKeyReusedError     the idempotency key was used before for another request
├── CursorGoneError               the change feed cannot be followed from this cursor
├── NotAuthenticatedError         credentials are missing or wrong
├── PermissionDeniedError         the caller lacks a permission
├── ThrottledError                too many attempts; has the seconds to wait
├── UnavailableError              the store cannot answer now; has the seconds to wait
└── RegistrationError             a resource cannot be registered; has the reasons

DuplicateRequestError             a store says that another request with the same key was committed first
RunLostError                      a store says that a run of an import is not this worker's any more
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias
from uuid import UUID

import attrs

#: The key of problems that belong to no single field (Django REST Framework's name).
ACROSS_FIELDS = "non_field_errors"


@attrs.frozen
class Problem:
    """A reason why a value is refused: a stable code for programs, and an English sentence for people."""

    code: str
    message: str


#: Problems of one value, or of the fields (by name) or items (by index) inside it.
Problems: TypeAlias = "Sequence[Problem] | Mapping[str, Problems]"

#: Problems that several rules find.
IS_REQUIRED: Final = Problem("required", "This field is required.")
NOT_UNIQUE: Final = Problem("unique", "This field must be unique.")
BLANK: Final = Problem("blank", "This field may not be blank.")
EMPTY_LIST: Final = Problem("empty", "This list may not be empty.")
BREAKS_PATTERN: Final = Problem("invalid", "This value does not match the required pattern.")
NOT_A_STRING: Final = Problem("invalid", "Not a valid string.")
NOT_A_NUMBER: Final = Problem("invalid", "A valid number is required.")
NOT_A_BOOLEAN: Final = Problem("invalid", "Must be a valid boolean.")
NOT_A_DATE: Final = Problem("invalid", "Date has wrong format. Use one of these formats instead: YYYY-MM-DD.")
NOT_A_URL: Final = Problem("invalid", "Enter a valid URL.")


class CrmError(Exception):
    """The base of all errors that this library raises on purpose."""


class InvalidError(CrmError):
    """Values are invalid.

    Attributes:
        problems: all problems by field; those of no single field under ``ACROSS_FIELDS``.
    """

    def __init__(self, problems: Mapping[str, Problems]) -> None:
        super().__init__(", ".join(flatten(problems)))
        self.problems = problems


class WrongCredentialsError(InvalidError):
    """A login with a wrong name or password, or of a disabled user; which of these is not said."""

    def __init__(self) -> None:
        super().__init__({ACROSS_FIELDS: (Problem("authorization", "Unable to log in with provided credentials."),)})


class UsernameTakenError(InvalidError):
    """The name of a new user belongs to another user."""

    def __init__(self) -> None:
        super().__init__({"username": (Problem("unique", "A user with that username already exists."),)})


class BulkRefusedError(InvalidError):
    """Operations of a bulk request are refused, and so none of them has an effect.

    Attributes:
        errors: why each of these operations is refused, by index.
    """

    def __init__(self, errors: "Mapping[int, CrmError]") -> None:
        super().__init__({str(index): _problems_of(error) for index, error in errors.items()})
        self.errors = errors


def _problems_of(error: CrmError) -> Problems:
    return error.problems if isinstance(error, InvalidError) else {"detail": (Problem("refused", str(error)),)}


class UnreadableTableError(InvalidError):
    """A file of a table cannot be read, or not further.

    Attributes:
        row: the number of the row in the spreadsheet; 0 for the file as a whole.
        column: the index of the column from 0; None for the whole row.
    """

    def __init__(self, reason: str, *, row: int = 0, column: int | None = None) -> None:
        place = f"Row {row}" if row else ""
        letters = "" if column is None else f", column {column_letters(column)}"
        super().__init__({"file": (Problem("unreadable", f"{place}{letters}: {reason}" if place else reason),)})
        self.row = row
        self.column = column


def column_letters(index: int) -> str:
    """Return the name of a column in spreadsheets, by its index from 0.

    >>> column_letters(0), column_letters(25), column_letters(26), column_letters(16383)
    ('A', 'Z', 'AA', 'XFD')
    """
    letters = ""
    while index >= 0:
        letters = chr(ord("A") + index % 26) + letters
        index = index // 26 - 1
    return letters


class TooLargeError(CrmError):
    """A file has more bytes than are accepted."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"The file is too large: at most {max_bytes:,} bytes are taken.")


class NotFoundError(CrmError):
    """There is no record, task or note with this id."""

    def __init__(self, detail: str = "Not found.") -> None:
        super().__init__(detail)


class UnknownUserError(NotFoundError):
    """No user has this name."""

    def __init__(self, username: str) -> None:
        super().__init__(f"There is no user {username}.")


class MergedError(CrmError):
    """The record was merged into another one.

    Attributes:
        path: the path of its resource (``Resource.path``).
        winner: the id of the record that it has become.
    """

    def __init__(self, path: str, winner: UUID) -> None:
        super().__init__(f"This record was merged into the record {winner}.")
        self.path = path
        self.winner = winner


class InUseError(CrmError):
    """The record cannot be deleted because others refer to it; the message counts the records, or names the table."""

    @classmethod
    def by_table(cls, table: str) -> "InUseError":
        """Return the error for a table of no registered resource that refers to the record (decision 174)."""
        return cls(f"This record is referred to by the table {table}, which is of no resource here.")


class UnregisteredError(CrmError, KeyError):
    """Something is of a resource that no package registers here (decision 174); the message names it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name: str = name

    def __str__(self) -> str:
        return f"This belongs to {self.name}, which no package registers here."


class AttributeInUseError(CrmError):
    """Records or webhooks keep an attribute from being changed in this way; the message counts them."""


class DeliveryFinishedError(CrmError):
    """The delivery cannot be cancelled because it is finished."""


class ImportFinishedError(CrmError):
    """The import cannot be cancelled because it is finished."""


class TransferDecidedError(CrmError):
    """The transfer request cannot be decided because it was decided before.

    Attributes:
        state: ``accepted`` or ``declined``.
    """

    def __init__(self, state: str) -> None:
        super().__init__(f"This transfer request was {state}.")
        self.state = state


class VersionConflictError(CrmError):
    """The record has another version than the caller expects, or exists where it should not, or the other way round.

    Attributes:
        version: the version that the record has; 0 if there is none.
        fields: the names of the fields that were changed since the expected version.
    """

    def __init__(
        self, version: int, fields: Sequence[str] = (), detail: str = "The record was changed by somebody else."
    ) -> None:
        super().__init__(detail)
        self.version = version
        self.fields = fields


class RestoreRefusedError(CrmError):
    """A version cannot be restored as it was.

    Attributes:
        reasons: the problems by field; those of children by their ids under ``children``.
    """

    def __init__(self, reasons: Mapping[str, Problems]) -> None:
        super().__init__("This version cannot be restored as it was.")
        self.reasons = reasons


class ErasedError(CrmError):
    """The values of the record were erased for good."""

    def __init__(self, detail: str = "This record was erased.") -> None:
        super().__init__(detail)


class RequestInProgressError(CrmError):
    """A request with the same idempotency key is in progress."""

    def __init__(self, detail: str = "A request with this idempotency key is still in progress.") -> None:
        super().__init__(detail)


class IdempotencyKeyReusedError(CrmError):
    """The idempotency key was used before for another request."""

    def __init__(self, detail: str = "This idempotency key was used for another request.") -> None:
        super().__init__(detail)


class DuplicateRequestError(Exception):
    """Another request with the same idempotency key was committed first. Stores raise it; no use case does."""


class SameFileError(CrmError):
    """The same file was imported before in the same way, or is being imported: once more would double its records.

    Attributes:
        run: the id of that run.
    """

    def __init__(self, run: UUID) -> None:
        super().__init__(
            f"This file was imported before, by the run {run}. Send it with `again` to import it once more."
        )
        self.run = run


class UndoRefusedError(CrmError):
    """A run of an import cannot be undone: it is not finished, has written nothing, or is undone already.

    Attributes:
        run: the id of the run that undoes it already; None if there is none.
    """

    def __init__(self, detail: str, *, run: UUID | None = None) -> None:
        super().__init__(detail)
        self.run = run


class RunLostError(Exception):
    """A run of an import was cancelled, or another worker has claimed it. Stores raise it; no use case does."""


class ArchiveError(CrmError):
    """Everything of a database cannot be written to a directory, or read from one; the message is one line."""


class CursorGoneError(CrmError):
    """The change feed cannot be followed from this cursor without a gap: everything must be read again."""

    def __init__(self, detail: str = "This cursor is too old, or of another database. Read everything again.") -> None:
        super().__init__(detail)


class NotAuthenticatedError(CrmError):
    """The caller could not be identified."""

    def __init__(self, detail: str = "Authentication credentials were not provided.") -> None:
        super().__init__(detail)


class PermissionDeniedError(CrmError):
    """The caller lacks a permission."""

    def __init__(self, detail: str = "You do not have permission to perform this action.") -> None:
        super().__init__(detail)


class ThrottledError(CrmError):
    """Too many attempts.

    Attributes:
        wait: whole seconds until the next attempt can succeed, at least 1.
    """

    def __init__(self, wait: int) -> None:
        unit = "second" if wait == 1 else "seconds"
        super().__init__(f"Request was throttled. Expected available in {wait} {unit}.")
        self.wait = wait


class UnavailableError(CrmError):
    """The store cannot answer now. The request itself may be right: retry it later.

    Attributes:
        retry_after: whole seconds after which to retry.
    """

    def __init__(
        self, detail: str = "Service temporarily unavailable, try again later.", *, retry_after: int = 1
    ) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class RegistrationError(CrmError):
    """A resource of a package cannot be registered: a fault of the package, or of the order in which things are made.

    Attributes:
        reasons: why not, each a clause.
    """

    def __init__(self, resource: str, reasons: Sequence[str]) -> None:
        super().__init__(f"The resource {resource} cannot be registered: {'; '.join(reasons)}.")
        self.reasons: Sequence[str] = tuple(reasons)


def flatten(problems: Problems, path: str = "") -> Iterable[str]:
    """Yield each problem as ``path: message``, for logs.

    >>> list(flatten({"stages": {"0": {"name": (Problem("blank", "This field may not be blank."),)}}}))
    ['stages.0.name: This field may not be blank.']
    """
    if isinstance(problems, Mapping):
        for name, inner in problems.items():
            yield from flatten(inner, f"{path}.{name}" if path else name)
    else:
        yield from (f"{path}: {problem.message}" for problem in problems)


def not_a_choice(value: str) -> Problem:
    """Return the problem of a text that is not one of the allowed ones."""
    return Problem("invalid_choice", f'"{value}" is not a valid choice.')


def means_nothing_in(file_format: str, option: str) -> Problem:
    """Return the problem of an option that has no meaning for files of a format."""
    return Problem("invalid", f"It means nothing in the format {file_format}: leave out {option}.")


def too_many_elements(limit: int) -> Problem:
    """Return the problem of a list or object with more than ``limit`` elements."""
    return Problem("max_length", f"Ensure this field has no more than {limit} elements.")


def invalid(field: str, code: str, message: str) -> InvalidError:
    """Return the error for a single problem of a single field."""
    return InvalidError({field: (Problem(code, message),)})
