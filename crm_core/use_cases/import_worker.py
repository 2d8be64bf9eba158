"""The worker that carries out a run of an import: it decides every row, then writes batches (decision 93)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Final, TypeAlias
from uuid import UUID

import attrs

from crm_core.bulk.operations import Read, read_row_operations
from crm_core.engine.decision_runs import Decision
from crm_core.engine.together import Look, Result, Together
from crm_core.errors import (
    CrmError,
    InUseError,
    InvalidError,
    PermissionDeniedError,
    UnreadableTableError,
    UnregisteredError,
)
from crm_core.imports.mapping import ColumnMapping, known_headers, map_columns
from crm_core.imports.options import ImportOptions
from crm_core.imports.references import Named, name_field
from crm_core.imports.rows import ReadRow, RowReader
from crm_core.imports.runs import BATCH_ROWS, Advance, ImportRun, RefusedRow, Report, RowProblem, run_request_id
from crm_core.imports.unique_values import Doubles, upsert_attribute, value_of
from crm_core.input.readers import ReadContext
from crm_core.model.accounts import SYSTEM, Actor, Caller
from crm_core.model.entities import ENTITIES, Attribute
from crm_core.ports import Database, ImportRuns, OpenTable, TableReader
from crm_core.resources import RESOURCES, Resource
from crm_core.rules.needs import Needs, catalog_of
from crm_core.tables.rows import Row, TableOptions
from crm_core.use_cases.bulk import decision_of, outcomes_of
from crm_core.use_cases.callers import caller, new_id
from crm_core.use_cases.dry_runs import refuse_referred
from crm_core.use_cases.running_ahead import ahead
from crm_core.webhooks.deliveries import PRIORITY_OF_RUNS

#: Rows of an import that is written in one commit.
MAX_ATOMIC_ROWS: Final = 100_000
_MAX_KEPT_NAMES: Final = 100_000
_DENIED: Final = "The user who began this import may not do it any longer."
_TOO_MANY: Final = f"One commit takes at most {MAX_ATOMIC_ROWS:,} rows: leave out atomic, or cut the file into parts."

#: The errors that end a run. The store alone finds that records of a package that is missing refer to others.
_Ending: TypeAlias = PermissionDeniedError | UnregisteredError | InUseError | InvalidError
#: Is called with the run after each batch.
OnProgress: TypeAlias = Callable[[ImportRun], None]
#: Returns who carries out a run, as they are at the moment. Raises PermissionDeniedError if they may not.
Renew: TypeAlias = Callable[[], Awaitable[Actor]]


@attrs.frozen
class ImportStores:
    """What imports read and write: the records, the runs beside them, and files."""

    db: Database
    runs: ImportRuns
    tables: TableReader


class _RefusedError(CrmError):
    """A rule refuses rows that the first pass had accepted."""

    def __init__(self, advance: Advance) -> None:
        super().__init__()
        self.advance = advance


@attrs.frozen
class _Planned:
    """The rows of a batch, each as an operation, or as it is refused."""

    rows: Sequence[Row]
    operations: Sequence[Read | RefusedRow]

    @property
    def reads(self) -> Sequence[Read]:
        """Return the operations."""
        return [each for each in self.operations if isinstance(each, Read)]


class ImportWorker:
    """Carries out one run, under a claim.

    Args:
        stores: the stores.
        renew: is called before each batch, and returns the author of what it writes.
        claim: the claim.
        path: the path of the file.
        on_progress: is called after each batch.
    """

    def __init__(self, stores: ImportStores, renew: Renew, claim: UUID, path: str, on_progress: OnProgress) -> None:
        self._stores = stores
        self._renew = renew
        self._actor = SYSTEM
        self._claim = claim
        self._path = path
        self._on_progress = on_progress

    async def work(self, run: ImportRun) -> ImportRun:
        """Do what is left to do."""
        try:
            if run.state == "checking":
                run = await self._checked(run)
            return await self._written(run) if run.state == "writing" else run
        except (PermissionDeniedError, UnregisteredError, InvalidError) as error:
            run = await self._stores.runs.get(run.id) or run
            return await self._save(ended(run, error))

    async def _checked(self, run: ImportRun) -> ImportRun:
        """Decide all rows, and write nothing."""
        run = attrs.evolve(run, report=Report())
        await self._save(run, restarts=True)
        async with self._rows(run) as (batches, notes):
            async with ahead(batches(0, BATCH_ROWS)) as each:
                async for planned, reader in each:
                    step = await decided_step(self._stores.db, await self._group(run, planned, reader))
                    run = attrs.evolve(run, report=step.run.report)
                    await self._save(run, step.refused)
                    _limit(run)
            run = attrs.evolve(run, report=run.report.noting(notes()), total=run.report.rows)
        if run.report.refused and not run.options.lenient:
            return await self._save(attrs.evolve(run, state="refused"))
        if run.options.dry_run:
            return await self._save(attrs.evolve(run, state="done"))
        # What is refused is counted again, as others may have changed what it depends on.
        return await self._save(
            attrs.evolve(run, state="writing", report=Report(notes=run.report.notes)), restarts=True
        )

    async def _written(self, run: ImportRun) -> ImportRun:
        """Write the rows after the last one that is committed, by batches."""
        try:
            async with self._rows(run) as (batches, _):
                size = MAX_ATOMIC_ROWS if run.options.atomic else BATCH_ROWS
                async with ahead(batches(run.row, size)) as each:
                    async for planned, reader in each:
                        await self._stores.db.change(await self._group(run, planned, reader))
                        run = await self._stores.runs.get(run.id) or run
                        self._on_progress(run)
        except _RefusedError as error:
            after = attrs.evolve(error.advance.run, row=run.row, state="stopped" if run.row else "refused")
            return await self._save(after, error.advance.refused)
        return await self._save(attrs.evolve(run, state="done"))

    @asynccontextmanager
    async def _rows(self, run: ImportRun) -> AsyncIterator[tuple["_Batches", Callable[[], Sequence[str]]]]:
        who = self._caller(run)
        resource = RESOURCES[run.resource]
        async with opened_table(self._stores, who, resource, self._path, run.options) as (table, mapping):
            reader = RowReader(mapping, run.options)
            names, doubles = _Names(self._stores.db), Doubles(mapping.definitions)
            by = upsert_attribute(mapping.definitions, run.options)

            async def batches(after: int, size: int) -> AsyncIterator[tuple[_Planned, RowReader]]:
                async for rows in _batched(table, size):
                    # What is written already is read, too: later rows may have the same unique values.
                    reads = await asyncio.to_thread(_read_all, reader, rows, doubles)
                    if reads := [read for read in reads if read.row.number > after]:
                        ids, holders = await names.ids(reads), await _holders(self._stores.db, by, reads)
                        yield await asyncio.to_thread(_planned, resource, reader, reads, ids, holders), reader

            def notes() -> Sequence[str]:
                return (*table.notes, *reader.notes)

            yield batches, notes

    async def _group(self, run: ImportRun, planned: _Planned, reader: RowReader) -> Together:
        self._actor = await self._renew()  # just before the batch is decided; its rows may have been read long ago
        who = self._caller(run)
        decisions = [decision_of(who, each) for each in planned.reads]
        run = attrs.evolve(run, updated_at=who.now)
        return Together(decisions, advance=partial(_advance, run, self._claim, planned, reader))

    def _caller(self, run: ImportRun) -> Caller:
        return caller_of(run, self._actor)

    async def _save(self, run: ImportRun, refused: Sequence[RefusedRow] = (), *, restarts: bool = False) -> ImportRun:
        run = run.saved_at(datetime.now(UTC), restarts=restarts)
        await self._stores.runs.save(run, self._claim, refused, restarts=restarts)
        self._on_progress(run)
        return run


_Batches: TypeAlias = Callable[[int, int], AsyncIterator[tuple[_Planned, RowReader]]]


class _Names:
    """Finds the records that rows name, and keeps what it found."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[Named, Sequence[UUID]] = {}

    async def ids(self, rows: Sequence[ReadRow]) -> Mapping[Named, Sequence[UUID]]:
        """Return the ids of the records of each name or value that rows have, two at most."""
        if len(self._known) > _MAX_KEPT_NAMES:
            self._known.clear()
        new = {named for row in rows for named in row.names.values()} - self._known.keys()
        values = {named: named.value for named in new if named.value is not None}
        if values:
            holders = (await self._db.known(Needs(holders=frozenset(values.values())))).holders
            self._known |= {named: [holder.id] if (holder := holders[each]) else [] for named, each in values.items()}
        for resource in {named.resource for named in new - values.keys()}:
            texts = sorted(named.text for named in new - values.keys() if named.resource == resource)
            found = await self._db.named(RESOURCES[resource], name_field(resource) or "", texts)
            self._known |= {Named(resource, text): found.get(text, ()) for text in texts}
        return self._known


