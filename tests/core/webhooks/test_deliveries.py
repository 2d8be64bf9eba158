"""When a webhook fires, and the request that it makes, decisions 26 to 29."""

import copy
import json
from typing import Any
from uuid import UUID

import pytest
from attrs import evolve

from crm_core.model.entities import Lead, Task
from crm_core.model.events import Event, EventKind, differences
from crm_core.model.plain_values import json_text, plain
from crm_core.resources import LEADS
from crm_core.webhooks.conditions import OperatorName
from crm_core.webhooks.deliveries import Delivery, compose, fires, plan, plan_erasure
from crm_core.webhooks.deliveries import body_of as all_are_told
from crm_core.webhooks.entity import Condition, Webhook
from crm_core.webhooks.requests import WebhookRequest, filled_from_body
from tests.core.knowledge import NOW, Knowledge, made, uid, written

CALL = made(Task, 7, task="Call", date_created=NOW, user_id=1, user_name="Ann Lee")
WAS = made(Lead, 9, name="Jane / Doe", stage="Open", attributes={"size": "L"}, list_of_tasks=(CALL,), created_at=NOW)
NOW_IS = evolve(WAS, stage="Moodle", list_of_tasks=(evolve(CALL, completed=True),))
HOOK = made(
    Webhook,
    2,
    name="Notify",
    model="Lead",
    url="https://a.example/{id}/{name}?stage={stage}&size={attributes.size}",
    headers={"Authorization": "Bearer token", "X-Stage": "{stage}", "X-Name": "{name}\r\n"},
    events=("created", "updated", "deleted"),
)


def event(was: Lead | None, now: Lead | None, **more: Any) -> Event:
    kind: EventKind = "created" if was is None else "deleted" if now is None else "updated"
    values: dict[str, Any] = {
        "resource": "lead",
        "record": uid(9),
        "version": 4,
        "kind": kind,
        "actor": 1,
        "actor_name": "Ann Lee",
        "request_id": "r-1",
        "at": NOW,
        "changes": differences(was, now),
    }
    return Event(**(values | more))


def delivery(was: Lead | None = WAS, now: Lead | None = NOW_IS, hook: Webhook = HOOK, **more: Any) -> Delivery:
    told, record = event(was, now, **more), now if now is not None else was
    return compose(hook, told, record, all_are_told(told, was, now))


def has_fired(hook: Webhook, was: Lead | None, now: Lead | None) -> bool:
    return fires(hook, event(was, now), was, now)


def body_of(found: Delivery) -> Any:
    assert found.body is not None
    return plain(found.body)


def test_an_update_tells_the_record_as_it_is_and_what_changed() -> None:
    done = plain(CALL) | {"completed": True}

    assert body_of(delivery()) == {
        "type": "lead.updated",
        "timestamp": "2025-01-15T10:00:00Z",
        "data": plain(NOW_IS),
        "changes": {
            "stage": {"from": "Open", "to": "Moodle"},
            "list_of_tasks": {"added": [], "removed": [], "changed": [{"from": plain(CALL), "to": done}]},
        },
    }


def test_the_url_and_the_headers_are_filled_from_the_record_as_it_is() -> None:
    found = delivery()

    assert found.url == f"https://a.example/{uid(9)}/Jane%20%2F%20Doe?stage=Moodle&size=L"
    assert found.headers == {"Authorization": "Bearer token", "X-Stage": "Moodle", "X-Name": "Jane / Doe"}
    assert (found.method, found.webhook, found.error) == ("POST", uid(2), "")


def test_a_new_record_is_told_whole() -> None:
    body = body_of(delivery(None, WAS))

    assert (body["type"], body["data"]) == ("lead.created", plain(WAS))
    assert body["changes"] == {name: {"to": value} for name, value in plain(WAS).items()}


def test_a_deleted_record_is_told_as_it_was() -> None:
    found = delivery(WAS, None)

    assert (body_of(found)["type"], body_of(found)["data"]) == ("lead.deleted", plain(WAS))
    assert body_of(found)["changes"] == {name: {"from": value} for name, value in plain(WAS).items()}
    assert found.url.endswith("?stage=Open&size=L")
    assert found.headers["X-Stage"] == "Open"


