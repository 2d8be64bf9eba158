"""Conditions are read as their fields read values when a webhook is saved, ruling 28."""

from typing import Any

import pytest

from crm_core.model.entities import Attribute
from crm_core.resources import WEBHOOKS
from crm_core.webhooks.entity import Condition, Webhook
from tests.core.knowledge import Knowledge, answered, made, refused, uid

ID = str(uid(0xABCDEF))
TYPES = ("text", "number", "date", "boolean", "list", "file")
DEFINITIONS = tuple(
    made(
        Attribute,
        number,
        entity=entity,
        name=type_,
        label="x",
        type=type_,
        list_values=("Lyon", "Paris") if type_ == "list" else (),
    )
    for number, (entity, type_) in enumerate(((e, t) for e in ("lead", "client") for t in TYPES), start=10)
)
NOT_A_STRING = ["Not a valid string."]
NULL = ["This field may not be null."]


def saved(field: str, operator: str, value: object = None, model: str = "Lead") -> Any:
    """The value of a condition as it is kept."""
    condition = {"field": field, "operator": operator, "value": value}
    sent = {"name": "w", "model": model, "url": "https://a.example/", "conditions": [condition]}
    [kept] = answered(Knowledge(*DEFINITIONS).create(WEBHOOKS, sent)).conditions
    assert (kept.field, kept.operator) == (field, operator)
    return kept.value


def problems(field: str, operator: str, value: object = None, model: str = "Lead") -> Any:
    return refused(saved, field, operator, value, model)["conditions"]["0"]


@pytest.mark.parametrize(
    ("model", "field", "sent", "kept"),
    [
        ("Lead", "responsible", "1", 1),
        ("Lead", "responsible", 1.0, 1),
        ("Lead", "responsible", "", None),
        ("Client", "created_by", "2", 2),
        ("Lead", "id", ID.upper(), ID),
        ("Lead", "pipeline", f"{{{ID}}}", ID),
        ("Lead", "possible_client", ID.replace("-", "").upper(), ID),
        ("Service", "client", f"urn:uuid:{ID}", ID),
        ("FollowUp", "service", ID.upper(), ID),
        ("Lead", "stage", "  Won ", "Won"),
        ("Lead", "stage", "Rene\u0301e", "Ren\u00e9e"),
        ("Lead", "stage", "", ""),
        ("Lead", "name", 5, "5"),
        ("Lead", "created_at", "2026-02-01", "2026-02-01T00:00:00Z"),
        ("FollowUp", "follow_up_date", "2026-02-01T10:00+02:00", "2026-02-01T08:00:00Z"),
        ("Lead", "attributes.text", "Rene\u0301e", "Ren\u00e9e"),
        ("Lead", "attributes.number", 1.5, 1.5),
        ("Lead", "attributes.date", "2026-02-01", "2026-02-01"),
        ("Client", "attributes.boolean", True, True),
        ("Lead", "attributes.list", "Lyon", "Lyon"),
        ("Lead", "attributes.list", ["Paris", "Lyon"], ["Paris", "Lyon"]),
        ("Lead", "attributes.file", "https://a.example/x", "https://a.example/x"),
        ("Client", "list_of_images", ["https://a.example/x.png"], ["https://a.example/x.png"]),
        ("Lead", "list_of_tasks", [], []),
        ("Lead", "attributes", {"text": "x"}, {"text": "x"}),
    ],
)
def test_a_value_is_kept_as_its_field_reads_it(model: str, field: str, sent: object, kept: object) -> None:
    for operator in ("=", "!=", "changed_to"):
        assert saved(field, operator, sent, model) == kept
    assert saved(field, "in", [sent, None], model) == [kept, None]
    assert saved(field, "=", None, model) is None
    assert saved(field, "changed", "anything", model) == "anything"