def caller_of(run: ImportRun, actor: Actor) -> Caller:
    """Return the caller of what a run writes: webhooks are told later than of single calls, or not at all."""
    who = caller(actor, request_id=run_request_id(run.id))
    return attrs.evolve(who, tells_webhooks=not run.options.no_webhooks, priority=PRIORITY_OF_RUNS)


@asynccontextmanager
async def opened_table(
    stores: ImportStores, who: Caller, resource: Resource, path: str, options: ImportOptions
) -> AsyncIterator[tuple[OpenTable, ColumnMapping]]:
    """Open a file with the fields of its columns. Raises UnreadableTableError and InvalidError."""
    names = sorted({resource.name, *resource.references.values()} & set(ENTITIES))
    known = await stores.db.known(Needs.union(catalog_of(name, who) for name in names))
    catalogs = {name: known.catalogs[name].definitions for name in names}
    definitions = catalogs.get(resource.name, {})
    wanted = TableOptions(
        format=options.format,
        encoding=options.encoding,
        sheet=options.sheet,
        known_headers=known_headers(resource, definitions, options),
    )
    upsert_attribute(definitions, options)
    async with stores.tables.open(path, wanted) as table:
        if options.format == "jsonl":  # every line names its own fields
            yield table, ColumnMapping(resource, (), definitions, catalogs=catalogs)
        else:
            yield table, map_columns(resource, definitions, table.header.names, options, catalogs)