def test_the_members_of_a_body_come_in_order_and_are_json() -> None:
    body = body_of(delivery())

    assert list(body) == ["type", "timestamp", "data", "changes"]
    assert list(body["data"]) == list(plain(WAS))
    assert json.loads(json.dumps(body)) == body


@pytest.mark.parametrize("resource", ["client", "service", "lead", "follow_up"])
def test_the_type_names_the_resource_and_what_happened(resource: str) -> None:
    assert body_of(delivery(resource=resource))["type"] == f"{resource}.updated"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_every_method_but_get_has_the_body(method: str) -> None:
    found = delivery(hook=evolve(HOOK, method=method))

    assert (found.method, found.body) == (method, delivery().body)


def test_get_keeps_the_body_from_which_its_request_is_filled() -> None:
    assert delivery(hook=evolve(HOOK, method="GET")) == evolve(delivery(), method="GET")


def test_composing_is_pure() -> None:
    told = event(WAS, NOW_IS)
    before = copy.deepcopy((HOOK, told, WAS, NOW_IS))
    [first] = plan([HOOK], told, WAS, NOW_IS)

    assert plan([HOOK], told, WAS, NOW_IS) == [first]
    assert plan([before[0]], *before[1:]) == [first]
    assert (HOOK, told, WAS, NOW_IS) == before


def test_webhooks_that_are_told_of_one_event_share_its_body() -> None:
    first, second = plan([HOOK, evolve(HOOK, id=uid(3))], event(WAS, NOW_IS), WAS, NOW_IS)

    assert first.body is second.body


def test_the_id_depends_on_webhook_record_and_version_alone() -> None:
    first = delivery()
    renamed = evolve(HOOK, name="Other", url="https://b.example/", method="GET", headers={}, events=())

    assert first.id == UUID("5dadb536-dda5-58a7-9aa1-c6a54b26fca9")
    assert delivery(NOW_IS, WAS, renamed, at=NOW.replace(year=2026), actor=2, request_id="r-2").id == first.id


def test_another_webhook_record_or_version_has_another_id() -> None:
    ids = {
        delivery(hook=evolve(HOOK, id=uid(hook)), record=uid(record), version=version).id
        for hook in (1, 2, 3)
        for record in (1, 2, 3)
        for version in (1, 2, 11)
    }

    assert len(ids) == 27


def test_a_url_that_cannot_be_filled_is_an_error_and_all_else_is_there() -> None:
    hook = evolve(HOOK, url="https://a.example/" + "{name}" * 9)
    long = evolve(NOW_IS, name="x" * 1_024)
    found = delivery(WAS, long, hook)

    assert (found.url, found.error) == ("", "The URL is too long.")
    assert found.id == delivery().id
    assert body_of(found)["data"] == plain(long)
    assert found.headers["X-Name"] == "x" * 1_024


def test_what_a_record_has_not_is_filled_with_nothing() -> None:
    found = delivery(WAS, evolve(NOW_IS, stage=None, attributes={}))

    assert found.url.endswith("?stage=&size=")
    assert found.headers["X-Stage"] == ""


def test_a_webhook_composes_from_what_a_decision_writes() -> None:
    changes = Knowledge(WAS).patch(LEADS, 9, {"stage": "Moodle"})
    told: Any = written(changes)["lead", uid(9)]
    [found] = plan([HOOK], told.event, WAS, told.value)

    assert body_of(found)["changes"] == {"stage": {"from": "Open", "to": "Moodle"}}
    assert body_of(found)["data"]["stage"] == "Moodle"


CHANGES = {"created": (None, WAS), "updated": (WAS, NOW_IS), "deleted": (WAS, None)}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_webhook_fires_for_the_events_that_it_wants(kind: str) -> None:
    others = tuple({*CHANGES} - {kind})

    assert has_fired(HOOK, *CHANGES[kind])
    assert has_fired(evolve(HOOK, events=(kind,)), *CHANGES[kind])
    assert not has_fired(evolve(HOOK, events=others), *CHANGES[kind])
    assert not has_fired(evolve(HOOK, events=()), *CHANGES[kind])


