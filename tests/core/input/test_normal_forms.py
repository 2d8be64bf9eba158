"""Every text that is sent is stored in NFC, whichever field it is in."""

import unicodedata
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_core.input.drafts import read_draft, read_payload
from crm_core.model.entities import Attribute, Client, Lead, Pipeline, Service
from crm_core.model.plain_values import plain
from crm_core.resources import RESOURCES, Resource
from crm_core.rules.tasks_and_notes import TaskUpdate
from crm_core.testing import payloads
from crm_core.use_cases.accounts import Credentials
from crm_core.webhooks.conditions import holds
from crm_core.webhooks.entity import Condition, Webhook
from tests.core.knowledge import Knowledge, answered, context, made, refused

COMPOSED, DECOMPOSED = "\u00e9t\u00e9", "e\u0301te\u0301"
BLANK = ["This field may not be blank."]


def in_form(form: Any, value: Any) -> Any:
    if isinstance(value, str):
        return unicodedata.normalize(form, value)
    if isinstance(value, Mapping):
        return {in_form(form, name): in_form(form, member) for name, member in value.items()}
    return [in_form(form, item) for item in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=lambda resource: resource.name)
@given(data=st.data())
@settings(max_examples=15)  # of each resource
def test_what_is_sent_decomposed_is_read_as_what_is_sent_composed(resource: Resource, data: st.DataObject) -> None:
    sent = data.draw(payloads(resource))
    drafts = [
        read_draft(resource.entity, in_form(form, sent), context(), require_all=True, merge=merge)
        for form in ("NFC", "NFD")
        for merge in (False, True)
    ]
    read = [{name: plain(value) for name, value in draft.values.items() if name != "attributes"} for draft in drafts]

    assert read == [in_form("NFC", read[0])] * 4
    assert drafts[0].problems == drafts[2].problems


def test_tasks_notes_stages_and_conditions_are_texts_too() -> None:
    sent = {"list_of_tasks": [{"task": DECOMPOSED}], "list_of_notes": [{"note": DECOMPOSED}]}
    draft = read_draft(Client, sent, context(), require_all=False)
    assert [entry.task for entry in draft.values["list_of_tasks"]] == [COMPOSED]  # type: ignore[attr-defined]
    assert [entry.note for entry in draft.values["list_of_notes"]] == [COMPOSED]  # type: ignore[attr-defined]

    change = read_draft(TaskUpdate, {"task": DECOMPOSED}, context(), require_all=False)
    assert change.values == {"task": COMPOSED}

    condition = read_payload(
        Condition,
        {"field": f"attributes.{DECOMPOSED}", "operator": "in", "value": [{DECOMPOSED: [DECOMPOSED]}]},
        context(),
    )
    assert (condition["field"], condition["value"]) == (f"attributes.{COMPOSED}", [{COMPOSED: [COMPOSED]}])


def test_stages_that_look_the_same_are_the_same() -> None:
    sent = {"name": "Sales", "stages": [{"name": COMPOSED}, {"name": f" {DECOMPOSED} "}]}

    assert refused(Knowledge().create, RESOURCES["pipeline"], sent) == {
        "stages": {"1": {"name": ["This field must be unique."]}}
    }


def test_a_stage_is_chosen_in_any_form() -> None:
    stages = read_draft(Pipeline, {"stages": [{"name": COMPOSED}]}, context(), require_all=False).values["stages"]
    known = Knowledge(made(Pipeline, 7, name="Sales", stages=stages))
    sent = {"name": "Jane", "pipeline": str(made(Pipeline, 7, name="").id), "stage": DECOMPOSED}

    assert answered(known.create(RESOURCES["lead"], sent)).stage == COMPOSED


def test_a_condition_is_met_in_any_form() -> None:
    sent = {"name": "w", "model": "Lead", "url": f"https://a.example/{{attributes.{DECOMPOSED}}}",
            "headers": {"X-City": DECOMPOSED},
            "conditions": [{"field": f"attributes.{DECOMPOSED}", "operator": "=", "value": DECOMPOSED}]}  # fmt: skip
    definition = made(Attribute, 2, entity="lead", name=COMPOSED, label="x", type="text")
    webhook: Webhook = answered(Knowledge(definition).create(RESOURCES["webhook"], sent))

    assert webhook.url == f"https://a.example/{{attributes.{COMPOSED}}}"
    assert webhook.headers == {"X-City": COMPOSED}
    assert holds(webhook.conditions, "AND", None, {"attributes": {COMPOSED: COMPOSED}})


@pytest.mark.parametrize("text", ["\u200b", "\u2060\ufeff", "\u00ad", "\u3164", " \u115f ", "\u00a0\u2800"])
def test_a_name_that_shows_nothing_is_blank(text: str) -> None:
    for entity, name in ((Client, "name"), (Service, "name"), (Lead, "name"), (Attribute, "label"), (Webhook, "url")):
        assert refused(read_payload, entity, {name: text}, context())[name] == BLANK
    assert refused(read_payload, Client, {"name": "x", "list_of_tasks": [{"task": text}]}, context()) == {
        "list_of_tasks": {"0": {"task": BLANK}}
    }


def test_a_length_is_that_of_the_stored_form() -> None:
    assert read_payload(Client, {"name": "e\u0301" * 255}, context())["name"] == "\u00e9" * 255
    assert refused(read_payload, Client, {"name": "\u0958" * 128}, context()) == {
        "name": ["Ensure this field has no more than 255 characters."]
    }


def test_a_password_stays_as_it_is_sent() -> None:
    sent = {"username": f" {DECOMPOSED} ", "password": f" {DECOMPOSED} "}

    read = read_payload(Credentials, sent, context())

    assert (read["username"], read["password"]) == (COMPOSED, f" {DECOMPOSED} ")
    assert read_payload(Credentials, {"username": "a", "password": " "}, context())["password"] == " "
