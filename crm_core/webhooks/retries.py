"""The retry schedule: what follows from the outcome of an attempt, and when the next attempt is due.

The default is the example schedule of Standard Webhooks 1.0.0: 10 attempts over 75 hours.
"""

from typing import Final
from uuid import UUID

import attrs

from crm_core.webhooks.attempts import Attempt, Outcome
from crm_core.webhooks.deliveries import DeliveryState
from crm_core.webhooks.requests import WebhookRequest

#: Seconds before each further attempt.
DELAYS: Final = (5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)

GONE: Final = 410
TOO_MANY_REQUESTS: Final = 429

_JITTER: Final = 0.2
_MIN_WAIT_WHEN_SLOW: Final = 60.0
_MAX_RETRY_AFTER: Final = 86_400.0


@attrs.frozen(kw_only=True)
class Result:
    """What an attempt means for its delivery.

    Attributes:
        delivery: the delivery's id.
        claim: the attempt's claim; the result is ignored if there is a later claim.
        state: ``delivered``, ``dead``, or ``pending`` if another attempt follows.
        wait: seconds until that attempt.
        outcome: the outcome of the attempt.
        request: the request of the attempt, for the log; None leaves the one before.
    """

    delivery: UUID
    claim: int
    state: DeliveryState
    wait: float
    outcome: Outcome
    request: WebhookRequest | None = None

    @property
    def is_endpoints_failure(self) -> bool:
        """Return whether the receiver failed, and not the request itself."""
        return self.state != "delivered" and not self.outcome.is_hopeless


@attrs.frozen
class Retries:
    """A retry schedule.

    Attributes:
        delays: seconds before each further attempt; after the last attempt a delivery is dead.
    """

    delays: tuple[float, ...] = DELAYS

    @property
    def longest_delay(self) -> float:
        """Return the longest wait of the schedule in seconds; 0 without any."""
        return max(self.delays, default=0.0)

    def result(self, attempt: Attempt, outcome: Outcome, chance: float) -> Result:
        """Return what the outcome of an attempt means for its delivery.

        Args:
            attempt: the attempt.
            outcome: its outcome.
            chance: a random number from 0 to 1, which spreads the waits by 20 % (jitter).
        """
        state, wait = self._next_state(attempt.number, outcome, chance)
        return Result(
            delivery=attempt.delivery,
            claim=attempt.claim,
            state=state,
            wait=wait,
            outcome=outcome,
            request=WebhookRequest(attempt.method, attempt.url, attempt.headers),
        )

    def is_used_up(self, number: int) -> bool:
        """Return whether the schedule has no attempt of this number: the earlier ones ended without a result."""
        return number > len(self.delays) + 1

    def _next_state(self, number: int, outcome: Outcome, chance: float) -> tuple[DeliveryState, float]:
        if outcome.is_success:
            return "delivered", 0.0
        if outcome.is_hopeless or outcome.status == GONE or number > len(self.delays):
            return "dead", 0.0
        wait = self.delays[number - 1] * (1 - _JITTER + 2 * _JITTER * chance)
        if outcome.timed_out or outcome.status == TOO_MANY_REQUESTS:
            wait = max(wait, min(_MIN_WAIT_WHEN_SLOW, self.longest_delay))
        return "pending", max(wait, min(outcome.retry_after or 0.0, _MAX_RETRY_AFTER))
