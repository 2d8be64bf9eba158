"""The strategies of the harness: what they draw has the property that they are named for."""

import re
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from crm_adapters import json_documents
from crm_core import CLIENTS, LEADS, RESOURCES, Attribute, Event, Resource
from crm_core.model.events import GONE_KINDS
from crm_core.model.plain_values import parse_json, plain
from crm_core.model.replay import replayed
from crm_core.rules.attributes import validate_values
from crm_core.rules.conditions import read_conditions
from crm_core.rules.needs import Catalog
from crm_core.rules.webhooks import fields_of_model
from crm_core.testing import (
    PayloadContext,
    attribute_sets,
    attribute_values,
    conditions,
    definitions,
    entities,
    histories,
    invalid_attribute_sets,
    schemas,
    templates,
)
from crm_core.webhooks.conditions import OPERATORS
from crm_core.webhooks.entity import MODELS
from crm_core.webhooks.urls import url_problems

EXAMPLES: Final = settings(max_examples=20, suppress_health_check=list(HealthCheck))
Schema: TypeAlias = Mapping[str, Attribute]

MODEL_NAMES: Final = st.sampled_from(sorted(MODELS))


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=lambda resource: resource.name)
@given(data=st.data())
@settings(max_examples=15)  # of each resource
def test_every_record_that_is_drawn_is_its_document(resource: Resource, data: st.DataObject) -> None:
    record = data.draw(entities(resource))
    document = json_documents.encode(record)

    assert json_documents.decode(resource.name, document) == record
    assert parse_json(document) == plain(record)


@EXAMPLES
@given(definitions(), st.data())
def test_a_value_that_is_drawn_for_a_definition_is_valid(definition: Attribute, data: st.DataObject) -> None:
    value = data.draw(attribute_values(definition))

    assert validate_values({definition.name: definition}, {}, {definition.name: value})[1] == {}


@EXAMPLES
@given(schemas(), st.data())
def test_a_set_of_values_that_is_drawn_for_a_schema_is_valid(schema: Schema, data: st.DataObject) -> None:
    assert list(schema) == [definition.name for definition in schema.values()]
    assert validate_values(schema, {}, data.draw(attribute_sets(schema)))[1] == {}


@EXAMPLES
@given(schemas(), st.data())
def test_an_invalid_set_has_exactly_the_problems_that_come_with_it(schema: Schema, data: st.DataObject) -> None:
    values, problems = data.draw(invalid_attribute_sets(schema))

    assert problems
    assert validate_values(schema, {}, values)[1] == problems


@EXAMPLES
@given(schemas("client"), st.data())
def test_a_record_has_the_values_that_its_schema_allows(schema: Schema, data: st.DataObject) -> None:
    client = data.draw(entities(CLIENTS, PayloadContext(definitions=schema)))

    assert validate_values(schema, {}, client.attributes) == (client.attributes, {})


@EXAMPLES
@given(MODEL_NAMES, schemas(), st.data())
def test_a_condition_stays_as_it_is_when_it_is_saved(model: str, schema: Schema, data: st.DataObject) -> None:
    condition = data.draw(conditions(model, schema))

    assert condition.operator in OPERATORS
    assert read_conditions(model, schema, [condition], ()) == (condition,)


@EXAMPLES
@given(MODEL_NAMES, schemas(), st.data())
def test_a_template_can_be_saved(model: str, schema: Schema, data: st.DataObject) -> None:
    template = data.draw(templates(model, schema))

    assert url_problems(template, fields_of_model(model, Catalog(1, schema, ()))) == []


@EXAMPLES
@given(st.sampled_from([CLIENTS, LEADS]), st.data())
def test_a_history_gives_the_record_after_each_of_its_events(resource: Resource, data: st.DataObject) -> None:
    events: Sequence[Event] = data.draw(histories(resource))

    assert [event.version for event in events] == list(range(1, len(events) + 1))
    assert events[0].kind == "created"
    for number, event in enumerate(events, 1):
        version = replayed(resource.entity, events[:number])
        assert (version is None) is (event.kind in GONE_KINDS)
        assert version is None or version.version == number


@pytest.mark.parametrize(
    ("strategy", "words"),
    [(entities(CLIENTS), "Draw 1: Client("), (schemas(), "Draw 1: {"), (histories(LEADS), "Draw 1: [Event(")],
    ids=["entities", "schemas", "histories"],
)
def test_what_is_drawn_is_printed_as_what_it_is(strategy: st.SearchStrategy[object], words: str) -> None:
    @settings(max_examples=5, phases=[Phase.generate], database=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def show(data: st.DataObject) -> None:
        assert not data.draw(strategy)

    with pytest.raises(AssertionError) as failure:
        show()
    shown = "\n".join(failure.value.__notes__)
    assert words in shown
    assert not re.search("partial|lambda|_history|_entity", shown)
