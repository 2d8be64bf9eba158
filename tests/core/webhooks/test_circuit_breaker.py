"""When an endpoint that fails is paused, and when its webhook is switched off."""

from datetime import timedelta

import pytest

from crm_core.webhooks.attempts import Outcome
from crm_core.webhooks.circuit_breaker import Health, pause_seconds, reason_to_disable
from crm_core.webhooks.retries import DELAYS


def health(failures: int, **time: float) -> Health:
    return Health(failures=failures, failing_for=timedelta(**time))


def pause(health: Health, outcome: Outcome, longest_delay: float = max(DELAYS)) -> float:
    return pause_seconds(health, outcome, longest_delay)


def test_an_endpoint_is_paused_from_its_fifth_failure_in_a_row_for_twice_as_long_each_time() -> None:
    pauses = [pause(health(failures), Outcome(status=500)) for failures in (1, 4, 5, 6, 7, 9, 10, 11, 10_000)]

    assert pauses == [0, 0, 30, 60, 120, 480, 900, 900, 900]
    assert pause(health(5), Outcome(status=500), longest_delay=0.2) == 0.2  # never longer than the schedule's longest


@pytest.mark.parametrize(("status", "seconds"), [(429, 100), (503, 100), (500, 0)])
def test_an_endpoint_that_asks_for_a_pause_has_it(status: int, seconds: float) -> None:
    assert pause(health(1), Outcome(status=status, retry_after=100.0)) == seconds


@pytest.mark.parametrize("status", [429, 503])
def test_an_endpoint_that_asks_for_none_has_no_pause_before_its_fifth_failure(status: int) -> None:
    assert pause(health(4), Outcome(status=status)) == 0


def test_no_pause_that_is_asked_for_is_longer_than_a_quarter_of_an_hour() -> None:
    assert pause(health(1), Outcome(status=429, retry_after=10.0**6)) == 900


def test_a_webhook_is_switched_off_when_its_receiver_says_gone() -> None:
    assert reason_to_disable(health(1), Outcome(status=410)) == "The receiver answered 410 Gone."


@pytest.mark.parametrize(
    ("failures", "hours", "is_given_up"), [(10, 120, True), (9, 120, False), (10, 119.9, False), (99, 999, True)]
)
def test_a_webhook_is_switched_off_after_120_hours_of_nothing_but_failures(
    failures: int, hours: float, *, is_given_up: bool
) -> None:
    reason = reason_to_disable(health(failures, hours=hours), Outcome(status=500))

    assert reason == ("Every delivery failed for 120 hours." if is_given_up else None)
