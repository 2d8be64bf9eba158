"""The circuit breaker: when an endpoint that fails is paused, and when its webhook is switched off."""

from datetime import timedelta
from typing import Final

import attrs

from crm_core.webhooks.attempts import Outcome
from crm_core.webhooks.retries import GONE, TOO_MANY_REQUESTS

_OVERLOADED: Final = frozenset({TOO_MANY_REQUESTS, 503})

_FAILURES_BEFORE_PAUSE: Final = 5
_FIRST_PAUSE: Final = 30.0
_MAX_PAUSE: Final = 900.0

_DISABLE_AFTER: Final = timedelta(hours=120)
_FAILURES_BEFORE_DISABLING: Final = 10


@attrs.frozen(kw_only=True)
class Health:
    """How an endpoint has been doing since its last success.

    Attributes:
        failures: how many attempts have failed in a row.
        failing_for: the time since the first of them.
    """

    failures: int
    failing_for: timedelta


#: The health of an endpoint whose last attempt succeeded.
HEALTHY: Final = Health(failures=0, failing_for=timedelta())


def pause_seconds(health: Health, outcome: Outcome, longest_delay: float) -> float:
    """Return for how many seconds nothing is sent to an endpoint after a failure; 0 for no pause.

    The pause starts with the fifth failure in a row at 30 seconds and doubles up to 15 minutes.

    Args:
        health: the health of the endpoint, this failure included.
        outcome: the outcome of the failed attempt; its ``Retry-After`` counts with status 429 and 503.
        longest_delay: the longest wait of the retry schedule in seconds; no longer pause makes sense.
    """
    requested = min(outcome.retry_after or 0.0, _MAX_PAUSE) if outcome.status in _OVERLOADED else 0.0
    doublings = health.failures - _FAILURES_BEFORE_PAUSE
    if doublings < 0:
        return requested
    return max(requested, min(_FIRST_PAUSE * 2.0 ** min(doublings, 10), _MAX_PAUSE, longest_delay))


def reason_to_disable(health: Health, outcome: Outcome) -> str | None:
    """Return why a webhook must be switched off after a failure; None if it stays on."""
    if outcome.status == GONE:
        return "The receiver answered 410 Gone."
    if health.failing_for >= _DISABLE_AFTER and health.failures >= _FAILURES_BEFORE_DISABLING:
        hours = int(_DISABLE_AFTER.total_seconds() // 3600)
        return f"Every delivery failed for {hours} hours."
    return None
