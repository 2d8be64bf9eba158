"""The strategies of the harness: what they draw has the property that they are named for."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_adapters import json_documents
from crm_core import RESOURCES, Resource
from crm_core.model.plain_values import parse_json, plain
from crm_core.testing import entities


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=lambda resource: resource.name)
@given(data=st.data())
@settings(max_examples=15)  # of each resource
def test_every_record_that_is_drawn_is_its_document(resource: Resource, data: st.DataObject) -> None:
    record = data.draw(entities(resource))
    document = json_documents.encode(record)

    assert json_documents.decode(resource.name, document) == record
    assert parse_json(document) == plain(record)
