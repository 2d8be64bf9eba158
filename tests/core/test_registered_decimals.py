"""A row that is registered may use decimals, whole numbers and dates, in ranges and orders."""

import datetime as dt
from decimal import Decimal
from typing import Any
from uuid import UUID

import attrs
import pytest

from crm_core.errors import RegistrationError
from crm_core.fields import FixedPoint, decimal, identity, items, last_change
from crm_core.model.registered import own_registration
from crm_core.registration import register
from crm_core.resources import Resource
from tests.core.invoices import INVOICES

SAMPLE = {"number": "1", "amount": "1.00", "due": "2026-12-24"}


def resource_of(fields: dict[str, Any]) -> Resource:
    """A resource with these fields, each an annotation and what declares it."""
    at, by = last_change("datetime"), last_change("integer")
    stamps = {"updated_at": (dt.datetime | None, at), "updated_by": (int | None, by)}
    declared = {"id": (UUID, identity()), **fields, **stamps}
    entity = attrs.frozen(kw_only=True, slots=False)(
        type(
            "Bill",
            (),
            {
                "__annotations__": {n: kind for n, (kind, _) in declared.items()},
                **{n: f for n, (_, f) in declared.items()},
            },
        )
    )
    return Resource(name="bill", path="bills", entity=entity, model_name="bill", label=("bill", "bills"))


def test_fields_that_compare_can_be_in_ranges_and_orders() -> None:
    with own_registration():
        assert register(INVOICES, sample=SAMPLE) is INVOICES


@attrs.frozen(kw_only=True, slots=False)
class Line:
    """A line of a bill."""

    price: Decimal = decimal(max_digits=5, decimal_places=2)


@pytest.mark.parametrize("annotation", [Decimal, Decimal | None, object])
def test_a_decimal_that_would_come_back_as_a_number_is_refused(annotation: object) -> None:
    amount = decimal(max_digits=5, decimal_places=2, default=None)
    with (
        own_registration(),
        pytest.raises(RegistrationError, match=r"Bill\.amount is of the kind decimal, and its annotation is"),
    ):
        register(resource_of({"amount": (annotation, amount)}), sample={})
    with own_registration(), pytest.raises(RegistrationError, match=r"Line\.price is of the kind decimal"):
        register(resource_of({"lines": (tuple[Line, ...], items(Line, max_items=9))}), sample={})
    with own_registration():
        register(resource_of({"amount": (FixedPoint | None, amount)}), sample={})
