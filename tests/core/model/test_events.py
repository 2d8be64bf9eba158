"""What an event tells: created and deleted records whole, updates by what changed, nothing of secrets."""

from datetime import date
from typing import Any

import pytest
from attrs import evolve

from crm_core.input.fields import fields_of
from crm_core.model.entities import Client, Lead, Pipeline, Stage, Task
from crm_core.model.events import differences, same
from crm_core.resources import CLIENTS, WEBHOOKS
from crm_core.webhooks.entity import Condition, Webhook
from tests.core.knowledge import NOW, Knowledge, made, uid

CALL = made(Task, 1, task="Call", user_id=1)
MAIL = made(Task, 2, task="Mail", user_id=1)
LEAD = made(Lead, 9, name="Jane", stage="Open", attributes={"size": 1}, list_of_tasks=(CALL, MAIL))
HOOK = made(Webhook, 8, name="x", model="Lead", url="https://a.example/", headers={"B": "secret", "A": "secret"})


def test_a_created_record_is_told_whole() -> None:
    assert differences(None, LEAD) == {name: {"to": getattr(LEAD, name)} for name in fields_of(Lead)}


def test_a_deleted_record_is_told_whole() -> None:
    assert differences(LEAD, None) == {name: {"from": getattr(LEAD, name)} for name in fields_of(Lead)}


def test_an_update_tells_only_what_changed() -> None:
    after = evolve(LEAD, name="Jane Doe", stage=None, responsible=2)

    assert differences(LEAD, after) == {
        "name": {"from": "Jane", "to": "Jane Doe"},
        "responsible": {"from": None, "to": 2},
        "stage": {"from": "Open", "to": None},
    }
    assert not differences(LEAD, evolve(LEAD))


def test_lists_of_items_tell_what_came_went_or_changed_by_id() -> None:
    done, new = evolve(CALL, completed=True), made(Task, 3, task="New")
    found = differences(LEAD, evolve(LEAD, list_of_tasks=(new, done)))

    assert found == {
        "list_of_tasks": {"added": [new], "removed": [MAIL], "changed": [{"from": CALL, "to": done}]},
    }


def test_a_list_that_is_only_reordered_has_changed_though_no_item_has() -> None:
    found = differences(LEAD, evolve(LEAD, list_of_tasks=(MAIL, CALL)))

    assert found == {"list_of_tasks": {"added": [], "removed": [], "changed": []}}


def test_stages_are_items_too_and_conditions_and_plain_lists_are_values() -> None:
    stage, condition = made(Stage, 1, name="Open"), Condition(field="stage", operator="=", value="x")
    pipeline, client = made(Pipeline, 7, name="Sales"), made(Client, 6, name="Acme", list_of_images=("a",))

    assert differences(pipeline, evolve(pipeline, stages=(stage,)))["stages"] == {
        "added": [stage],
        "removed": [],
        "changed": [],
    }
    assert differences(HOOK, evolve(HOOK, conditions=(condition,)))["conditions"] == {"from": (), "to": (condition,)}
    assert differences(client, evolve(client, list_of_images=("a", "b"))) == {
        "list_of_images": {"from": ("a",), "to": ("a", "b")}
    }


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (evolve(HOOK, headers={"A": "secret", "B": "other"}), {"from": ["A", "B"], "to": ["A", "B"]}),
        (evolve(HOOK, headers={"C": "secret"}), {"from": ["A", "B"], "to": ["C"]}),
    ],
)
def test_secret_values_are_left_out_but_that_they_changed_is_not(after: Webhook, told: object) -> None:
    assert differences(HOOK, after) == {"headers": told}


def test_no_event_holds_a_secret() -> None:
    sent = {"name": "x", "model": "Lead", "url": "https://a.example/", "headers": {"A": "secret"}}
    for changes in (Knowledge().create(WEBHOOKS, sent), Knowledge(HOOK).remove(WEBHOOKS, 8)):
        assert "secret" not in repr([write.event for write in changes.writes])


@pytest.mark.parametrize(
    ("old", "new", "are_same"),
    [
        (1, 1.0, True),
        (True, 1, False),
        (0, False, False),
        (None, False, False),
        ("1", 1, False),
        ([1, True], [1.0, True], True),
        ([1], [True], False),
        ({"a": [0]}, {"a": [False]}, False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        (date(2025, 1, 1), date(2025, 1, 1), True),
        (Condition(field="a", operator="=", value=1), Condition(field="a", operator="=", value=True), False),
        (Condition(field="a", operator="=", value=1), Condition(field="a", operator="=", value=1.0), True),
    ],
)
def test_values_are_the_same_as_json_sees_them(*, old: object, new: object, are_same: bool) -> None:
    assert same(old, new) is are_same
    assert same(new, old) is are_same


def test_one_and_true_are_different_attributes() -> None:
    assert differences(LEAD, evolve(LEAD, attributes={"size": True})) == {
        "attributes": {"from": {"size": 1}, "to": {"size": True}}
    }


def test_an_event_tells_who_did_what_when_and_in_which_request() -> None:
    (put,) = Knowledge(made(Client, 6, name="Acme")).patch(CLIENTS, 6, {"name": "New"}).writes
    event: Any = put.event

    assert (event.resource, event.record, event.version, event.kind) == ("client", uid(6), 4, "updated")
    assert (event.actor, event.actor_name, event.at, event.request_id) == (2, "bob", NOW, "r-1")


@pytest.mark.parametrize("sent", [{}, {"name": "Acme"}, {"name": " Acme ", "list_of_images": []}, {"created_by": 7}])
def test_a_write_that_changes_nothing_is_no_event(sent: object) -> None:
    changes = Knowledge(made(Client, 6, name="Acme")).patch(CLIENTS, 6, sent)

    assert changes.writes == ()
    assert changes.answer == ("client", uid(6))
