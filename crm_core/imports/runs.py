"""Runs of imports: their state, their report, and the rows that are refused."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TypeAlias
from uuid import UUID

import attrs

from crm_core.imports.options import ImportOptions
from crm_core.model.events import EventPlace
from crm_core.model.plain_values import plain

#: ``checking`` and ``writing`` are the two passes; the other states are final. ``refused``: nothing was written;
#: ``stopped``: a rule was broken between the passes, and the rows before are written.
State: TypeAlias = Literal["checking", "writing", "done", "refused", "stopped", "cancelled"]
ACTIVE_STATES: Final[frozenset[State]] = frozenset({"checking", "writing"})

#: Rows that are written by one commit.
BATCH_ROWS: Final = 1_000
#: Seconds within which a run belongs to the worker that has claimed it; each batch renews them.
LEASE_SECONDS: Final = 60
#: How long refused rows are kept, and a run with a stored file can take, as both have the data of people; the report
#: stays.
REFUSED_ROWS_KEPT: Final = timedelta(days=7)
#: Examples that a report has of each kind of problem.
MAX_EXAMPLES: Final = 3


@attrs.frozen
class RowProblem:
    """Why a row is refused.

    Attributes:
        column: the name of the column in the file; of the field if none has it; empty for the row as a whole.
        code: a stable code for programs.
        message: a sentence.
    """

    column: str
    code: str
    message: str


@attrs.frozen
class RefusedRow:
    """A row that is refused.

    Attributes:
        row: its number in the spreadsheet: the header is row 1.
        problems: why.
        cells: the row as it was read, as the cells of a CSV file.
    """

    row: int
    problems: tuple[RowProblem, ...]
    cells: tuple[str, ...]

    def has(self, texts: Sequence[str]) -> bool:
        """Return whether a text occurs in a cell or in a sentence, in any case of letters."""
        return _occur(texts, (*self.cells, *(problem.message for problem in self.problems)))


@attrs.frozen
class ColumnProblems:
    """How often a column has a kind of problem.

    Attributes:
        column: the name of the column.
        code: the code of the problem.
        count: in how many rows.
        examples: the numbers of the first rows, with the sentence of each.
    """

    column: str
    code: str
    count: int
    examples: tuple[tuple[int, str], ...]


@attrs.frozen
class Report:
    """What a run has come to, as far as it is; after a dry run, what it would come to.

    Attributes:
        rows: how many rows were looked at.
        created: how many records were created.
        updated: how many were changed.
        unchanged: how many rows were what the record is already; they make no event.
        refused: how many rows were refused.
        problems: the problems by column.
        notes: sentences about the whole file.
        reversed: how many changes of another run were undone whole.
        kept: how many were not, or only in part, as others build on them.
    """

    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0
    problems: tuple[ColumnProblems, ...] = ()
    notes: tuple[str, ...] = ()
    reversed: int = 0
    kept: int = 0

    def counting(self, kinds: Sequence[str], refused: Sequence[RefusedRow]) -> "Report":
        """Return the report after more rows.

        Args:
            kinds: what became of each row, in the words of ``crm_core.bulk.outcomes.OutcomeKind``; of the changes that
                an undo goes through ``reversed``, ``kept`` and ``refused``.
            refused: those that were refused or kept.
        """
        return attrs.evolve(
            self,
            rows=self.rows + len(kinds),
            created=self.created + kinds.count("created"),
            updated=self.updated + kinds.count("updated"),
            unchanged=self.unchanged + kinds.count("unchanged"),
            refused=self.refused + kinds.count("refused"),
            reversed=self.reversed + kinds.count("reversed"),
            kept=self.kept + kinds.count("kept"),
            problems=_summed(self.problems, refused),
        )

    def noting(self, notes: Iterable[str]) -> "Report":
        """Return the report with more sentences, each once."""
        return attrs.evolve(self, notes=tuple(dict.fromkeys((*self.notes, *notes))))


@attrs.frozen(kw_only=True)
class Undo:
    """What a run undoes, and how far it is.

    Attributes:
        run: the id of the other run.
        actions: what it does to records, each of which needs its permission.
        even_edited: delete what the other run created also where others have edited it since.
        is_queued: any server carries it out, as one does an import whose file is stored.
        after: the place of the last event that is undone; None before the first.
    """

    run: UUID
    actions: tuple[str, ...]
    even_edited: bool = False
    is_queued: bool = False
    after: EventPlace | None = None


@attrs.frozen(kw_only=True)
class ImportRun:
    """A run of an import.

    Attributes:
        id: its id, which its events name (``run_request_id``).
        resource: the name of the resource.
        file: the path of the file, or its name if it was sent.
        options: what was asked for.
        digest: the SHA-256 of the file.
        fingerprint: is equal for two runs of the same file that would do the same.
        created_at: when it was begun.
        user: the id of the user who began it; 0 for the system.
        permissions: what it may do at most, of what the user may do; None for all of that.
        state: how far it is.
        since: when this state began.
        updated_at: when it last went on.
        total: how many rows the file has; 0 until all were looked at.
        row: the number of the last row that is committed, in the spreadsheet; 0 before the first.
        header: the names of the columns; empty until the file was opened, and for JSONL.
        report: what it has come to.
        undo: the run that it undoes, if it is no import of a file; then its file and its options are those of that run,
            but for ``dry_run``, and its rows are that run's changes, the latest first.
    """

    id: UUID
    resource: str
    file: str
    options: ImportOptions
    digest: bytes
    fingerprint: bytes
    created_at: datetime
    user: int = 0
    permissions: tuple[str, ...] | None = None
    state: State = "checking"
    since: datetime = attrs.field(default=attrs.Factory(lambda self: self.created_at, takes_self=True))
    updated_at: datetime = attrs.field(default=attrs.Factory(lambda self: self.created_at, takes_self=True))
    total: int = 0
    row: int = 0
    header: tuple[str, ...] = ()
    report: Report = Report()
    undo: Undo | None = None

    @property
    def actions(self) -> tuple[str, ...]:
        """Return what it may do to records; each needs its permission."""
        if self.undo is not None:
            return self.undo.actions
        return self.options.actions

    @property
    def is_active(self) -> bool:
        """Return whether it is not finished."""
        return self.state in ACTIVE_STATES

    @property
    def bars_the_same(self) -> bool:
        """Return whether another run of the same file, or undo of the same run, would do again what this one does."""
        has_done = self.row > 0 if self.undo is None else self.state == "done"
        return not self.options.dry_run and (self.is_active or has_done)

    def saved_at(self, now: datetime, *, restarts: bool) -> "ImportRun":
        """Return the run as it is kept at a time, with which its state begins if it restarts or ends."""
        begins = restarts or not self.is_active
        return attrs.evolve(self, since=now if begins else self.since, updated_at=now)


@attrs.frozen(kw_only=True)
class Advance:
    """The step of a run that a commit makes together with its records.

    Attributes:
        run: the run as it is after the commit.
        claim: the claim of the worker.
        after: the row at which the run must be.
        refused: the rows of the batch that are refused.
    """

    run: ImportRun
    claim: UUID
    after: int
    refused: tuple[RefusedRow, ...] = ()


def run_request_id(run: UUID) -> str:
    """Return the request id of the events of a run. No client can send it, as it has a blank."""
    return f"import {run}"


def plain_undo(undo: Undo) -> Mapping[str, Any]:
    """Return what a run undoes as plain values."""
    return {field.name: plain(getattr(undo, field.name)) for field in attrs.fields(Undo)}


def undo_of(document: Mapping[str, Any]) -> Undo:
    """Return what ``plain_undo`` wrote."""
    after = document["after"] and EventPlace(UUID(document["after"][0]), document["after"][1])
    actions = tuple(document["actions"])
    return Undo(**{**document, "run": UUID(document["run"]), "actions": actions, "after": after})


def without_texts(run: ImportRun, texts: Sequence[str]) -> ImportRun:
    """Return a run whose report and file name have none of some texts, in any case of letters."""
    problems = tuple(
        attrs.evolve(each, examples=tuple((row, text) for row, text in each.examples if not _occur(texts, (text,))))
        for each in run.report.problems
    )
    file = "" if _occur(texts, (run.file,)) else run.file
    return attrs.evolve(run, file=file, report=attrs.evolve(run.report, problems=problems))


def _occur(texts: Sequence[str], within: Iterable[str]) -> bool:
    sought = [text.lower() for text in texts]
    return any(text in each.lower() for each in within for text in sought)


def plain_report(report: Report) -> Mapping[str, Any]:
    """Return a report as plain values."""
    return {field.name: plain(getattr(report, field.name)) for field in attrs.fields(Report)}


def report_of(document: Mapping[str, Any]) -> Report:
    """Return the report that ``plain_report`` wrote."""
    problems = (
        ColumnProblems(**{**each, "examples": tuple((row, message) for row, message in each["examples"])})
        for each in document["problems"]
    )
    return Report(**{**document, "problems": tuple(problems), "notes": tuple(document["notes"])})


def _summed(known: tuple[ColumnProblems, ...], refused: Sequence[RefusedRow]) -> tuple[ColumnProblems, ...]:
    sums = {(each.column, each.code): each for each in known}
    for row in refused:
        for problem in row.problems:
            key = problem.column, problem.code
            before = sums.get(key) or ColumnProblems(*key, 0, ())
            examples = (*before.examples, (row.row, problem.message))[:MAX_EXAMPLES]
            sums[key] = attrs.evolve(before, count=before.count + 1, examples=examples)
    return tuple(sums.values())
