"""Versions of records that are built from their events are the documents that were."""

import json

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_core.model.entities import Lead
from crm_core.model.plain_values import json_text, parse_json, plain
from crm_core.model.replay import deleted_version, replayed
from crm_core.resources import RESOURCES, Resource
from crm_core.webhooks.entity import Webhook
from tests.core.histories import history, sequences
from tests.core.knowledge import made, uid


@pytest.mark.parametrize(
    "resource", [each for each in RESOURCES.values() if each.entity is not Webhook], ids=lambda each: each.name
)
@given(data=st.data())
@settings(max_examples=15)  # of each resource
def test_every_version_is_built_byte_by_byte(resource: Resource, data: st.DataObject) -> None:
    events, versions = history(resource, data.draw(sequences(resource.entity)))

    for count, value in enumerate(versions, start=1):
        built = replayed(resource.entity, events[:count])
        assert (None if built is None else json_text(built.document)) == (None if value is None else text_of(value))
        assert built is None or built.version == count
    for event, value in zip(events[1:], versions, strict=False):
        if event.kind == "deleted":
            unstamped = evolve(value, updated_at=None, updated_by=None)
            assert json_text(deleted_version(resource.entity, event).document) == text_of(unstamped)


def text_of(value: object) -> str:
    return json_text(parse_json(json_text(plain(value))))


def test_a_record_that_was_deleted_and_restored_is_built_from_its_restoration() -> None:
    first, second = made(Lead, 1, name="a", attributes={"x": 1}), made(Lead, 1, name="b")
    events, _ = history(RESOURCES["lead"], [first, None, second])
    built = replayed(Lead, events)

    assert built is not None
    assert (built.version, built.document["name"], built.document["attributes"]) == (3, "b", {})
    assert replayed(Lead, events[:2]) is None
    assert replayed(Lead, []) is None


def test_secrets_of_a_webhook_are_hidden_in_its_versions() -> None:
    hook = made(Webhook, 1, name="x", model="Lead", url="https://a.example/secret", headers={"A": "secret"})
    events, _ = history(RESOURCES["webhook"], [hook])
    built = replayed(Webhook, events)

    assert built is not None
    assert built.document["headers"] == {"A": "********"}
    assert "secret" not in json.dumps(built.document)


def test_events_before_the_whole_record_tell_nothing() -> None:
    events, _ = history(RESOURCES["lead"], [made(Lead, 1, name=name) for name in "abc"])

    assert replayed(Lead, events[1:]) is None


def test_fields_that_are_no_longer_there_are_left_out() -> None:
    [created], _ = history(RESOURCES["lead"], [made(Lead, 1, name="a")])
    built = replayed(Lead, [evolve(created, changes={**created.changes, "fax": {"to": "1"}})])

    assert built == replayed(Lead, [created])


def test_a_version_names_the_definitions_of_its_attributes() -> None:
    [created], _ = history(RESOURCES["lead"], [made(Lead, 1, name="a")])
    size = {"attributes.size": {"to": 1, "attribute": str(uid(20))}, "attributes.city": {"to": "Rom"}}
    built = replayed(Lead, [evolve(created, changes={**created.changes, **size})])

    assert built is not None
    assert built.document["attributes"] == {"size": 1, "city": "Rom"}
    assert built.definitions == {"size": uid(20)}
