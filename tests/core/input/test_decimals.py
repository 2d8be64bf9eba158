"""Decimals with a fixed number of places: as Django REST Framework reads them, and texts in JSON (decision 175)."""

import copy
import pickle
import re
from datetime import date
from decimal import Decimal, localcontext
from typing import Any
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.input.decimals import FixedPoint, Precision, fixed_point
from crm_core.input.declarations import money
from crm_core.input.drafts import read_draft
from crm_core.input.numbers import MAX_DIGITS
from crm_core.input.readers import RefusedError
from crm_core.model.events import differences, same
from crm_core.model.plain_values import entity_of, json_text, parse_json, plain
from crm_core.model.recorded_changes import record_changes
from crm_core.testing.strategies import entities, payloads
from tests.core.invoices import INVOICES, Invoice
from tests.core.knowledge import context, made, texts

PRICE = Precision(max_digits=5, decimal_places=2)
NOT_A_NUMBER = ["A valid number is required."]
NO_NUMBERS: list[object] = [
    *("", " ", "x", "1,5", "1_0", "٣", "0x1", "--1", "1e", ".", "1 000", "NaN", "-nan", "sNaN", "Infinity", "-inf"),
    *map(float, ("nan", "inf", "-inf")),
    *map(Decimal, ("NaN", "sNaN", "Infinity", "1e999999")),
    *(True, False, None, [], [1], {}, b"1", object, "1e999999999999999999999", 10**400),
]
TOO_MANY = ["Ensure that there are no more than 5 digits in total."]
TOO_FINE = ["Ensure that there are no more than 2 decimal places."]
TOO_LARGE = ["Ensure that there are no more than 3 digits before the decimal point."]


def problems(precision: Precision, value: object) -> object:
    with pytest.raises(RefusedError) as refused:
        precision.read(value)
    return texts(refused.value.problems)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("1.5", "1.50"),
        (" 12 ", "12.00"),
        ("+.5", "0.50"),
        ("5.", "5.00"),
        ("007", "7.00"),
        ("1E+2", "100.00"),
        ("1e-2", "0.01"),
        ("0", "0.00"),
        ("-0.0", "0.00"),
        ("0e2", "0.00"),
        ("-999.99", "-999.99"),
        (7, "7.00"),
        (0.1, "0.10"),
        (-0.0, "0.00"),
        (Decimal("1.10"), "1.10"),
        (Decimal("1E+2"), "100.00"),
        (FixedPoint("2.50"), "2.50"),
    ],
)
def test_a_decimal_is_kept_with_all_of_its_places(value: object, kept: str) -> None:
    read = PRICE.read(value)

    assert (str(read), type(read)) == (kept, FixedPoint)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        *((each, NOT_A_NUMBER) for each in NO_NUMBERS),
        ("1" * 1_001, ["String value too large."]),
        ("1000.00", TOO_MANY),
        ("123456", TOO_MANY),
        (1e5, TOO_MANY),
        ("0.001", TOO_FINE),
        ("1.100", TOO_FINE),
        (1.234, TOO_FINE),
        ("1000", TOO_LARGE),
        (-1e3, TOO_LARGE),
        (Decimal("1E+3"), TOO_LARGE),
    ],
)
def test_what_is_no_such_decimal_has_the_texts_that_clients_know(value: object, why: object) -> None:
    assert problems(PRICE, value) == why


def test_a_decimal_is_within_its_bounds() -> None:
    share = Precision(max_digits=3, decimal_places=2, minimum=0, maximum="1.5")

    assert [str(share.read(value)) for value in (0, "1.5")] == ["0.00", "1.50"]
    assert problems(share, "1.51") == ["Ensure this value is less than or equal to 1.5."]
    assert problems(share, -0.01) == ["Ensure this value is greater than or equal to 0."]


@pytest.mark.parametrize(
    "nonsense",
    [
        {"max_digits": 0, "decimal_places": 0},
        {"max_digits": 2, "decimal_places": 3},
        {"max_digits": 2, "decimal_places": -1},
        {"max_digits": MAX_DIGITS + 1, "decimal_places": 0},
        {"max_digits": 2, "decimal_places": 0, "minimum": 2, "maximum": 1},
    ],
)
def test_digits_and_bounds_that_no_decimal_has_are_an_error_of_the_declaration(nonsense: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="decimal"):
        Precision(**nonsense)


EXPONENTS = st.integers(-60, 60)
NUMBERS = st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(exponent), st.integers(-(10**40), 10**40), EXPONENTS
)
PRECISIONS = st.integers(1, 60).flatmap(
    lambda digits: st.builds(Precision, max_digits=st.just(digits), decimal_places=st.integers(0, digits))
)


