"""What follows from an attempt: when the next one is, when an endpoint is left alone, and when it is given up.

The schedule is the example of Standard Webhooks 1.0.0 (10 attempts over 75 hours), settable by ``Retries``.
"""

from datetime import timedelta
from typing import Final, Literal, TypeAlias
from uuid import UUID

import attrs

from crm_core.webhooks.attempts import Attempt, Outcome

State: TypeAlias = Literal["pending", "sending", "delivered", "dead"]

#: Seconds before each further try.
DELAYS: Final = (5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
_GONE: Final = 410
_TOO_MANY_REQUESTS: Final = 429
_OVERWHELMED: Final = frozenset({_TOO_MANY_REQUESTS, 503})

_SPREAD: Final = 0.2
_MIN_WAIT_WHEN_SLOW: Final = 60.0
_MAX_RETRY_AFTER: Final = 86_400.0

_FAILURES_BEFORE_PAUSE: Final = 5
_FIRST_PAUSE: Final = 30.0
_MAX_PAUSE: Final = 900.0

_GIVEN_UP_AFTER: Final = timedelta(hours=120)
_FAILURES_BEFORE_GIVING_UP: Final = 10

#: Attempts that one worker has under way at one endpoint; at one that fails it is a single one.
MAX_CONCURRENCY_PER_ENDPOINT: Final = 16
#: After this somebody else may have a delivery whose attempt has not ended: longer than any attempt takes.
LEASE: Final = timedelta(seconds=30)

#: How long what is finished is kept for the log.
KEPT: Final = {"delivered": timedelta(days=7), "dead": timedelta(days=30)}
#: How long the secrets before still sign after a rotation.
ROTATION: Final = timedelta(hours=24)


@attrs.frozen(kw_only=True)
class Health:
    """How an endpoint has been doing since its last success.

    Attributes:
        failures: how many attempts have failed in a row.
        failing_for: how long ago the first of them was.
    """

    failures: int
    failing_for: timedelta


#: That of an endpoint which has just succeeded, whatever failed beside that.
HEALTHY: Final = Health(failures=0, failing_for=timedelta())


@attrs.frozen(kw_only=True)
class Result:
    """What an attempt made of its delivery.

    Attributes:
        delivery: whose attempt it was.
        claim: whose result it is; a later claim makes it void.
        state: ``delivered``, ``dead``, or ``pending`` where another try follows.
        wait: seconds until that.
        outcome: what came of the attempt.
    """

    delivery: UUID
    claim: int
    state: State
    wait: float
    outcome: Outcome

    @property
    def is_endpoints_failure(self) -> bool:
        """Whether the receiver is to blame, and not what was to be sent."""
        return self.state != "delivered" and not self.outcome.is_hopeless


@attrs.frozen
class Retries:
    """The rules of trying again, over a schedule.

    Attributes:
        delays: seconds before each further try; after the last of them a delivery is dead.
    """

    delays: tuple[float, ...] = DELAYS

    def result(self, attempt: Attempt, outcome: Outcome, chance: float) -> Result:
        """What an attempt makes of its delivery.

        Args:
            attempt: the attempt.
            outcome: what came of it.
            chance: a random number from 0 to 1, by which waits are spread.
        """
        state, wait = self._verdict(attempt.number, outcome, chance)
        return Result(delivery=attempt.delivery, claim=attempt.claim, state=state, wait=wait, outcome=outcome)

    def is_used_up(self, number: int) -> bool:
        """Whether there is no such try: those before ended without anybody to say how."""
        return number > len(self.delays) + 1

    def pause(self, health: Health, outcome: Outcome) -> float:
        """Seconds for which nothing is sent to an endpoint after a failure; 0 for none (a circuit breaker)."""
        asked = min(outcome.retry_after or 0.0, _MAX_PAUSE) if outcome.status in _OVERWHELMED else 0.0
        beyond = health.failures - _FAILURES_BEFORE_PAUSE
        if beyond < 0:
            return asked
        return max(asked, min(_FIRST_PAUSE * 2.0 ** min(beyond, 10), _MAX_PAUSE, self._longest))

    @property
    def _longest(self) -> float:
        return max(self.delays, default=0.0)

    def _verdict(self, number: int, outcome: Outcome, chance: float) -> tuple[State, float]:
        if is_success(outcome):
            return "delivered", 0.0
        if outcome.is_hopeless or outcome.status == _GONE or number > len(self.delays):
            return "dead", 0.0
        wait = self.delays[number - 1] * (1 - _SPREAD + 2 * _SPREAD * chance)
        if outcome.timed_out or outcome.status == _TOO_MANY_REQUESTS:
            wait = max(wait, min(_MIN_WAIT_WHEN_SLOW, self._longest))
        return "pending", max(wait, min(outcome.retry_after or 0.0, _MAX_RETRY_AFTER))


def is_success(outcome: Outcome) -> bool:
    """Whether the receiver took it: 2xx alone says so."""
    return outcome.status is not None and 200 <= outcome.status < 300  # noqa: PLR2004  # the class of statuses


def reason_to_disable(health: Health, outcome: Outcome) -> str | None:
    """Why a webhook is to be switched off after a failure, if it is."""
    if outcome.status == _GONE:
        return "The receiver answered 410 Gone."
    if health.failing_for >= _GIVEN_UP_AFTER and health.failures >= _FAILURES_BEFORE_GIVING_UP:
        hours = int(_GIVEN_UP_AFTER.total_seconds() // 3600)
        return f"Every delivery failed for {hours} hours."
    return None
