"""The webhook index: its candidates are never fewer than the webhooks that fire."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.model.entities import Client
from crm_core.model.events import Event, EventKind
from crm_core.webhooks.conditions import Logic
from crm_core.webhooks.deliveries import fires
from crm_core.webhooks.entity import Condition, Webhook
from crm_core.webhooks.index import WebhookIndex

TEXTS = ["", "a", "b", "2026-01-01", "2026-01-01T00:00:00Z", str(UUID(int=1)), "1", "true", "None"]
VALUES = st.one_of(st.sampled_from([*TEXTS, 1, 1.0, True, None]), st.lists(st.sampled_from(TEXTS), max_size=2))
FIELDS = ["id", "name", "created_at", "created_by", "list_of_images", "attributes", "attributes.a", "attributes.a.b"]
CONDITIONS = st.builds(
    Condition,
    field=st.sampled_from(FIELDS),
    operator=st.sampled_from(["=", "!=", "changed_to", "changed", "in", "contains", ">"]),
    value=VALUES,
)
WEBHOOKS = st.builds(
    lambda conditions, logic: hook(*conditions, logic=logic),
    st.lists(CONDITIONS, max_size=2),
    st.sampled_from(["AND", "OR"]),
)
CLIENTS = st.builds(
    lambda name, a, images: client(name, {"a": a, "a.b": a}, images),
    st.sampled_from(TEXTS),
    VALUES,
    st.lists(st.sampled_from(TEXTS), max_size=2),
)


def hook(*conditions: Condition, logic: Logic = "AND") -> Webhook:
    return Webhook(
        id=UUID(int=9),
        name="w",
        model="Client",
        url="http://x/",
        conditions=conditions,
        condition_logic=logic,
        disabled_reason=None,
    )


def client(name: str, attributes: dict[str, object], images: list[str]) -> Client:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Client(
        id=UUID(int=1), created_at=now, created_by=1, name=name, attributes=attributes, list_of_images=tuple(images)
    )


def event(kind: EventKind) -> Event:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Event(
        resource="client",
        record=UUID(int=1),
        version=1,
        kind=kind,
        actor=None,
        actor_name="",
        request_id="",
        at=now,
        changes={},
    )


@given(st.lists(WEBHOOKS, max_size=4), CLIENTS, CLIENTS, st.sampled_from(["created", "updated", "deleted"]))
def test_webhooks_that_fire_are_candidates_in_order(
    hooks: list[Webhook], was: Client, now: Client, kind: EventKind
) -> None:
    before, after = None if kind == "created" else was, None if kind == "deleted" else now
    candidates = WebhookIndex.of(hooks).candidates(after or before)

    firing = [each for each in hooks if fires(each, event(kind), before, after)]
    assert [each for each in candidates if fires(each, event(kind), before, after)] == firing


@pytest.mark.parametrize(
    ("condition", "is_candidate"),
    [
        (Condition(field="name", operator="=", value="b"), False),
        (Condition(field="name", operator="changed_to", value="b"), False),
        (Condition(field="name", operator="=", value="a"), True),
        (Condition(field="attributes.x", operator="=", value="b"), False),
        (Condition(field="name", operator="!=", value="a"), True),
    ],
)
def test_a_webhook_that_requires_another_text_is_no_candidate(condition: Condition, is_candidate: bool) -> None:  # noqa: FBT001
    assert bool(WebhookIndex.of([hook(condition)]).candidates(client("a", {}, []))) is is_candidate