@given(PRECISIONS, NUMBERS, st.sampled_from(["{}", "{:f}", "{:e}", " {} "]))
def test_what_is_read_is_the_number_that_was_sent_or_refused(precision: Precision, number: Decimal, form: str) -> None:
    """Whatever its exponent, its trailing zeros and the precision of the thread."""
    try:
        with localcontext() as context:
            context.prec = 5
            read = precision.read(form.format(number))
    except RefusedError:
        return
    assert read == number
    assert re.fullmatch(precision.pattern, str(read))
    assert str(read).partition(".")[2] == str(read)[-precision.decimal_places :] * (precision.decimal_places > 0)
    assert precision.read(str(read)).compare_total(read) == 0
    assert same(read, number) or number.is_signed()


def invoice(**values: Any) -> Any:
    return made(Invoice, 1, **{"number": "1", "amount": FixedPoint("1234.50"), "due": date(2026, 1, 31), **values})


def test_a_decimal_is_a_text_in_json_and_comes_back() -> None:
    paid = invoice(rate=FixedPoint(f"0.{'0' * 20}"))

    assert (plain(paid)["amount"], plain(paid)["rate"]) == ("1234.50", "0.00000000000000000000")
    assert '"amount":"1234.50"' in json_text(plain(paid))
    assert entity_of(Invoice, parse_json(json_text(plain(paid)))) == paid
    assert type(entity_of(Invoice, plain(paid)).amount) is FixedPoint


def test_a_decimal_of_a_document_is_a_text_of_digits() -> None:
    assert str(fixed_point(FixedPoint, "-1.50")) == "-1.50"
    for wrong in (1, "x", "", None):
        with pytest.raises(ValueError, match="decimal"):
            fixed_point(FixedPoint, wrong)
    assert fixed_point(object, "1") == "1"
    with pytest.raises(TypeError, match="UUID"):
        fixed_point(UUID, "1")


def test_a_decimal_is_copied_pickled_and_calculated_with_as_a_decimal() -> None:
    price = FixedPoint("0.0000000")

    assert copy.deepcopy([price]) == [price]
    assert repr(pickle.loads(pickle.dumps(price))) == "FixedPoint('0.0000000')"  # noqa: S301  # ours
    assert FixedPoint("1.10") + 1 == Decimal("2.1")


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("amount", 12, FixedPoint("12.00")),
        ("amount", "-0.01", ["Ensure this value is greater than or equal to 0."]),
        ("amount", None, ["This field may not be null."]),
        ("amount", "1234567890123.00", ["Ensure that there are no more than 14 digits in total."]),
        ("rate", None, None),
        ("currency", None, None),
        ("currency", "GBP", ['"GBP" is not a valid choice.']),
        ("pages", "999", 999),
        ("pages", 0, ["Ensure this value is greater than or equal to 1."]),
        ("pages", 1000, ["Ensure this value is less than or equal to 999."]),
        ("copies", None, None),
        ("due", None, ["This field may not be null."]),
    ],
)
def test_a_field_of_a_resource_of_one_s_own_says_what_it_takes(name: str, value: object, kept: object) -> None:
    draft = read_draft(Invoice, {name: value}, context(), require_all=False)

    assert (texts(draft.problems[name]) if name in draft.problems else draft.values[name]) == kept


def test_fields_without_a_default_are_required() -> None:
    assert read_draft(Invoice, {}, context(), require_all=True).problems.keys() == {"number", "amount", "due"}
    fee = attrs.make_class("Fees", {"fee": money(default="1.5")})().fee
    assert (str(fee), type(fee)) == ("1.50", FixedPoint)


@given(payloads(INVOICES))
def test_drawn_payloads_are_read_and_come_out_as_they_were_meant(sent: dict[str, Any]) -> None:
    draft = read_draft(Invoice, sent, context(strict=True), require_all=True)

    assert not draft.problems
    assert draft.values["amount"] == Decimal(str(sent["amount"]).strip())
    assert read_draft(Invoice, {"amount": str(draft.values["amount"])}, context(), require_all=False).values == {
        "amount": draft.values["amount"]
    }


@given(entities(INVOICES))
def test_drawn_invoices_are_kept_by_documents(drawn: Any) -> None:
    assert entity_of(Invoice, parse_json(json_text(plain(drawn)))) == drawn
    assert record_changes(None, drawn, {})["amount"] == {"to": drawn.amount}
    assert not differences(drawn, attrs.evolve(drawn, amount=FixedPoint(f"{drawn.amount}0")))