@pytest.mark.parametrize(
    ("model", "field", "value"),
    [
        ("Lead", "responsible", "ann"),
        ("Lead", "responsible", True),
        ("Lead", "id", "12"),
        ("Lead", "pipeline", "Sales"),
        ("Lead", "stage", ["Won"]),
        ("Lead", "stage", True),
        ("Lead", "stage", "x" * 256),
        ("Lead", "name", " "),
        ("Lead", "created_at", "yesterday"),
        ("Lead", "attributes.text", 5),
        ("Lead", "attributes.number", "5"),
        ("Lead", "attributes.number", True),
        ("Lead", "attributes.date", "2026-2-1"),
        ("Lead", "attributes.date", "2026-02-01T00:00:00Z"),
        ("Lead", "attributes.boolean", "true"),
        ("Client", "attributes.boolean", 1),
        ("Lead", "attributes.list", "Berlin"),
        ("Lead", "attributes.list", ["Lyon", "Lyon"]),
        ("Lead", "attributes.file", "x"),
        ("Client", "list_of_images", "https://a.example/x.png"),
        ("Lead", "list_of_tasks", ["x"]),
        ("Lead", "attributes", "x"),
    ],
)
def test_what_the_field_could_never_be_is_refused(model: str, field: str, value: object) -> None:
    for operator in ("=", "!=", "changed_to"):
        assert problems(field, operator, value, model).keys() == {"value"}
    assert problems(field, "in", [None, value], model)["value"].keys() == {"1"}


@pytest.mark.parametrize("operator", [">", "<", ">=", "<="])
def test_comparisons_take_what_has_an_order(operator: str) -> None:
    for field, value, kept in (
        ("responsible", "3", 3),
        ("stage", "M", "M"),
        ("created_at", "2026-02-01", "2026-02-01T00:00:00Z"),
        ("attributes.date", "2026-02-01", "2026-02-01"),
        ("attributes.number", 5, 5),
        ("attributes.text", "M", "M"),
    ):
        assert saved(field, operator, value) == kept
        assert problems(field, operator, None) == {"value": NULL}
    assert problems("attributes.date", operator, "2026-2-1").keys() == {"value"}
    assert problems("responsible", operator, "") == {"value": NULL}
    for field in ("attributes.boolean", "attributes.list", "list_of_tasks", "attributes"):
        assert problems(field, operator) == {"operator": [f"The operator {operator} cannot be used with this field."]}


def test_contains_takes_a_part_of_a_text_or_an_item_of_a_list() -> None:
    for model, field, value, kept in (
        ("Lead", "name", " b", " b"),
        ("Lead", "name", "e\u0301", "\u00e9"),
        ("Lead", "name", 5, "5"),
        ("Lead", "created_at", "2026-", "2026-"),
        ("Lead", "attributes.text", "e\u0301", "\u00e9"),
        ("Lead", "attributes.date", "2026-", "2026-"),
        ("Lead", "attributes.list", "Lyon", "Lyon"),
        ("Client", "list_of_images", "https://a.example/x.png", "https://a.example/x.png"),
        ("Lead", "list_of_tasks", {"task": "x"}, {"task": "x"}),
    ):
        assert saved(field, "contains", value, model) == kept
    bad: list[tuple[str, object]] = [
        ("name", ["b"]),
        ("attributes.text", 5),
        ("attributes.list", "Berlin"),
        ("attributes.list", ["Lyon"]),
        ("attributes.list", None),
        ("list_of_tasks", "x"),
    ]
    for lacking, part in bad:
        assert problems(lacking, "contains", part).keys() == {"value"}
    for without in ("responsible", "attributes.number", "attributes.boolean", "attributes"):
        assert problems(without, "contains", "x").keys() == {"operator"}


@pytest.mark.parametrize("field", ["Stage", "size", "attributes.ghost", "stage.name"])
def test_a_field_that_the_model_has_not_is_refused(field: str) -> None:
    assert problems(field, "=", 1) == {"field": [f'"{field}" is not a valid choice.']}
    assert problems(field, "in", 1).keys() == {"field", "value"}


STORED = (
    Condition(field="responsible", operator="=", value="1"),
    Condition(field="attributes.boolean", operator="=", value="true"),
    Condition(field="attributes.gone", operator="=", value=1),
)


def test_what_a_webhook_has_already_may_stay_and_is_read_where_it_can_be() -> None:
    webhook = made(Webhook, 2, name="w", model="Lead", url="https://a.example/", conditions=STORED)
    known = Knowledge(webhook, *DEFINITIONS)
    sent = [{"field": each.field, "operator": each.operator, "value": each.value} for each in STORED]

    kept = answered(known.patch(WEBHOOKS, 2, {"conditions": sent[::-1]})).conditions
    assert [each.value for each in kept] == [1, "true", 1]
    assert [each.field for each in kept] == ["attributes.gone", "attributes.boolean", "responsible"]
    sent[1]["value"] = "yes"
    assert refused(known.patch, WEBHOOKS, 2, {"conditions": sent})["conditions"].keys() == {"1"}
    assert refused(known.patch, WEBHOOKS, 2, {"model": "Client"})["conditions"].keys() == {"0", "1", "2"}
