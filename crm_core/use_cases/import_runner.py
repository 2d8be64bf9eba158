"""The runner of imports: it carries out the runs whose files are stored, one after the other (decision 114).

Any number of runners share the runs. One that ends, in whatever way, leaves its run to another, which goes on after the
last commit: at once if it was stopped, else when its claim is over.
"""

import asyncio
import logging
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from crm_core.errors import CrmError, RequestInProgressError
from crm_core.imports.runs import REFUSED_ROWS_KEPT, ImportRun
from crm_core.ports import Accounts
from crm_core.use_cases.import_worker import ImportStores
from crm_core.use_cases.imports import carry_out_next

logger = logging.getLogger("crm.imports")

#: Seconds after an error before a run is tried again.
_RETRY_AFTER: Final = 10.0
#: Seconds between two looks for what is too old to be kept.
_FORGET_INTERVAL: Final = 3_600.0


class _StoppedError(Exception):
    """The runner was stopped while it carried out a run."""


class ImportRunner:
    """Carries out runs until it is stopped.

    Args:
        stores: the stores.
        accounts: where users are stored, who must have the permissions while their runs go on.
        poll: seconds after which it looks for runs without having been woken.
        grace: seconds that a batch has to end when the runner is stopped; then it is given up, and nothing of it stays.
    """

    def __init__(self, stores: ImportStores, accounts: Accounts, *, poll: float = 2.0, grace: float = 5.0) -> None:
        self._stores = stores
        self._accounts = accounts
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
        try:
            run = await carry_out_next(self._stores, self._accounts, self._check)
        except RequestInProgressError:
            return None
        if run is not None:
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
            except Exception:
                logger.exception("an import failed and is tried again")
                seconds = _RETRY_AFTER
            await self._wait(seconds)

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wakeup.wait()
        self._wakeup.clear()

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