@pytest.mark.parametrize(
    ("field", "operator", "value", "fired_for"),
    [
        ("stage", "=", "Open", {"created", "deleted"}),
        ("stage", "=", "Moodle", {"updated"}),
        ("stage", "!=", "Moodle", {"created", "deleted"}),
        ("stage", "changed", None, {"created", "updated"}),
        ("stage", "changed_to", "Moodle", {"updated"}),
        ("stage", "changed_to", "Open", {"created"}),
        ("name", "changed", None, {"created"}),
        ("responsible", "changed", None, set()),
        ("list_of_tasks", "changed", None, {"created", "updated"}),
        ("attributes.size", "in", ["M", "L"], {"created", "updated", "deleted"}),
        ("attributes.size", "changed", None, {"created"}),
        ("created_at", ">=", "2025-01-15T11:00:00+01:00", {"created", "updated", "deleted"}),
        ("created_at", ">", "2025-01-15T11:00:00+01:00", set()),
    ],
)
def test_conditions_are_tested_on_the_record_as_it_is_or_as_it_was_for_a_delete(
    field: str, operator: OperatorName, value: object, fired_for: set[str]
) -> None:
    hook = evolve(HOOK, conditions=(Condition(field=field, operator=operator, value=value),))

    assert {kind for kind, ends in CHANGES.items() if has_fired(hook, *ends)} == fired_for


def test_events_and_conditions_must_both_be_met_and_logic_counts() -> None:
    rules = tuple(Condition(field="stage", operator="=", value=value) for value in ("Open", "Moodle"))
    either = evolve(HOOK, conditions=rules, condition_logic="OR")

    assert has_fired(either, WAS, NOW_IS)
    assert not has_fired(evolve(either, condition_logic="AND"), WAS, NOW_IS)
    assert not has_fired(evolve(either, events=("created", "deleted")), WAS, NOW_IS)


def test_an_erasure_tells_every_webhook_that_learns_of_deletions_the_id_alone() -> None:
    strict = evolve(HOOK, id=uid(3), conditions=(Condition(field="stage", operator="=", value="Elsewhere"),))
    others = evolve(HOOK, id=uid(4), events=("created", "updated"))
    found = plan_erasure([HOOK, strict, others], event(WAS, None, kind="erased", version=5))

    assert [(each.webhook, each.record, each.version, each.type) for each in found] == [
        (uid(2), uid(9), 5, "lead.erased"),
        (uid(3), uid(9), 5, "lead.erased"),
    ]
    for each in found:
        assert body_of(each) == {
            "type": "lead.erased",
            "timestamp": "2025-01-15T10:00:00Z",
            "data": {"id": str(uid(9))},
            "changes": {},
        }


def test_the_url_and_headers_of_an_erasure_have_no_value_but_the_id() -> None:
    hook = evolve(HOOK, url="https://a.example/{id}?stage={stage}&size={attributes.size}")
    [found] = plan_erasure([hook], event(WAS, None, kind="erased"))

    assert found.url == f"https://a.example/{uid(9)}?stage=&size="
    assert found.headers == {"Authorization": "Bearer token", "X-Stage": "", "X-Name": ""}
    assert found.error == ""


def test_an_erasure_is_told_although_a_segment_of_the_url_has_no_value() -> None:
    hook = evolve(HOOK, url="https://a.example/{stage}/of/{id}?stage={stage}")
    [found] = plan_erasure([hook], event(WAS, None, kind="erased"))

    assert (found.url, found.error) == (f"https://a.example/erased/of/{uid(9)}?stage=", "")
    again, error = filled_from_body(hook, json_text(plain(found.body)).encode(), WebhookRequest("POST", "", {}))
    assert (again.url, error) == (found.url, "")


def test_nobody_is_told_of_an_erasure_without_webhooks() -> None:
    assert plan_erasure([], event(WAS, None, kind="erased")) == []
