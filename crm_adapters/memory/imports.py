"""Runs of imports in memory."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import attrs

from crm_core.errors import RunLostError
from crm_core.imports.runs import LEASE_SECONDS, REFUSED_ROWS_KEPT, Advance, ImportRun, RefusedRow


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

    async def create(self, run: ImportRun) -> ImportRun | None:
        """Keep a new run, or return the run that bars it."""
        if not run.options.dry_run and not run.options.again:
            undone = {each.undo.run for each in self._runs.values() if each.undo and not each.options.dry_run}
            for earlier in self._runs.values():
                bars = earlier.bars_the_same and earlier.id not in undone
                if earlier.fingerprint == run.fingerprint and bars:
                    return earlier
        for earlier in self._runs.values():
            if earlier.created_at < run.created_at - REFUSED_ROWS_KEPT:
                self._refused[earlier.id].clear()
        self._runs[run.id] = run
        self._refused[run.id] = {}
        return None

    async def get(self, id_: UUID) -> ImportRun | None:
        """Return a run."""
        return self._runs.get(id_)

    async def latest(self, limit: int) -> Sequence[ImportRun]:
        """Return the latest runs, the newest first."""
        return sorted(self._runs.values(), key=lambda run: run.id, reverse=True)[:limit]

    async def claim(self, id_: UUID, claim: UUID, seconds: float) -> ImportRun | None:
        """Claim an active run, unless another claim holds it."""
        run = self._runs.get(id_)
        _, until = self._claims.get(id_, (None, None))
        if run is None or not run.is_active or (until is not None and until > self._clock()):
            return None
        self._claims[id_] = claim, self._clock() + timedelta(seconds=seconds)
        return run

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
        self._runs[id_] = attrs.evolve(run, state="cancelled")
        return True

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

    def _keep(self, run: ImportRun, claim: UUID, refused: Sequence[RefusedRow]) -> None:
        self._runs[run.id] = run
        self._claims[run.id] = claim, self._clock() + timedelta(seconds=LEASE_SECONDS)
        self._refused[run.id] |= {row.row: row for row in refused}
