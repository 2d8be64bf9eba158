"""Ends a run early, with the reason in its report."""

from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

import attrs

from crm_core.errors import (
    CrmError,
    InUseError,
    InvalidError,
    PermissionDeniedError,
    UnreadableTableError,
    UnregisteredError,
)
from crm_core.imports.runs import ImportRun, RefusedRow, RowProblem

_DENIED: Final = "The user who began this import may not do it any longer."

#: The errors that end a run. The store alone finds that records of a package that is missing refer to others.
EndingError: TypeAlias = PermissionDeniedError | UnregisteredError | InUseError | InvalidError


def ended(run: ImportRun, error: EndingError) -> ImportRun:
    """Return a run that ends early, with the reason in its report."""
    report = run.report.counting((), (RefusedRow(_row_of(error), tuple(_reasons(error)), ()),))
    return attrs.evolve(run, state="stopped" if run.row else "refused", report=report)


def _row_of(error: CrmError) -> int:
    return error.row if isinstance(error, UnreadableTableError) else 0


def _reasons(error: EndingError) -> Iterator[RowProblem]:
    if isinstance(error, PermissionDeniedError):
        yield RowProblem("", "permission_denied", _DENIED)
    elif isinstance(error, UnregisteredError):
        yield RowProblem("", "unregistered", str(error))
    elif isinstance(error, InUseError):
        yield RowProblem("", "in_use", str(error))
    else:
        lists = (each for each in error.problems.values() if not isinstance(each, Mapping))
        yield from (RowProblem("", problem.code, problem.message) for each in lists for problem in each)
