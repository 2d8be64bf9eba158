"""The status of an import, as the user who began it sees it."""

import datetime as dt
from collections.abc import Mapping
from uuid import UUID

import attrs

from crm_core.imports.options import plain_options
from crm_core.imports.runs import ColumnProblems, ImportRun


@attrs.frozen(kw_only=True)
class ImportExample:
    """A row that has a problem.

    Attributes:
        row: the number of the row in the spreadsheet: the header is row 1; 0 for the file as a whole.
        message: what is wrong, a sentence.
    """

    row: int
    message: str


@attrs.frozen(kw_only=True)
class ImportProblem:
    """How often a column has a kind of problem.

    Attributes:
        column: the name of the column in the file; empty for whole rows, and for the file as a whole.
        code: the kind, a word for programs.
        count: in how many rows.
        examples: the first three rows.
    """

    column: str
    code: str
    count: int
    examples: tuple[ImportExample, ...]


@attrs.frozen(kw_only=True)
class ImportStatus:
    """An import, and how far it is.

    Attributes:
        id: the id of the import. Its events have the request id ``import <id>``.
        resource: the name of the resource, such as ``client``.
        file: the name of the file.
        options: what was asked for, by the names of the form.
        state: ``checking`` and ``writing`` go on; ``done``, ``refused`` (nothing was written), ``stopped`` (the rows up
            to ``row`` are written) and ``cancelled`` (the same) are final.
        created_by: the id of the user who began it; 0 for a command.
        created_at: when it was begun.
        updated_at: when it last went on.
        ended_at: when it ended; null before.
        row: the number of the last row that is written, in the spreadsheet; 0 before the first.
        total: how many rows the file has; null until all were checked.
        rows: how many rows were checked, or in the state ``writing`` and after it written.
        rows_per_second: how many rows a second are checked or written.
        seconds_left: how many seconds the writing is going to take; null unless it is known.
        created: how many records were created, or would be by a dry run and before the first row is written.
        updated: how many records were changed, or would be.
        unchanged: how many rows were what the record is already.
        refused: how many rows were refused; of an undo, how many changes a rule does not let go back.
        undoes: the id of the import that it undoes; null unless it is an undo. Then its rows are the changes of that
            import, the latest first.
        reversed: how many changes were undone, or would be by a dry run.
        kept: how many were not, or only in part, as somebody changed the record or referred to it since.
        problems: the problems by column and kind; of an undo the reasons.
        notes: sentences about the whole file.
    """

    id: UUID
    resource: str
    file: str
    options: Mapping[str, object]
    state: str
    created_by: int
    created_at: dt.datetime
    updated_at: dt.datetime
    ended_at: dt.datetime | None
    row: int
    total: int | None
    rows: int
    rows_per_second: int
    seconds_left: int | None
    created: int
    updated: int
    unchanged: int
    refused: int
    undoes: UUID | None
    reversed: int
    kept: int
    problems: tuple[ImportProblem, ...]
    notes: tuple[str, ...]


def status_of(run: ImportRun) -> ImportStatus:
    """Return the status of a run."""
    report, rate = run.report, _rate(run)
    return ImportStatus(
        id=run.id,
        resource=run.resource,
        file=run.file,
        options={name: value for name, value in _options(run).items() if value},
        state=run.state,
        created_by=run.user,
        created_at=run.created_at,
        updated_at=run.updated_at,
        ended_at=None if run.is_active else run.since,
        row=run.row,
        total=run.total or None,
        rows=report.rows,
        rows_per_second=round(rate),
        seconds_left=round((run.total - report.rows) / rate) if run.state == "writing" and rate else None,
        created=report.created,
        updated=report.updated,
        unchanged=report.unchanged,
        refused=report.refused,
        undoes=run.undo.run if run.undo else None,
        reversed=report.reversed,
        kept=report.kept,
        problems=tuple(map(_problem, report.problems)),
        notes=report.notes,
    )


def _options(run: ImportRun) -> Mapping[str, object]:
    if run.undo is None:
        return plain_options(run.options)
    given = {name: getattr(run.options, name) for name in ("dry_run", "no_webhooks")}
    return {**given, "even_edited": run.undo.even_edited}


def _rate(run: ImportRun) -> float:
    """Return the rows a second since the state of an active run began; 0 if it is not known."""
    seconds = (run.updated_at - run.since).total_seconds()
    return run.report.rows / seconds if run.is_active and seconds > 0 else 0.0


def _problem(problems: ColumnProblems) -> ImportProblem:
    examples = tuple(ImportExample(row=row, message=message) for row, message in problems.examples)
    return ImportProblem(column=problems.column, code=problems.code, count=problems.count, examples=examples)
