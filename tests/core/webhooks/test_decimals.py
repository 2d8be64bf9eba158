"""Conditions and placeholders on decimals compare numbers, and are filled with their texts (decision 178)."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.input.decimals import FixedPoint
from crm_core.input.readers import RefusedError
from crm_core.model.registered import own_registration
from crm_core.rules.conditions import read_conditions
from crm_core.rules.on_records import conditions_hold, fill_url
from crm_core.webhooks.conditions import OperatorName
from crm_core.webhooks.entity import Condition
from crm_core.webhooks.index import WebhookIndex
from tests.core.invoices import Invoice
from tests.core.knowledge import made, texts
from tests.core.webhooks.test_index import hook
from tests.examples.invoices.crm_invoices import register_invoices

SIGNS: Final[Mapping[OperatorName, Callable[[Any, Any], bool]]] = {
    "=": eq,
    "!=": ne,
    ">": gt,
    "<": lt,
    ">=": ge,
    "<=": le,
}
FEW = ("0.00", "9.00", "10.00", "10.0", "-2.50", "-10.00")
AMOUNTS = st.one_of(
    st.sampled_from(FEW).map(FixedPoint),
    st.builds(lambda digits, places: FixedPoint(f"{digits}e-{places}"), st.integers(0, 10**40), st.integers(0, 9)),
)


def invoice(amount: FixedPoint) -> Any:
    return made(Invoice, 1, number="1", amount=amount, due=date(2026, 1, 31))


def about(operator: OperatorName, value: object) -> list[Condition]:
    return [Condition(field="amount", operator=operator, value=value)]


@given(AMOUNTS, AMOUNTS, st.sampled_from(list(SIGNS)))
def test_a_condition_on_a_decimal_compares_numbers(now: FixedPoint, value: FixedPoint, sign: OperatorName) -> None:
    assert conditions_hold(about(sign, str(value)), invoice(now)) is SIGNS[sign](Decimal(now), Decimal(value))
    assert conditions_hold(about("in", ["x", str(value)]), invoice(now)) is (now == value)
    assert WebhookIndex.of([hook(*about("=", str(value)))]).candidates(invoice(now)) == (
        [hook(*about("=", str(value)))] if now == value else []
    )


@pytest.mark.parametrize("value", [None, "", "x", "1e1", True, [], "2026-01-31"])
def test_what_is_no_decimal_compares_with_none(value: object) -> None:
    for sign in SIGNS.keys() - {"!="}:
        assert not conditions_hold(about(sign, value), invoice(FixedPoint("10.00")))
    assert not conditions_hold(about("contains", value), invoice(FixedPoint("10.00")))


def test_a_decimal_changes_to_a_number() -> None:
    became = about("changed_to", "10.00")

    assert conditions_hold(became, invoice(FixedPoint("10.00")), before=invoice(FixedPoint("9.00")))
    assert not conditions_hold(became, invoice(FixedPoint("10.00")), before=invoice(FixedPoint("10.0")))


def test_a_placeholder_of_a_decimal_is_its_text() -> None:
    assert fill_url("https://example.com/?amount={amount}", invoice(FixedPoint("0.0000000"))).endswith("=0.0000000")


@pytest.fixture
def _invoices() -> Iterator[None]:
    with own_registration():
        register_invoices()
        yield


@pytest.mark.usefixtures("_invoices")
def test_the_value_of_a_condition_is_kept_as_the_text_of_its_field() -> None:
    sent = [*about(">", 10), *about("in", ["1.5", None]), *about("changed_to", Decimal("1E+1")), *about("=", None)]
    assert [each.value for each in read_conditions("Invoice", {}, sent, ())] == ["10.00", ["1.50", None], "10.00", None]

    with pytest.raises(RefusedError) as refused:
        read_conditions("Invoice", {}, [*about("contains", "1"), *about(">", "0.001"), *about("=", "x")], ())
    assert texts(refused.value.problems) == {
        "0": {"operator": ["The operator contains cannot be used with this field."]},
        "1": {"value": ["Ensure that there are no more than 2 decimal places."]},
        "2": {"value": ["A valid number is required."]},
    }
