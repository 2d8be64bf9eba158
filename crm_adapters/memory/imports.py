"""Runs of imports in memory."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import attrs

from crm_core.errors import RunLostError
from crm_core.imports.runs import LEASE_SECONDS, Advance, ImportRun, RefusedRow, without_texts


class MemoryImportRuns:
    """Runs of imports in memory (``crm_core.ports.ImportRuns``).

    Args:
        clock: returns the time by which claims end, UTC.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._runs: dict[UUID, ImportRun] = {}
        self._claims: dict[UUID, tuple[UUID, datetime]] = {}
        self._refused: dict[UUID, dict[int, RefusedRow]] = {}
        self._files: dict[UUID, bytes] = {}

    async def create(self, run: ImportRun, content: AsyncIterator[bytes] | None = None) -> ImportRun | None:
        """Keep a new run, or return the run that bars it."""
        if not run.options.dry_run and not run.options.again:
            undone = {each.undo.run for each in self._runs.values() if each.undo and not each.options.dry_run}
            for earlier in self._runs.values():
                bars = earlier.bars_the_same and earlier.id not in undone
                if earlier.fingerprint == run.fingerprint and bars:
                    return earlier
        self._runs[run.id] = run
        self._refused[run.id] = {}
        if content is not None:
            self._files[run.id] = b"".join([piece async for piece in content])
        return None

    async def content(self, id_: UUID) -> AsyncIterator[bytes]:
        """Yield the stored file of a run."""
        if id_ in self._files:
            yield self._files[id_]

    async def get(self, id_: UUID) -> ImportRun | None:
        """Return a run."""
        return self._runs.get(id_)

    async def latest(self, limit: int, *, user: int | None = None, before: UUID | None = None) -> Sequence[ImportRun]:
        """Return the latest runs, the newest first."""
        found = (run for run in self._runs.values() if user in (None, run.user) and (before is None or run.id < before))
        return sorted(found, key=lambda run: run.id, reverse=True)[:limit]

    async def claim(self, id_: UUID, claim: UUID, seconds: float) -> ImportRun | None:
        """Claim an active run, unless another claim holds it."""
        run = self._runs.get(id_)
        _, until = self._claims.get(id_, (None, None))
        if run is None or not run.is_active or (until is not None and until > self._clock()):
            return None
        self._claims[id_] = claim, self._clock() + timedelta(seconds=seconds)
        return run

    async def claim_next(self, claim: UUID, seconds: float) -> ImportRun | None:
        """Claim the oldest active run that has a stored file, or is a queued undo, and is not claimed."""
        queued = (run.id for run in self._runs.values() if run.undo and run.undo.is_queued)
        for id_ in sorted({*self._files, *queued}):
            if run := await self.claim(id_, claim, seconds):
                return run
        return None

    async def renew(self, id_: UUID, claim: UUID, seconds: float) -> None:
        """Let a claim last some seconds from now on."""
        if self._claims.get(id_, (None, None))[0] == claim:
            self._claims[id_] = claim, self._clock() + timedelta(seconds=seconds)

    async def release(self, id_: UUID, claim: UUID) -> None:
        """Give up a claim."""
        if self._claims.get(id_, (None, None))[0] == claim:
            del self._claims[id_]

    async def save(
        self, run: ImportRun, claim: UUID, refused: Sequence[RefusedRow] = (), *, restarts: bool = False
    ) -> None:
        """Keep a run as it is now, and more refused rows. Raises RunLostError."""
        self.check(run.id, claim)
        if restarts:
            self._refused[run.id].clear()
        self._keep(run, claim, refused)

    async def cancel(self, id_: UUID) -> bool:
        """Cancel a run; return whether it was active."""
        run = self._runs.get(id_)
        if run is None or not run.is_active:
            return False
        self._cancel(run)
        return True

    async def forget(self, before: datetime) -> None:
        """Forget the refused rows of earlier runs, and cancel those of them with a stored file."""
        for run in [run for run in self._runs.values() if run.created_at < before]:
            self._refused[run.id].clear()
            if run.id in self._files:
                self._cancel(run)

    def forget_texts(self, texts: Sequence[str]) -> None:
        """Forget refused rows and examples that have one of some texts."""
        for run in list(self._runs.values()):
            self._runs[run.id] = without_texts(run, texts)
            self._refused[run.id] = {number: row for number, row in self._refused[run.id].items() if not row.has(texts)}

    async def refused_rows(self, id_: UUID, after: int, limit: int) -> Sequence[RefusedRow]:
        """Return refused rows of a run after a row, in their order."""
        rows = self._refused.get(id_, {})
        return [rows[number] for number in sorted(rows) if number > after][:limit]

    def check(self, id_: UUID, claim: UUID, after: int | None = None) -> None:
        """Raise RunLostError unless a run is active, claimed by this claim, and at the row ``after`` if it is given."""
        run = self._runs.get(id_)
        is_held = self._claims.get(id_, (None, None))[0] == claim
        if run is None or not run.is_active or not is_held or (after is not None and run.row != after):
            raise RunLostError

    def advance(self, step: Advance) -> None:
        """Make the step of a commit, which was checked."""
        self._keep(step.run, step.claim, step.refused)

    def _cancel(self, run: ImportRun) -> None:
        self._runs[run.id] = attrs.evolve(run, state="cancelled", since=self._clock())
        self._files.pop(run.id, None)

    def _keep(self, run: ImportRun, claim: UUID, refused: Sequence[RefusedRow]) -> None:
        self._runs[run.id] = run
        if not run.is_active:
            self._files.pop(run.id, None)
        self._claims[run.id] = claim, self._clock() + timedelta(seconds=LEASE_SECONDS)
        self._refused[run.id] |= {row.row: row for row in refused}
