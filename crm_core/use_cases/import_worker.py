"""The worker that carries out a run of an import: it decides every row, then writes batches (decision 93)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Final, TypeAlias
from uuid import UUID

import attrs

from crm_core.engine.decision_runs import Decision
from crm_core.engine.together import Look, Result, Together
from crm_core.errors import CrmError, InvalidError, PermissionDeniedError, UnreadableTableError, UnregisteredError
from crm_core.imports.endings import ended
from crm_core.imports.rows import RowReader
from crm_core.imports.runs import BATCH_ROWS, Advance, ImportRun, RefusedRow, Report, run_request_id
from crm_core.model.accounts import SYSTEM, Actor, Caller
from crm_core.ports import Database
from crm_core.resources import RESOURCES
from crm_core.use_cases.bulk import decision_of, outcomes_of
from crm_core.use_cases.callers import caller
from crm_core.use_cases.dry_runs import refuse_referred
from crm_core.use_cases.import_batches import Batch, Batches
from crm_core.use_cases.import_stores import ImportStores, opened_table
from crm_core.use_cases.prefetching import prefetched
from crm_core.webhooks.deliveries import PRIORITY_OF_RUNS

#: Rows of an import that is written in one commit.
MAX_ATOMIC_ROWS: Final = 100_000
_TOO_MANY: Final = f"One commit takes at most {MAX_ATOMIC_ROWS:,} rows: leave out atomic, or cut the file into parts."

#: Is called with the run after each batch.
OnProgress: TypeAlias = Callable[[ImportRun], None]
#: Returns who carries out a run, as they are at the moment. Raises PermissionDeniedError if they may not.
Renew: TypeAlias = Callable[[], Awaitable[Actor]]


class _RefusedError(CrmError):
    """A rule refuses rows that the first pass had accepted."""

    def __init__(self, advance: Advance) -> None:
        super().__init__()
        self.advance = advance


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
        """Carry out the run to its end, from where it is; return it as it is then."""
        try:
            if run.state == "checking":
                run = await self._check(run)
            return await self._write(run) if run.state == "writing" else run
        except (PermissionDeniedError, UnregisteredError, InvalidError) as error:
            run = await self._stores.runs.get(run.id) or run
            return await self._save(ended(run, error))

    async def _check(self, run: ImportRun) -> ImportRun:
        """Decide all rows, and write nothing."""
        run = attrs.evolve(run, report=Report())
        await self._save(run, restarts=True)
        async with self._batches(run) as batches:
            async with prefetched(batches.after(0, BATCH_ROWS)) as each:
                async for batch in each:
                    step = await decided_step(self._stores.db, await self._group(run, batch, batches.reader))
                    run = attrs.evolve(run, report=step.run.report)
                    await self._save(run, step.refused)
                    _refuse_too_many(run)
            run = attrs.evolve(run, report=run.report.noting(batches.notes), total=run.report.rows)
        if run.report.refused and not run.options.lenient:
            return await self._save(attrs.evolve(run, state="refused"))
        if run.options.dry_run:
            return await self._save(attrs.evolve(run, state="done"))
        # What is refused is counted again, as others may have changed what it depends on.
        return await self._save(
            attrs.evolve(run, state="writing", report=Report(notes=run.report.notes)), restarts=True
        )

    async def _write(self, run: ImportRun) -> ImportRun:
        """Write the rows after the last one that is committed, by batches."""
        try:
            async with self._batches(run) as batches:
                size = MAX_ATOMIC_ROWS if run.options.atomic else BATCH_ROWS
                async with prefetched(batches.after(run.row, size)) as each:
                    async for batch in each:
                        await self._stores.db.change(await self._group(run, batch, batches.reader))
                        run = await self._stores.runs.get(run.id) or run
                        self._on_progress(run)
        except _RefusedError as error:
            after = attrs.evolve(error.advance.run, row=run.row, state="stopped" if run.row else "refused")
            return await self._save(after, error.advance.refused)
        return await self._save(attrs.evolve(run, state="done"))

    @asynccontextmanager
    async def _batches(self, run: ImportRun) -> AsyncIterator[Batches]:
        who, resource = caller_of(run, self._actor), RESOURCES[run.resource]
        async with opened_table(self._stores, who, resource, self._path, run.options) as (table, mapping):
            yield Batches(self._stores.db, table, mapping, run.options)

    async def _group(self, run: ImportRun, batch: Batch, reader: RowReader) -> Together:
        self._actor = await self._renew()  # just before the batch is decided; its rows may have been read long ago
        who = caller_of(run, self._actor)
        decisions = [decision_of(who, each) for each in batch.reads]
        run = attrs.evolve(run, updated_at=who.now)
        return Together(decisions, advance=partial(_advance, run, self._claim, batch, reader))

    async def _save(self, run: ImportRun, refused: Sequence[RefusedRow] = (), *, restarts: bool = False) -> ImportRun:
        run = run.saved_at(datetime.now(UTC), restarts=restarts)
        await self._stores.runs.save(run, self._claim, refused, restarts=restarts)
        self._on_progress(run)
        return run


def caller_of(run: ImportRun, actor: Actor) -> Caller:
    """Return the caller of what a run writes: webhooks are told later than of single calls, or not at all."""
    who = caller(actor, request_id=run_request_id(run.id))
    return attrs.evolve(who, tells_webhooks=not run.options.no_webhooks, priority=PRIORITY_OF_RUNS)


def _advance(
    run: ImportRun, claim: UUID, batch: Batch, reader: RowReader, results: Sequence[Result], look: Look
) -> Advance:
    """Return the step of a run. Raises _RefusedError in the second pass unless the run is lenient."""
    outcomes = iter(outcomes_of(batch.reads, results, look, lenient=True))
    kinds, refused = list[str](), list[RefusedRow]()
    for row, operation in zip(batch.rows, batch.operations, strict=True):
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
        row=batch.rows[-1].number if writes else run.row,
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


def _refuse_too_many(run: ImportRun) -> None:
    if run.options.atomic and run.report.rows > MAX_ATOMIC_ROWS:
        raise UnreadableTableError(_TOO_MANY)
