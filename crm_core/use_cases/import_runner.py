"""The runner of imports: it carries out the runs whose files are stored, one after the other (decision 103).

Any number of runners share the runs. One that ends, in whatever way, leaves its run to another, which goes on after the
last commit: at once if it was stopped, else when its claim is over.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final, TypeAlias
from uuid import UUID

from crm_core.errors import CrmError, RequestInProgressError
from crm_core.imports.runs import LEASE_SECONDS, REFUSED_ROWS_KEPT, ImportRun
from crm_core.ports import Accounts
from crm_core.use_cases.callers import new_id
from crm_core.use_cases.import_stores import ImportStores
from crm_core.use_cases.imports import carry_out_claimed

logger: Final = logging.getLogger("crm.imports")

#: Seconds after an error before a run is tried again.
_RETRY_AFTER: Final = 10.0
#: Seconds between two looks for what is too old to be kept.
_FORGET_INTERVAL: Final = 3_600.0

#: Carries out a run under a claim, and returns it as it is then; it ends early, after a batch, when the event is set.
CarryOut: TypeAlias = Callable[[ImportRun, UUID, asyncio.Event], Awaitable[ImportRun]]


class _StoppedError(Exception):
    """The runner was stopped while it carried out a run."""


class ImportRunner:
    """Carries out runs until it is stopped.

    Args:
        stores: the stores.
        accounts: where users are stored, who must have the permissions while their runs go on.
        carry_out: carries out a run, for example in another process; by default this process does.
        poll: seconds after which it looks for runs without having been woken.
        grace: seconds that a batch has to end when the runner is stopped; then it is given up, and nothing of it stays.
    """

    def __init__(
        self,
        stores: ImportStores,
        accounts: Accounts,
        *,
        carry_out: CarryOut | None = None,
        poll: float = 2.0,
        grace: float = 5.0,
    ) -> None:
        self._stores = stores
        self._accounts = accounts
        self._carry_out = carry_out or self._carry_out_here
        self._poll = poll
        self._grace = grace
        self._wakeup = asyncio.Event()
        self._stopping = asyncio.Event()

    def wake(self) -> None:
        """Look for runs at once."""
        self._wakeup.set()

    async def run(self) -> None:
        """Carry out runs until ``stop``. No error ends it: what failed is tried again."""
        tasks = [asyncio.create_task(self._forget()), running := asyncio.create_task(self._run())]
        try:
            await self._stopping.wait()
            await asyncio.wait({running}, timeout=self._grace)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def stop(self) -> None:
        """Take no more runs, and end the present one after its batch; then ``run`` returns."""
        self._stopping.set()
        self._wakeup.set()

    async def run_next(self) -> ImportRun | None:
        """Carry out one run, and return it; None if there is none, or another runner took it over."""
        claim = new_id()
        run = await self._stores.runs.claim_next(claim, LEASE_SECONDS)
        if run is None:
            return None
        try:
            run = await self._carry_out(run, claim, self._stopping)
        except RequestInProgressError:
            return None
        except _StoppedError:
            raise
        except Exception:
            # It may happen again each time: until the claim is over, the other runs come first.
            with suppress(CrmError):
                await self._stores.runs.claim(run.id, claim, LEASE_SECONDS)
            raise
        logger.info("import %s of user %s: %s, %s rows", run.id, run.user, run.state, run.report.rows)
        return run

    async def _run(self) -> None:
        while not self._stopping.is_set():
            seconds = self._poll
            try:
                if await self.run_next():
                    continue
            except _StoppedError:
                return
            except CrmError as error:
                logger.warning("imports cannot go on now: %s", error)
                seconds = _RETRY_AFTER
            except Exception:  # one run must not end the runner, which has those of others
                logger.exception("an import failed and is tried again")
                seconds = _RETRY_AFTER
            await self._wait(seconds)

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wakeup.wait()
        self._wakeup.clear()

    async def _carry_out_here(self, run: ImportRun, claim: UUID, _: asyncio.Event) -> ImportRun:
        return await carry_out_claimed(self._stores, self._accounts, run, claim, self._check)

    def _check(self, _: ImportRun) -> None:
        """End between two batches if the runner was stopped."""
        if self._stopping.is_set():
            raise _StoppedError

    async def _forget(self) -> None:
        while True:
            try:
                await self._stores.runs.forget(datetime.now(UTC) - REFUSED_ROWS_KEPT)
            except CrmError as error:
                logger.warning("refused rows of imports are kept longer: %s", error)
            await asyncio.sleep(_FORGET_INTERVAL)
