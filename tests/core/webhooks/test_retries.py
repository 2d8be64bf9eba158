"""When a delivery is tried again, and when an endpoint is left alone or given up."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.webhooks.attempts import Attempt, Outcome
from crm_core.webhooks.retries import DELAYS, Health, Result, Retries, reason_to_disable
from tests.core.knowledge import uid

MIDDLE = 0.5
QUICK = Retries((0.1, 0.2))


def attempt(number: int) -> Attempt:
    return Attempt(
        delivery=uid(1),
        webhook=uid(2),
        number=number,
        claim=number,
        method="GET",
        url="",
        headers={},
        body=b"",
        secrets=(),
    )


def after(number: int, retries: Retries | None = None, chance: float = MIDDLE, **outcome: Any) -> Result:
    return (retries or Retries()).result(attempt(number), Outcome(**outcome), chance)


def health(failures: int, **time: float) -> Health:
    return Health(failures=failures, failing_for=timedelta(**time))


def test_ten_attempts_are_made_over_75_hours() -> None:
    results = [after(number, status=500) for number in range(1, 11)]

    assert [each.state for each in results] == ["pending"] * 9 + ["dead"]
    assert [each.wait for each in results[:9]] == [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]
    assert timedelta(hours=75) <= timedelta(seconds=sum(DELAYS)) < timedelta(hours=76)


@given(st.floats(0, 1))
def test_waits_are_spread_by_a_fifth(chance: float) -> None:
    assert 3.99 <= after(1, chance=chance, status=500).wait <= 6.01


def test_the_spread_reaches_both_ends() -> None:
    assert [after(1, chance=chance, status=500).wait for chance in (0, 1)] == pytest.approx([4, 6])


@given(st.integers(100, 999))
def test_2xx_alone_is_success(status: int) -> None:
    assert (after(1, status=status).state == "delivered") == (200 <= status <= 299)


def test_no_answer_is_no_success() -> None:
    assert after(1, error="Connection refused.").state == "pending"


def test_a_receiver_that_is_gone_is_not_asked_again() -> None:
    found = after(1, status=410)

    assert (found.state, found.is_endpoints_failure) == ("dead", True)


def test_what_can_never_be_sent_is_dead_at_once_and_the_endpoint_is_not_blamed() -> None:
    found = after(1, error="No URL.", is_hopeless=True)

    assert (found.state, found.is_endpoints_failure) == ("dead", False)
    assert after(1, status=500).is_endpoints_failure
    assert after(10, status=500).is_endpoints_failure
    assert not after(1, status=204).is_endpoints_failure


@pytest.mark.parametrize("outcome", [{"timed_out": True, "error": "Too slow."}, {"status": 429}])
def test_a_receiver_that_is_too_busy_is_left_alone_for_a_minute_at_least(outcome: dict[str, Any]) -> None:
    assert after(1, **outcome).wait == 60
    assert after(2, **outcome).wait == 300
    assert after(1, QUICK, **outcome).wait == 0.2  # though never longer than the schedule's longest


@pytest.mark.parametrize("status", [503, 429, 500])
def test_retry_after_is_honoured_up_to_a_day(status: int) -> None:
    assert after(1, status=status, retry_after=100.0).wait == 100
    assert after(2, status=status, retry_after=100.0).wait == 300
    assert after(1, status=status, retry_after=10.0**9).wait == 86_400
    assert after(1, QUICK, status=status, retry_after=3.0).wait == 3


def test_tries_are_used_up_after_the_last_delay() -> None:
    assert [QUICK.is_used_up(number) for number in (1, 2, 3, 4)] == [False, False, False, True]
    assert after(3, QUICK, status=500).state == "dead"
    assert after(1, Retries(()), status=500).state == "dead"


def test_an_endpoint_is_paused_from_its_fifth_failure_in_a_row_for_twice_as_long_each_time() -> None:
    pauses = [Retries().pause(health(failures), Outcome(status=500)) for failures in (1, 4, 5, 6, 7, 9, 10, 11, 10_000)]

    assert pauses == [0, 0, 30, 60, 120, 480, 900, 900, 900]
    assert QUICK.pause(health(5), Outcome(status=500)) == 0.2  # never longer than the schedule's longest


@pytest.mark.parametrize(("status", "pause"), [(429, 100), (503, 100), (500, 0)])
def test_an_endpoint_that_asks_for_a_pause_has_it(status: int, pause: float) -> None:
    assert Retries().pause(health(1), Outcome(status=status, retry_after=100.0)) == pause


def test_no_pause_that_is_asked_for_is_longer_than_a_quarter_of_an_hour() -> None:
    assert Retries().pause(health(1), Outcome(status=429, retry_after=10.0**6)) == 900


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


@given(st.text())
def test_texts_of_an_outcome_are_short_and_can_be_stored_anywhere(text: str) -> None:
    outcome = Outcome(error=text + "\0\ud800\x1b", answer=text * 1000)

    for kept in (outcome.error, outcome.answer):
        assert len(kept) <= 1_024
        kept.encode()
        assert not set(kept) & set("\0\x1b\x7f")


def test_texts_of_an_outcome_are_else_left_as_they_are() -> None:
    assert Outcome(answer='{"é": "日本"}\n\tok').answer == '{"é": "日本"}\n\tok'
