"""The worker that sends the deliveries that commits leave in the outbox: claim, send, record the result, repeat.

Any number of workers share an outbox. When a worker does not record a result before its lease is over, another worker
gets the delivery: so each is sent at least once, and receivers know repeats by ``webhook-id``.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Final
from uuid import UUID

import attrs

from crm_core.errors import CrmError, NotFoundError
from crm_core.model.accounts import SYSTEM
from crm_core.ports import Database, Outbox, WebhookSender
from crm_core.resources import WEBHOOKS
from crm_core.rules.webhooks import switched_off
from crm_core.use_cases import records
from crm_core.use_cases.callers import caller
from crm_core.webhooks.attempts import Attempt, Outcome
from crm_core.webhooks.circuit_breaker import HEALTHY, Health, pause_seconds, reason_to_disable
from crm_core.webhooks.retries import Result, Retries

logger: Final = logging.getLogger("crm.deliveries")

#: Attempts that a worker has in flight at once.
_MAX_ATTEMPTS: Final = 256
#: Of these, those kept for endpoints that neither fail nor have an attempt in flight, so that they do not wait however
#: many others hang.
_RESERVE: Final = 64
#: Seconds between two cleanings, before the next one if there is more to clean, and after an error.
_CLEAN_INTERVAL: Final = 3_600.0
_CLEAN_MORE_AFTER: Final = 1.0
_CLEAN_RETRY_AFTER: Final = 60.0


@attrs.frozen
class _Finished:
    attempt: Attempt
    result: Result


class DeliveryWorker:
    """Sends deliveries until it is stopped.

    Args:
        db: the database with the webhooks, which the worker may have to disable.
        outbox: where the deliveries are.
        sender: sends them.
        retries: the schedule of further attempts.
        poll: seconds after which the worker looks for work without a wake-up, and tries again after an error.
        grace: seconds that attempts in flight have to end when the worker is stopped.
    """

    def __init__(
        self,
        db: Database,
        outbox: Outbox,
        sender: WebhookSender,
        retries: Retries | None = None,
        *,
        poll: float = 1.0,
        grace: float = 3.0,
    ) -> None:
        self._db = db
        self._outbox = outbox
        self._sender = sender
        self._retries = retries or Retries()
        self._poll = poll
        self._grace = grace
        self._in_flight: dict[asyncio.Task[None], Attempt] = {}
        self._finished: list[_Finished] = []
        self._wakeup = asyncio.Event()
        self._next_due = poll
        self._is_stopping = False

    async def run(self) -> None:
        """Send deliveries until `stop`. No error ends it: what the outbox refuses is tried again."""
        helpers = [asyncio.create_task(self._listen()), asyncio.create_task(self._clean())]
        try:
            while not self._is_stopping:
                more = False
                with _logged_errors("The outbox cannot be used now"):
                    await self._flush_results()
                    more = await self._claim()
                if not more:
                    await self._wait()
            await self._give_back()
        finally:
            for task in (*helpers, *self._in_flight):
                task.cancel()
            await asyncio.gather(*helpers, *self._in_flight, return_exceptions=True)

    def stop(self) -> None:
        """Claim no more; `run` returns when all attempts have ended or were given back."""
        self._is_stopping = True
        self._wakeup.set()

    async def _claim(self) -> bool:
        """Begin the attempts that are due; return whether there may be more."""
        free = _MAX_ATTEMPTS - len(self._in_flight)
        if free == 0:
            return False
        in_flight = Counter(attempt.webhook for attempt in self._in_flight.values())
        idle_only = free <= _RESERVE
        claim = await self._outbox.claim(free if idle_only else free - _RESERVE, in_flight, idle_only=idle_only)
        for attempt in claim.attempts:
            self._begin(attempt)
        return claim.more

    async def _wait(self) -> None:
        """Wait for work, at most until the next poll."""
        with suppress(TimeoutError):
            async with asyncio.timeout(min(self._poll, self._next_due)):
                await self._wakeup.wait()
        self._wakeup.clear()
        self._next_due = self._poll

    async def _listen(self) -> None:
        while True:
            with _logged_errors("The worker cannot wait for deliveries now"):
                await self._outbox.wait_for_work()
                self._wakeup.set()
                continue
            await asyncio.sleep(self._poll)

    async def _clean(self) -> None:
        while True:
            wait = _CLEAN_RETRY_AFTER
            with _logged_errors("The outbox cannot be cleaned now"):
                wait = _CLEAN_MORE_AFTER if await self._outbox.clean() else _CLEAN_INTERVAL
            await asyncio.sleep(wait * random.uniform(0.5, 1.5))  # noqa: S311

    def _begin(self, attempt: Attempt) -> None:
        task = asyncio.create_task(self._attempt(attempt))
        self._in_flight[task] = attempt
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        del self._in_flight[task]
        self._wakeup.set()

    async def _attempt(self, attempt: Attempt) -> None:
        if self._retries.is_used_up(attempt.number):
            outcome = Outcome(error="Every attempt ended without a result.", is_hopeless=True)
        elif attempt.error:
            outcome = Outcome(error=attempt.error, is_hopeless=True)
        else:
            try:
                outcome = await self._sender.send(attempt)
            except Exception as error:
                logger.exception("sending delivery %s failed", attempt.delivery)
                outcome = Outcome(error=f"Sending failed: {type(error).__name__}.")
        result = self._retries.result(attempt, outcome, random.random())  # noqa: S311
        self._finished.append(_Finished(attempt, result))

    async def _flush_results(self) -> None:
        """Record the results of ended attempts, and pause or disable the endpoints that fail."""
        finished = self._finished[:]
        if not finished:
            return
        health = await self._outbox.record_results([each.result for each in finished])
        del self._finished[: len(finished)]
        self._next_due = min(
            self._next_due, *(each.result.wait for each in finished if each.result.state == "pending"), self._poll
        )
        failed = [each for each in finished if each.result.is_endpoints_failure]
        for webhook in {each.attempt.webhook for each in failed}:
            with _logged_errors("The state of an endpoint could not be updated"):
                theirs = [each for each in failed if each.attempt.webhook == webhook]
                await self._update_endpoint(webhook, health.get(webhook, HEALTHY), theirs)

    async def _update_endpoint(self, webhook: UUID, health: Health, failed: Sequence[_Finished]) -> None:
        reasons = ((each.attempt.url, reason_to_disable(health, each.result.outcome)) for each in failed)
        if reason := next(((url, reason) for url, reason in reasons if reason), None):
            await self._disable(webhook, *reason)
            return
        longest_delay = self._retries.longest_delay
        if seconds := max((pause_seconds(health, each.result.outcome, longest_delay) for each in failed), default=0.0):
            await self._outbox.pause(webhook, seconds)

    async def _disable(self, webhook: UUID, url: str, reason: str) -> None:
        """Disable a webhook, unless its URL has changed since the failure."""
        await self._outbox.reset_health(webhook)
        edit = partial(switched_off, url=url, reason=reason)
        try:
            await records.apply(self._db, caller(SYSTEM), WEBHOOKS, webhook, edit)
        except NotFoundError:
            return  # deleted by now
        logger.warning("webhook %s: %s", webhook, reason)

    async def _give_back(self) -> None:
        """Wait for attempts to end, then give back the others, so that another worker gets them at once."""
        if self._in_flight:
            await asyncio.wait(self._in_flight, timeout=self._grace)
        left = dict(self._in_flight)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        with _logged_errors("Attempts in flight wait for the end of their leases"):
            await self._flush_results()
            if left:
                await self._outbox.release(list(left.values()))


class _logged_errors:  # noqa: N801  # it is used as a function, but for the type of its exit
    """Log errors and go on, so that neither a delivery nor an outage ends the worker."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        if isinstance(error, CrmError):
            logger.warning("%s: %s", self._what, error)
        elif isinstance(error, Exception):
            logger.error(self._what, exc_info=error)
        return isinstance(error, Exception)
