"""The worker that sends what commits have left in the outbox: claim, send, settle, and again.

Any number of workers share an outbox. What one has claimed and does not settle, somebody else is given when the lease
is over: so everything is delivered at least once, and told apart by ``webhook-id``.
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

logger = logging.getLogger("crm.deliveries")

#: Attempts that a worker has under way at once.
_SLOTS: Final = 256
#: The part of them that is kept for endpoints which neither fail nor have anything under way: however many others hang
#: at once, these do not wait.
_RESERVE: Final = 64
#: Seconds between two cleanings, and before the next one where there is more to clean or something went wrong.
_BETWEEN_CLEANINGS: Final = 3_600.0
_BEFORE_MORE: Final = 1.0
_AFTER_FAILURE: Final = 60.0


@attrs.frozen
class _Finished:
    attempt: Attempt
    result: Result


class DeliveryWorker:
    """Sends deliveries until it is stopped.

    Args:
        db: where webhooks are, which it may have to switch off.
        outbox: where deliveries are.
        sender: what sends them.
        retries: when to try again.
        poll: seconds after which it looks without having been woken, and asks an outbox again that failed.
        grace: seconds that attempts under way are given to end when the worker is stopped.
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
        self._under_way: dict[asyncio.Task[None], Attempt] = {}
        self._finished: list[_Finished] = []
        self._stirred = asyncio.Event()
        self._soonest = poll
        self._is_stopping = False

    async def run(self) -> None:
        """Work until `stop`. Nothing that goes wrong ends it: what an outbox refuses now is asked for again."""
        helpers = [asyncio.create_task(self._listen()), asyncio.create_task(self._clean())]
        try:
            while not self._is_stopping:
                more = False
                with _noted("The outbox cannot be used now"):
                    await self._flush_results()
                    more = await self._claim()
                if not more:
                    await self._wait()
            await self._give_back()
        finally:
            for task in (*helpers, *self._under_way):
                task.cancel()
            await asyncio.gather(*helpers, *self._under_way, return_exceptions=True)

    def stop(self) -> None:
        """Claim no more; `run` returns when what is under way has ended or was given back."""
        self._is_stopping = True
        self._stirred.set()

    async def _claim(self) -> bool:
        """Begin what is due; whether there is more."""
        free = _SLOTS - len(self._under_way)
        if free == 0:
            return False
        busy = Counter(each.webhook for each in self._under_way.values())
        is_scarce = free <= _RESERVE
        claim = await self._outbox.claim(free if is_scarce else free - _RESERVE, busy, scarce=is_scarce)
        for attempt in claim.attempts:
            self._begin(attempt)
        return claim.more

    async def _wait(self) -> None:
        """Wait for something to do, at most until the next look."""
        with suppress(TimeoutError):
            async with asyncio.timeout(min(self._poll, self._soonest)):
                await self._stirred.wait()
        self._stirred.clear()
        self._soonest = self._poll

    async def _listen(self) -> None:
        while True:
            with _noted("Nobody is woken now"):
                await self._outbox.woken()
                self._stirred.set()
                continue
            await asyncio.sleep(self._poll)

    async def _clean(self) -> None:
        while True:
            wait = _AFTER_FAILURE
            with _noted("The outbox cannot be cleaned now"):
                wait = _BEFORE_MORE if await self._outbox.clean() else _BETWEEN_CLEANINGS
            await asyncio.sleep(wait * random.uniform(0.5, 1.5))  # noqa: S311

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
        self._finished.append(_Finished(attempt, result))

    async def _flush_results(self) -> None:
        """Write down what has ended, and heed what that says about endpoints."""
        finished = self._finished[:]
        if not finished:
            return
        health = await self._outbox.record_results([each.result for each in finished])
        del self._finished[: len(finished)]
        self._soonest = min(
            self._soonest, *(each.result.wait for each in finished if each.result.state == "pending"), self._poll
        )
        failed = [each for each in finished if each.result.is_endpoints_failure]
        for webhook in {each.attempt.webhook for each in failed}:
            with _noted("An endpoint's failure could not be heeded"):
                theirs = [each for each in failed if each.attempt.webhook == webhook]
                await self._heed(webhook, health.get(webhook, HEALTHY), theirs)

    async def _heed(self, webhook: UUID, health: Health, failed: Sequence[_Finished]) -> None:
        reasons = ((each.attempt.url, reason_to_disable(health, each.result.outcome)) for each in failed)
        if reason := next(((url, reason) for url, reason in reasons if reason), None):
            await self._disable(webhook, *reason)
            return
        longest_delay = self._retries.longest_delay
        if seconds := max((pause_seconds(health, each.result.outcome, longest_delay) for each in failed), default=0.0):
            await self._outbox.pause(webhook, seconds)

    async def _disable(self, webhook: UUID, url: str, reason: str) -> None:
        """Switch a webhook off, unless it points elsewhere by now than where the failure was."""
        await self._outbox.forgive(webhook)
        edit = partial(switched_off, url=url, reason=reason)
        try:
            await records.apply(self._db, caller(SYSTEM), WEBHOOKS, webhook, edit)
        except NotFoundError:
            return  # deleted meanwhile
        logger.warning("webhook %s: %s", webhook, reason)

    async def _give_back(self) -> None:
        """Let attempts end for a while, then give back the others, which somebody else is given at once."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=self._grace)
        left = dict(self._under_way)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        with _noted("What was under way waits for the end of its lease"):
            await self._flush_results()
            if left:
                await self._outbox.release(list(left.values()))


class _noted:  # noqa: N801  # it is used as a function, but for the type of its exit
    """Log what goes wrong inside, and go on: no delivery and no outage ends the worker."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        if isinstance(error, CrmError):
            logger.warning("%s: %s", self._what, error)
        elif isinstance(error, Exception):
            logger.error(self._what, exc_info=error)
        return isinstance(error, Exception)
