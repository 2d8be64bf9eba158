"""What must hold before a webhook is saved, decisions 28 and 29."""

from typing import Any

import pytest
from attrs import evolve

from crm_core.input.drafts import Draft
from crm_core.model.entities import Attribute
from crm_core.model.plain_values import plain
from crm_core.resources import WEBHOOKS
from crm_core.rules.webhooks import switched_off
from crm_core.webhooks.entity import Condition, Webhook
from tests.core.knowledge import NOW, Knowledge, answered, made, refused

MINIMUM = {"name": "Notify", "model": "Lead", "url": "https://a.example/"}
SIZE = made(Attribute, 1, entity="lead", name="size", label="Size", type="text")
SAVED = made(
    Webhook,
    2,
    name="Notify",
    model="Lead",
    url="https://a.example/{stage}",
    headers={"X-Size": "{attributes.size}", "Authorization": "Bearer token"},
    conditions=(Condition(field="attributes.size", operator="=", value="L"),),
)
NOT_A_FIELD = '"{}" is not a valid choice.'


def created(**more: object) -> Any:
    return answered(Knowledge(SIZE).create(WEBHOOKS, MINIMUM | more))


def test_defaults_are_those_of_decision_28() -> None:
    assert created() == Webhook(
        id=created().id,
        name="Notify",
        model="Lead",
        url="https://a.example/",
        method="POST",
        headers={},
        is_active=True,
        conditions=(),
        condition_logic="AND",
        events=("created", "updated", "deleted"),
        created_by=1,
        updated_at=NOW,
        updated_by=1,
    )


@pytest.mark.parametrize(
    ("model", "field"),
    [
        ("Lead", "stage"),
        ("Lead", "attributes.size"),
        ("Lead", "attributes"),
        ("Client", "list_of_images"),
        ("Service", "client"),
        ("FollowUp", "comment"),
    ],
)
def test_top_level_fields_and_attributes_of_the_model_can_be_named(model: str, field: str) -> None:
    condition = {"field": field, "operator": "changed"}
    webhook = created(model=model, url=f"https://a.example/{{{field}}}", headers={"X": field}, conditions=[condition])

    assert webhook.conditions == (Condition(field=field, operator="changed", value=None),)


