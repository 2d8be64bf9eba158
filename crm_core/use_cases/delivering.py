"""The worker that sends what commits have left in the outbox: claim, send, settle, and again.

Any number of workers share an outbox. What one has claimed and does not settle, somebody else is given when the lease
is over: so everything is delivered at least once, and told apart by ``webhook-id``.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

import attrs

from crm_core.accounts import SYSTEM
from crm_core.deliveries import Attempt, Outcome
from crm_core.drafts import Draft
from crm_core.errors import CrmError, NotFoundError
from crm_core.ports import Database, Outbox, WebhookSender
from crm_core.resources import WEBHOOKS
from crm_core.retries import Health, Result, Retries, reason_to_disable
from crm_core.use_cases import records
from crm_core.use_cases.callers import caller

logger = logging.getLogger("crm.deliveries")

#: Attempts that a worker has under way at once.
_SLOTS: Final = 256
#: Seconds after which a worker looks without having been woken, and after which it asks an outbox again that failed.
_POLL: Final = 1.0
#: Seconds between two cleanings.
_BETWEEN_CLEANINGS: Final = 3_600.0


@attrs.frozen
class _Finished:
    attempt: Attempt
    outcome: Outcome
    result: Result


class DeliveryWorker:
    """Sends deliveries until it is stopped.

    Args:
        db: where webhooks are, which it may have to switch off.
        outbox: where deliveries are.
        sender: what sends them.
        retries: when to try again.
        grace: seconds that attempts under way are given to end when the worker is stopped.
    """

    def __init__(
        self,
        db: Database,
        outbox: Outbox,
        sender: WebhookSender,
        retries: Retries | None = None,
        *,
        grace: float = 5.0,
    ) -> None:
        self._db = db
        self._outbox = outbox
        self._sender = sender
        self._retries = retries or Retries()
        self._grace = grace
        self._under_way: dict[asyncio.Task[None], Attempt] = {}
        self._finished: list[_Finished] = []
        self._stirred = asyncio.Event()
        self._is_stopping = False

    async def run(self) -> None:
        """Work until `stop`. Nothing that goes wrong ends it: what an outbox refuses now is asked for again."""
        helpers = [asyncio.create_task(self._listen()), asyncio.create_task(self._clean())]
        try:
            while not self._is_stopping:
                await self._wait(await self._turn())
            await self._give_back()
        finally:
            for task in (*helpers, *self._under_way):
                task.cancel()
            await asyncio.gather(*helpers, *self._under_way, return_exceptions=True)

    def stop(self) -> None:
        """Claim no more; `run` returns when what is under way has ended or was given back."""
        self._is_stopping = True
        self._stirred.set()

    async def _turn(self) -> float:
        """Settle what has ended and begin what is due; gives the seconds until the next look."""
        wait = _POLL
        with _noted("The outbox cannot be used now"):
            wait = min(await self._settle(), await self._claim())
        return wait  # noqa: RET504  # what goes wrong above ends its block only

    async def _claim(self) -> float:
        most = _SLOTS - len(self._under_way)
        if most == 0:
            return _POLL
        busy = Counter(each.webhook for each in self._under_way.values())
        claim = await self._outbox.claim(most, busy)
        for attempt in claim.attempts:
            self._begin(attempt)
        return 0.0 if claim.more else _POLL

    async def _wait(self, seconds: float) -> None:
        if seconds > 0:
            try:
                async with asyncio.timeout(seconds):
                    await self._stirred.wait()
            except TimeoutError:
                return
        self._stirred.clear()

    async def _listen(self) -> None:
        while True:
            await self._outbox.woken()
            self._stirred.set()

    async def _clean(self) -> None:
        while True:
            cleaned = 0
            with _noted("The outbox cannot be cleaned now"):
                cleaned = await self._outbox.clean()
            await asyncio.sleep(_POLL if cleaned else _BETWEEN_CLEANINGS * random.uniform(0.5, 1.5))  # noqa: S311

    def _begin(self, attempt: Attempt) -> None:
        task = asyncio.create_task(self._attempt(attempt))
        self._under_way[task] = attempt
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        self._stirred.set()

    async def _attempt(self, attempt: Attempt) -> None:
        if self._retries.is_used_up(attempt.number):
            outcome = Outcome(error="Every attempt ended without a result.", is_hopeless=True)
        else:
            try:
                outcome = await self._sender.send(attempt)
            except Exception as error:
                logger.exception("sending delivery %s failed", attempt.delivery)
                outcome = Outcome(error=f"Sending failed: {type(error).__name__}.")
        result = self._retries.result(attempt, outcome, random.random())  # noqa: S311
        self._finished.append(_Finished(attempt, outcome, result))

    async def _settle(self) -> float:
        """Write down what has ended; gives the seconds until the soonest of their next tries."""
        finished = self._finished[:]
        if not finished:
            return _POLL
        health = await self._outbox.settle([each.result for each in finished])
        del self._finished[: len(finished)]
        for each in finished:
            if each.result.is_endpoints_failure and each.attempt.webhook in health:
                await self._heed(each, health[each.attempt.webhook])
        return min(each.result.wait if each.result.state == "pending" else _POLL for each in finished)

    async def _heed(self, finished: _Finished, health: Health) -> None:
        webhook, outcome = finished.attempt.webhook, finished.outcome
        if reason := reason_to_disable(health, outcome):
            await self._disable(webhook, reason)
        elif seconds := self._retries.pause(health, outcome):
            await self._outbox.pause(webhook, seconds)

    async def _disable(self, webhook: UUID, reason: str) -> None:
        draft = Draft({"is_active": False, "disabled_reason": reason})
        try:
            await records.apply(self._db, caller(SYSTEM), WEBHOOKS, webhook, lambda _: draft)
        except NotFoundError:
            return  # deleted meanwhile
        logger.warning("webhook %s was switched off: %s", webhook, reason)
        await self._outbox.forgive(webhook)

    async def _give_back(self) -> None:
        """Let attempts end for a while, then give back the others, which somebody else is given at once."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=self._grace)
        left = dict(self._under_way)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        with _noted("What was under way waits for the end of its lease"):
            await self._settle()
            if left:
                await self._outbox.release(list(left.values()))


@contextmanager
def _noted(what: str) -> Iterator[None]:
    """Log what goes wrong inside, and go on: no delivery and no outage ends the worker."""
    try:
        yield
    except CrmError as error:
        logger.warning("%s: %s", what, error)
    except Exception:
        logger.exception(what)
