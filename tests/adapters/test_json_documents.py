"""The documents that adapters store are what the core says that clients see."""

import json
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_adapters import json_documents
from crm_core.input.decimals import fixed_point
from crm_core.model.entities import Lead
from crm_core.model.events import differences
from crm_core.model.plain_values import plain
from crm_core.model.recorded_changes import record_changes
from crm_core.resources import RESOURCES, Resource
from tests.core.drawn import values_of
from tests.core.invoices import Invoice


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=lambda resource: resource.name)
@given(data=st.data())
def test_plain_values_are_the_document_that_clients_see(resource: Resource, data: st.DataObject) -> None:
    value = data.draw(values_of(resource.entity))
    document = json.loads(json_documents.encode(value))

    assert plain(value) == document
    # Once more as text: the order of the members counts, and true is not 1.
    assert json.dumps(plain(value)) == json.dumps(document)


@given(values_of(Invoice))
def test_a_decimal_of_a_field_is_a_text_and_one_of_an_attribute_a_number(invoice: Invoice) -> None:
    document = json_documents.encode(invoice)
    read = msgspec.json.Decoder(Invoice, dec_hook=fixed_point).decode(document)

    assert json.dumps(plain(invoice)) == json.dumps(json.loads(document))
    assert (read, json_documents.encode(read)) == (invoice, document)
    assert (
        json_documents.encode([invoice.amount, Decimal(invoice.amount)])
        == f'["{invoice.amount}",{invoice.amount}]'.encode()
    )


@given(st.none() | values_of(Lead), values_of(Lead))
def test_plain_changes_are_what_an_event_stores(before: Lead | None, after: Lead) -> None:
    for old, new in ((before, after), (after, before), (after, None)):
        for changes in (differences(old, new), record_changes(old, new, {})):
            assert plain(changes) == json.loads(json_documents.encode(changes))