async def _batched(table: OpenTable, size: int) -> AsyncIterator[Sequence[Row]]:
    batch: list[Row] = []
    async for rows in table:
        batch += rows
        while len(batch) >= size:
            yield batch[:size]
            batch = batch[size:]
    if batch:
        yield batch


def _read_all(reader: RowReader, rows: Sequence[Row], doubles: Doubles) -> Sequence[ReadRow]:
    return [reader.without_doubles(reader.read(row), doubles) for row in rows]


async def _holders(db: Database, by: Attribute | None, reads: Sequence[ReadRow]) -> Mapping[int, UUID]:
    """Return the records that have the unique values of rows, by the numbers of these."""
    values = {read.row.number: value for read in reads if by is not None and (value := value_of(by, read.data))}
    if not values:
        return {}
    found = (await db.known(Needs(holders=frozenset(values.values())))).holders
    return {row: holder.id for row, value in values.items() if (holder := found[value])}


def _planned(
    resource: Resource,
    reader: RowReader,
    reads: Sequence[ReadRow],
    ids: Mapping[Named, Sequence[UUID]],
    holders: Mapping[int, UUID],
) -> _Planned:
    operations = [reader.operation(read, ids, holders.get(read.row.number)) for read in reads]
    sent = [
        (each, _is_sound(read, each))
        for read, each in zip(reads, operations, strict=True)
        if not isinstance(each, RefusedRow)
    ]
    done = iter(read_row_operations(resource, sent, ReadContext(new_id, strict=True)))
    planned = [each if isinstance(each, RefusedRow) else next(done) for each in operations]
    return _Planned([read.row for read in reads], planned)


def _is_sound(read: ReadRow, operation: Mapping[str, object]) -> bool:
    """Return whether only the data of an operation can be wrong: not what a line of JSONL, or a cell, says is an id."""
    return not isinstance(read.row.cells, Mapping) and not isinstance(operation.get("id"), str)


def _advance(
    run: ImportRun, claim: UUID, planned: _Planned, reader: RowReader, results: Sequence[Result], look: Look
) -> Advance:
    """Return the step of a run. Raises _RefusedError in the second pass unless the run is lenient."""
    outcomes = iter(outcomes_of(planned.reads, results, look, lenient=True))
    kinds, refused = list[str](), list[RefusedRow]()
    for row, operation in zip(planned.rows, planned.operations, strict=True):
        if isinstance(operation, RefusedRow):
            kind = "refused"
            refused.append(operation)
        else:
            outcome = next(outcomes)
            kind = outcome.kind
            if outcome.error is not None:
                refused.append(reader.refused(row, outcome.error))
        kinds.append(kind)
    writes = run.state == "writing"
    after = attrs.evolve(
        run,
        row=planned.rows[-1].number if writes else run.row,
        report=run.report.counting(kinds, refused).noting(reader.notes),
    )
    step = Advance(run=after, claim=claim, after=run.row, refused=tuple(refused))
    if refused and writes and not run.options.lenient:
        raise _RefusedError(step)
    return step


async def decided_step(db: Database, group: Together) -> Advance:
    """Return the step that a commit of decisions would make. Raises InUseError where the commit would."""
    decision = await asyncio.to_thread(Decision, group)
    while decision.needs:
        await asyncio.to_thread(decision.send, await db.known(decision.needs))
    await refuse_referred(db, decision.changes)
    assert decision.changes.advance is not None  # noqa: S101  # these decisions make one
    return decision.changes.advance


def _limit(run: ImportRun) -> None:
    if run.options.atomic and run.report.rows > MAX_ATOMIC_ROWS:
        raise UnreadableTableError(_TOO_MANY)


def ended(run: ImportRun, error: _Ending) -> ImportRun:
    """Return a run that ends early, with the reason in its report."""
    report = run.report.counting((), (RefusedRow(_row_of(error), tuple(_reasons(error)), ()),))
    return attrs.evolve(run, state="stopped" if run.row else "refused", report=report)


def _row_of(error: CrmError) -> int:
    return error.row if isinstance(error, UnreadableTableError) else 0


def _reasons(error: _Ending) -> Iterator[RowProblem]:
    if isinstance(error, PermissionDeniedError):
        yield RowProblem("", "permission_denied", _DENIED)
    elif isinstance(error, UnregisteredError):
        yield RowProblem("", "unregistered", str(error))
    elif isinstance(error, InUseError):
        yield RowProblem("", "in_use", str(error))
    else:
        lists = (each for each in error.problems.values() if not isinstance(each, Mapping))
        yield from (RowProblem("", problem.code, problem.message) for each in lists for problem in each)
