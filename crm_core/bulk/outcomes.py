"""The outcomes of operations, and the short form of them that is kept for a repeated request."""

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias
from uuid import UUID

import attrs

from crm_core.errors import (
    CrmError,
    InUseError,
    InvalidError,
    NotFoundError,
    PermissionDeniedError,
    Problem,
    Problems,
    VersionConflictError,
)
from crm_core.model.events import RecordedKind
from crm_core.model.plain_values import json_text, parse_json

#: What became of an operation.
OutcomeKind: TypeAlias = Literal[RecordedKind, "unchanged", "refused"]


@attrs.frozen
class Outcome:
    """The outcome of one operation.

    Attributes:
        kind: what became of it.
        id: the id of the record; None if the operation was refused before it had one.
        version: the version that the record has since; for a delete the last version plus one; None if refused.
        error: why it was refused; None if it was not.
    """

    kind: OutcomeKind
    id: UUID | None
    version: int | None = None
    error: CrmError | None = None


def write_outcomes(outcomes: "tuple[Outcome, ...]") -> bytes:
    """Return outcomes as JSON."""
    rows = [[each.kind, str(each.id) if each.id else None, each.version, _plain_error(each.error)] for each in outcomes]
    return json_text(rows).encode()


def read_outcomes(body: bytes) -> tuple[Outcome, ...]:
    """Return the outcomes that ``write_outcomes`` wrote."""
    return tuple(
        Outcome(kind, UUID(id_) if id_ else None, version, _read_error(error))
        for kind, id_, version, error in parse_json(body)
    )


#: The errors that operations can be refused with, besides those with values of their own.
_PLAIN: Final[Mapping[str, type[CrmError]]] = {
    kind.__name__: kind for kind in (NotFoundError, InUseError, PermissionDeniedError)
}


def _plain_error(error: CrmError | None) -> object:
    if error is None:
        return None
    if isinstance(error, InvalidError):
        return ["InvalidError", _plain_problems(error.problems)]
    if isinstance(error, VersionConflictError):
        return ["VersionConflictError", error.version]
    return [type(error).__name__, str(error)]


def _read_error(written: Any) -> CrmError | None:
    if written is None:
        return None
    kind, value = written
    if kind == "InvalidError":
        return InvalidError(_read_problems(value))
    return VersionConflictError(value) if kind == "VersionConflictError" else _PLAIN[kind](value)


def _plain_problems(problems: Problems) -> Any:
    if isinstance(problems, Mapping):
        return {name: _plain_problems(inner) for name, inner in problems.items()}
    return [[problem.code, problem.message] for problem in problems]


def _read_problems(written: Any) -> Any:
    if isinstance(written, dict):
        return {name: _read_problems(inner) for name, inner in written.items()}
    return tuple(Problem(code, message) for code, message in written)
