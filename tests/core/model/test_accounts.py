"""Groups (decision 24), names (decision 25), and the throttle of logins."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.errors import PermissionDeniedError, ThrottledError
from crm_core.model.accounts import Actor, User, require
from crm_core.model.permissions import GROUPS, PERMISSIONS
from crm_core.resources import RESOURCES
from crm_core.rules.login_throttle import (
    FAILURE_WINDOW,
    Failures,
    account_key,
    counted_address,
    failure_keys,
    seconds_to_wait,
)
from tests.core.knowledge import NOW

ALL_MODELS = {
    "client", "service", "lead", "followup", "pipeline", "cohort", "enrollment", "enrollmentdetail",
    "transferrequest", "attribute", "webhook", "user",
}  # fmt: skip


def having(action: str, *models: str) -> set[str]:
    return {f"app.{action}_{model}" for model in models}


def test_permissions_are_django_s_for_every_noun() -> None:
    actions = ("view", "add", "change", "delete")

    assert set().union(*(having(action, *ALL_MODELS) for action in actions)) == set(PERMISSIONS)
    assert {resource.permission(action) for resource in RESOURCES.values() for action in actions} <= PERMISSIONS


@pytest.mark.parametrize(
    ("group", "action", "models"),
    [
        ("Sales", "view", ALL_MODELS - {"webhook"}),
        ("Sales", "add", {"client", "lead", "followup", "service"}),
        ("Sales", "change", {"client", "lead", "followup", "service"}),
        ("Sales", "delete", {"client", "lead", "followup"}),
        ("Operations", "view", ALL_MODELS),
        ("Operations", "add", ALL_MODELS - {"webhook", "attribute"}),
        ("Operations", "change", ALL_MODELS - {"webhook", "attribute"}),
        ("Operations", "delete", ALL_MODELS - {"webhook", "attribute"}),
        ("Instructors", "view", ALL_MODELS - {"webhook", "lead", "client"}),
        ("Instructors", "add", {"followup"}),
        ("Instructors", "change", {"followup"}),
        ("Instructors", "delete", set()),
        ("Teacher Assistant", "view", ALL_MODELS - {"webhook", "lead", "client"}),
        ("Teacher Assistant", "add", {"followup"}),
        ("Teacher Assistant", "change", {"followup"}),
        ("Teacher Assistant", "delete", set()),
    ],
)
def test_the_four_groups_may_do_what_decision_24_says(group: str, action: str, models: set[str]) -> None:
    assert {name for name in GROUPS[group] if name.startswith(f"app.{action}_")} == having(action, *models)


def test_there_are_four_groups() -> None:
    assert set(GROUPS) == {"Sales", "Operations", "Instructors", "Teacher Assistant"}


def test_superusers_have_every_permission_and_others_their_own() -> None:
    user = User(id=1, username="ann")

    require(Actor(user=user, is_superuser=True), "app.delete_client")
    require(Actor(user=user, permissions=frozenset({"app.view_client"})), "app.view_client")
    with pytest.raises(PermissionDeniedError, match=r"^You do not have permission to perform this action\.$"):
        require(Actor(user=user, permissions=frozenset({"app.view_client"})), "app.add_client")


@pytest.mark.parametrize(
    ("first", "last", "name"), [("Ann", "Lee", "Ann Lee"), ("Ann", "", "Ann"), ("", "Lee", "Lee"), ("", "", "ann")]
)
def test_a_user_s_name_is_first_and_last_or_the_username(first: str, last: str, name: str) -> None:
    assert User(id=1, username="ann", first_name=first, last_name=last).name == name


@pytest.mark.parametrize(
    ("kind", "count", "elapsed", "wait"),
    [
        ("user", 9, 0, 0),
        ("user", 10, 0, 1),
        ("user", 10, 0.5, 1),
        ("user", 10, 1, 0),
        ("user", 11, 0, 2),
        ("user", 15, 2.5, 30),
        ("user", 19, 0, 512),
        ("user", 20, 0, 900),
        ("user", 10**9, 0, 900),
        ("user", 20, 900, 0),
        ("address", 99, 0, 0),
        ("address", 100, 0, 1),
        ("address", 103, 0, 8),
    ],
)
def test_the_wait_doubles_with_each_failure_beyond_the_free_ones_up_to_15_minutes(
    kind: str, count: int, elapsed: float, wait: int
) -> None:
    assert seconds_to_wait({kind: Failures(count, NOW)}, NOW + timedelta(seconds=elapsed)) == wait


def test_the_longer_wait_counts_and_without_failures_there_is_none() -> None:
    failures = {"user": Failures(11, NOW), "address": Failures(103, NOW)}

    assert seconds_to_wait(failures, NOW) == 8
    assert seconds_to_wait({}, NOW) == 0


@given(st.integers(0, 10**12), st.floats(0, 10**6))
def test_no_wait_is_negative_or_longer_than_failures_are_remembered(count: int, elapsed: float) -> None:
    wait = seconds_to_wait({"user": Failures(count, NOW)}, NOW + timedelta(seconds=elapsed))

    assert 0 <= wait <= FAILURE_WINDOW.total_seconds()


def test_nobody_can_lock_somebody_else_out_from_another_address() -> None:
    mine, theirs = failure_keys("ann", "10.0.0.1"), failure_keys("ann", "10.0.0.2")

    assert set(mine.values()).isdisjoint(theirs.values())
    assert failure_keys("bob", "10.0.0.1")["address"] == mine["address"]
    assert failure_keys("bob", "10.0.0.1")["user"] != mine["user"]


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:0:1:2:3:4:5", "2001:db8:0:1::/64"),
        ("2001:DB8:0:1::", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_ipv6_addresses_count_by_the_network_of_their_customer(address: str, counted: str) -> None:
    assert counted_address(address) == counted


def test_an_account_is_slowed_for_a_minute_at_most() -> None:
    assert seconds_to_wait({"account": Failures(49, NOW)}, NOW) == 0
    assert seconds_to_wait({"account": Failures(50, NOW)}, NOW) == 1
    assert seconds_to_wait({"account": Failures(10**6, NOW)}, NOW) == 60
    assert account_key("Re\u0301ne") == account_key("R\u00e9ne")


@pytest.mark.parametrize(("wait", "unit"), [(1, "second"), (12, "seconds")])
def test_a_throttled_caller_is_told_how_long(wait: int, unit: str) -> None:
    assert str(ThrottledError(wait)) == f"Request was throttled. Expected available in {wait} {unit}."


@pytest.mark.parametrize("is_superuser", [False, True])
def test_a_narrowed_actor_has_the_permissions_of_both_and_is_no_superuser(is_superuser: bool) -> None:  # noqa: FBT001
    own = frozenset({"app.view_client", "app.add_client"})
    actor = Actor(user=User(id=1, username="ann"), groups=("Sales",), permissions=own, is_superuser=is_superuser)
    narrowed = actor.narrowed(frozenset({"app.view_client", "app.view_lead", "app.fly_away"}))

    assert narrowed.granted == ({"app.view_client", "app.view_lead"} if is_superuser else {"app.view_client"})
    assert [narrowed.may(name) for name in ("app.view_client", "app.add_client")] == [True, False]
    assert (narrowed.user, narrowed.groups, narrowed.is_superuser) == (actor.user, actor.groups, False)
    assert narrowed.narrowed(own).granted == {"app.view_client"}, "it gets no wider"
    assert actor.narrowed(None) is actor
    assert actor.narrowed(frozenset()).granted == frozenset()
    assert actor.granted == (PERMISSIONS if is_superuser else own)
