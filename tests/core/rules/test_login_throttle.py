"""How long attempts to log in wait after failed ones (decision 52)."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.rules.login_throttle import (
    FAILURE_WINDOW,
    LIMITS,
    Failures,
    account_key,
    counted_address,
    failure_keys,
    newly_throttled,
    seconds_to_wait,
)
from tests.core.knowledge import NOW

SECOND = dt.timedelta(seconds=1)
KINDS = st.sampled_from(sorted(LIMITS))


def failed(count: int, *, ago: dt.timedelta = dt.timedelta()) -> Failures:
    return Failures(count, NOW - ago)


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_failures_count_against_an_ipv4_address_or_a_network_of_ipv6(address: str, counted: str) -> None:
    assert counted_address(address) == counted


@given(st.ip_addresses(v=4), st.ip_addresses(v=6))
def test_any_address_has_a_place_to_count_at(four: object, six: object) -> None:
    assert counted_address(str(four)) == str(four)
    assert counted_address(str(six)).endswith("/64") or counted_address(str(six)).count(".") == 3


def test_a_failure_counts_against_the_user_at_the_address_and_against_the_address() -> None:
    assert failure_keys("Zoe\u0301", "192.0.2.7") == {
        "user": "user 192.0.2.7 Zo\u00e9",
        "address": "address 192.0.2.7",
    }
    assert account_key("Zoe\u0301") == "account Zo\u00e9"


def test_the_first_failures_have_no_wait_and_each_further_one_doubles_it() -> None:
    free = LIMITS["user"].free
    waits = [seconds_to_wait({"user": failed(free + beyond)}, NOW) for beyond in range(-1, 12)]

    assert waits == [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]


def test_the_wait_of_an_account_is_short_as_anybody_can_cause_it() -> None:
    assert seconds_to_wait({"account": failed(10_000)}, NOW) == 60


def test_the_longest_wait_counts() -> None:
    assert seconds_to_wait({}, NOW) == 0
    assert seconds_to_wait({"user": failed(12), "address": failed(103), "account": failed(1)}, NOW) == 8


def test_a_started_second_is_waited_for() -> None:
    waiting = {"user": failed(12, ago=2.5 * SECOND)}

    assert seconds_to_wait(waiting, NOW) == 2
    assert seconds_to_wait(waiting, NOW + 1.5 * SECOND) == 0


@given(KINDS, st.integers(0, 10**9), st.timedeltas(dt.timedelta(), 2 * FAILURE_WINDOW))
def test_a_wait_is_over_when_it_said(kind: str, count: int, ago: dt.timedelta) -> None:
    failures = {kind: failed(count, ago=ago)}
    wait = seconds_to_wait(failures, NOW)

    assert 0 <= wait <= LIMITS[kind].max_wait.total_seconds()
    assert seconds_to_wait(failures, NOW + wait * SECOND) == 0


@pytest.mark.parametrize("kind", LIMITS)
def test_a_throttle_begins_once_with_the_failure_that_has_the_first_wait(kind: str) -> None:
    free = LIMITS[kind].free

    begins = [count for count in range(free + 9) if newly_throttled({kind: failed(count)})]

    assert begins == [free]
    assert seconds_to_wait({kind: failed(free)}, NOW) == 1
    assert seconds_to_wait({kind: failed(free - 1)}, NOW) == 0