@pytest.mark.parametrize(
    ("sent", "problems"),
    [
        ({"model": "Pipeline"}, {"model": ['"Pipeline" is not a valid choice.']}),
        ({"model": "lead"}, {"model": ['"lead" is not a valid choice.']}),
        ({"method": "HEAD"}, {"method": ['"HEAD" is not a valid choice.']}),
        ({"condition_logic": "XOR"}, {"condition_logic": ['"XOR" is not a valid choice.']}),
        ({"url": "https://{name}.example/"}, {
            "url": ["Placeholders may stand in the path and query only, not in scheme, host or port."],
        }),
        ({"url": "https://a.example/{ghost}"}, {"url": ['Unknown placeholder "{ghost}".']}),
        ({"headers": {"X": "{ghost}", "Y": "{name}"}}, {"headers": {"X": ['Unknown placeholder "{ghost}".']}}),
        ({"model": "Client", "url": "https://a.example/{stage}"}, {"url": ['Unknown placeholder "{stage}".']}),
        ({"model": "Client", "url": "https://a.example/{attributes.size}"}, {
            "url": ['Unknown placeholder "{attributes.size}".'],
        }),
        ({"conditions": [{"field": "name", "operator": "like"}]}, {
            "conditions": {"0": {"operator": ['"like" is not a valid choice.']}},
        }),
        ({"conditions": [{"field": "name", "operator": "="}, {"field": "ghost", "operator": "in", "value": "x"}]}, {
            "conditions": {"1": {"field": [NOT_A_FIELD.format("ghost")], "value": ["The operator in takes a list."]}},
        }),
        ({"conditions": [{"field": "name", "operator": "="}] * 51}, {
            "conditions": ["Ensure this field has no more than 50 elements."],
        }),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_when_it_is_saved(sent: Any, problems: object) -> None:
    assert refused(created, **sent) == problems


def test_all_problems_come_at_once() -> None:
    sent = {"name": "", "url": "/x", "headers": {"X": "{"}, "conditions": [{"field": "ghost", "operator": "="}]}

    assert refused(created, **sent).keys() == sent.keys()


def test_what_was_sent_for_a_field_counts_before_what_was_there() -> None:
    found = refused(Knowledge(SAVED, SIZE).patch, WEBHOOKS, 2, {"model": "Client", "url": ""})

    assert found["url"] == ["This field may not be blank."]


def test_with_another_model_everything_is_checked_anew() -> None:
    assert refused(Knowledge(SAVED, SIZE).patch, WEBHOOKS, 2, {"model": "Client"}) == {
        "url": ['Unknown placeholder "{stage}".'],
        "headers": {"X-Size": ['Unknown placeholder "{attributes.size}".']},
        "conditions": {"0": {"field": [NOT_A_FIELD.format("attributes.size")]}},
    }


def test_what_was_sound_once_may_stay_when_something_else_is_written() -> None:
    without_definition = Knowledge(SAVED)

    assert answered(without_definition.patch(WEBHOOKS, 2, {"is_active": False})) == evolve(
        SAVED, is_active=False, updated_at=NOW, updated_by=2
    )
    assert answered(without_definition.patch(WEBHOOKS, 2, {"url": "https://b.example/"})).url == "https://b.example/"
    assert answered(without_definition.patch(WEBHOOKS, 2, plain(evolve(SAVED, name="x")))) == evolve(
        SAVED, name="x", updated_at=NOW, updated_by=2
    )
    more = {**SAVED.headers, "X-New": "{attributes.size}"}
    assert refused(without_definition.patch, WEBHOOKS, 2, {"headers": more}) == {
        "headers": {"X-New": ['Unknown placeholder "{attributes.size}".']}
    }
    assert not without_definition.patch(WEBHOOKS, 2, {"headers": SAVED.headers}).writes
    assert refused(without_definition.patch, WEBHOOKS, 2, {"headers": {"X": "{attributes.size}"}}).keys() == {"headers"}


@pytest.mark.parametrize(
    ("headers", "after"),
    [
        ({"X-New": "1"}, {**SAVED.headers, "X-New": "1"}),
        ({"Authorization": None}, {"X-Size": "{attributes.size}"}),
        (None, {}),
    ],
)
def test_a_merge_patch_touches_only_the_headers_that_it_names(headers: object, after: object) -> None:
    assert answered(Knowledge(SAVED, SIZE).patch(WEBHOOKS, 2, {"headers": headers}, merge=True)).headers == after


def test_merging_cannot_exceed_the_most_headers() -> None:
    full = evolve(SAVED, headers={f"X-{n}": "" for n in range(50)})

    assert refused(Knowledge(full).patch, WEBHOOKS, 2, {"headers": {"Y": ""}}, merge=True) == {
        "headers": ["Ensure this field has no more than 50 elements."]
    }


def test_headers_that_cannot_be_read_are_not_merged() -> None:
    problems = refused(Knowledge(SAVED, SIZE).patch, WEBHOOKS, 2, {"headers": {"\x00": 1}, "name": ""}, merge=True)

    assert problems.keys() == {"headers", "name"}


def test_events_are_some_of_the_three_each_once() -> None:
    assert created(events=["updated", "created", "updated"]).events == ("updated", "created")
    assert refused(created, events=[]) == {"events": ["This selection may not be empty."]}
    assert refused(created, events=["lost"]) == {"events": {"0": ['"lost" is not a valid choice.']}}


def test_a_conditions_value_is_of_bounded_size() -> None:
    condition = {"field": "name", "operator": "=", "value": "x" * 10_000}

    assert refused(created, conditions=[condition]) == {
        "conditions": {"0": {"value": ["Ensure this field has no more than 10000 characters."]}}
    }


def test_a_webhook_with_only_the_beginning_of_its_url_is_not_switched_on() -> None:
    url = "https://a.example/********"
    known, on = (Knowledge(SIZE, evolve(SAVED, is_active=is_active, url=url)) for is_active in (False, True))

    assert refused(known.patch, WEBHOOKS, 2, {"is_active": True}) == {
        "url": ["This is only the beginning of the URL: send the whole one."]
    }
    assert answered(known.patch(WEBHOOKS, 2, {"name": "x"})).is_active is False
    assert answered(known.patch(WEBHOOKS, 2, {"is_active": True, "url": "https://a.example/x"})).is_active is True
    assert answered(on.patch(WEBHOOKS, 2, {"name": "x", "is_active": True, "url": url})).name == "x"


def test_switching_on_forgets_why_it_was_off() -> None:
    known = Knowledge(SIZE, evolve(SAVED, is_active=False, disabled_reason="Gone."))

    assert answered(known.patch(WEBHOOKS, 2, {"name": "x"})).disabled_reason == "Gone."
    assert answered(known.patch(WEBHOOKS, 2, {"is_active": False, "name": "x"})).disabled_reason == "Gone."
    assert answered(known.patch(WEBHOOKS, 2, {"is_active": True})).disabled_reason is None
    assert answered(known.patch(WEBHOOKS, 2, {"disabled_reason": "Mine.", "name": "x"})).disabled_reason == "Gone."


@pytest.mark.parametrize("failed_at", ["https://a.example/Open", "https://a.example/", "https://a.example/Won?x=1"])
def test_a_webhook_is_switched_off_with_the_reason_after_a_failure_at_its_url(failed_at: str) -> None:
    assert switched_off(SAVED, url=failed_at, reason="410 Gone") == Draft(
        {"is_active": False, "disabled_reason": "410 Gone"}
    )


def test_a_webhook_that_has_another_url_or_is_off_by_now_stays_as_it_is() -> None:
    off = evolve(SAVED, is_active=False, disabled_reason="Not answering")

    assert switched_off(SAVED, url="https://b.example/Open", reason="410 Gone") == Draft({})
    assert switched_off(off, url="https://a.example/Open", reason="410 Gone") == Draft({})


def test_a_webhook_that_is_switched_on_again_has_no_reason_to_be_off() -> None:
    off = evolve(SAVED, is_active=False, disabled_reason="410 Gone")

    assert answered(Knowledge(SIZE, off).patch(WEBHOOKS, 2, {"is_active": True})).disabled_reason is None
    assert answered(Knowledge(SIZE, off).patch(WEBHOOKS, 2, {"name": "New"})).disabled_reason == "410 Gone"
