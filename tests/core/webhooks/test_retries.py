"""When a delivery is attempted again, and when it is dead."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.webhooks.attempts import Attempt, Outcome
from crm_core.webhooks.requests import WebhookRequest
from crm_core.webhooks.retries import DELAYS, Result, Retries
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
        url="https://a.example/1",
        headers={"X": "1"},
        body=b"",
        secrets=(),
    )


def after(number: int, retries: Retries | None = None, chance: float = MIDDLE, **outcome: Any) -> Result:
    return (retries or Retries()).result(attempt(number), Outcome(**outcome), chance)


def test_ten_attempts_are_made_over_75_hours() -> None:
    results = [after(number, status=500) for number in range(1, 11)]

    assert [result.state for result in results] == ["pending"] * 9 + ["dead"]
    assert [result.wait for result in results[:9]] == [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]
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
    result = after(1, status=410)

    assert (result.state, result.is_endpoints_failure) == ("dead", True)


def test_what_can_never_be_sent_is_dead_at_once_and_the_endpoint_is_not_blamed() -> None:
    result = after(1, error="No URL.", is_hopeless=True)

    assert (result.state, result.is_endpoints_failure) == ("dead", False)
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


@pytest.mark.parametrize(
    ("status", "state"), [(199, "pending"), (200, "delivered"), (299, "delivered"), (300, "pending")]
)
def test_success_begins_at_200_and_ends_at_299(status: int, state: str) -> None:
    assert after(1, status=status).state == state


@pytest.mark.parametrize("outcome", [{"status": 200}, {"status": 410}, {"status": 500, "is_hopeless": True}])
def test_what_is_over_waits_for_nothing_and_belongs_to_its_attempt(outcome: dict[str, Any]) -> None:
    result = after(3, **outcome)

    assert (result.delivery, result.claim, result.wait, result.outcome) == (uid(1), 3, 0.0, Outcome(**outcome))
    assert result.request == WebhookRequest("GET", "https://a.example/1", {"X": "1"})
