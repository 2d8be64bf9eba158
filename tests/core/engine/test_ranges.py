"""Ranges and orders of a resource's own fields are those of Python's values (decision 177)."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.engine.cursors import write_cursor
from crm_core.engine.matching import cursor_of, matches, sort_key
from crm_core.engine.parameters import filter_parameters, known_parameters, parameter_texts
from crm_core.engine.queries import Cursor, Filter, Query
from crm_core.engine.query_strings import parse_query
from crm_core.input.decimals import FixedPoint
from crm_core.input.fields import fields_of
from crm_core.input.readers import ReadContext, RefusedError, no_id
from crm_core.testing.strategies import entities, list_parameters
from tests.core.invoices import INVOICES, RANGES, Invoice
from tests.core.knowledge import made, refused, uid

CONTEXT = ReadContext(no_id)
NOT_A_NUMBER = ["Enter a number."]
SIGNS: Mapping[str, Callable[[Any, Any], bool]] = {
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}


def parse(**params: str) -> Query:
    return parse_query(INVOICES, params, {})


def invoice(number: int, **values: object) -> Any:
    return made(Invoice, number, **{"number": "1", "amount": FixedPoint("0.00"), "due": date(2026, 1, 31), **values})


@pytest.mark.parametrize(
    ("name", "value", "kind", "found"),
    [
        ("amount__gte", " -1.50 ", "decimal", Decimal("-1.50")),
        ("amount", "1e3", "decimal", Decimal(1000)),
        ("amount__gt", "+5", "decimal", 5),
        ("amount__gt", "+.5", "decimal", Decimal("0.5")),
        ("amount__gt", "5.", "decimal", 5),
        ("pages__gt", "+7", "integer", 7),
        ("pages__gt", "7.0", "integer", 7),
        ("rate__lt", "0.1000000000000000000000000000001", "decimal", Decimal("0.1000000000000000000000000000001")),
        ("pages__gt", "-7", "integer", -7),
        ("due__lte", "2026-01-31", "date", date(2026, 1, 31)),
        ("due", "2026-01-31", "date", date(2026, 1, 31)),
        ("paid_at__gt", "2026-01-31T01:00:00+01:00", "datetime", datetime(2026, 1, 31, tzinfo=UTC)),
    ],
)
def test_a_field_is_compared_with_a_value_of_its_kind(name: str, value: str, kind: str, found: object) -> None:
    field, _, operator = name.partition("__")

    assert parse(**{name: value}).filters == (Filter(field, operator or "exact", found, kind),)


@pytest.mark.parametrize(
    ("name", "value", "problems"),
    [
        *(("amount__gte", value, NOT_A_NUMBER) for value in ("x", "1,5", "nan", "Infinity", "1e999", "٣", "1_0")),
        ("amount", "x", NOT_A_NUMBER),
        *(("pages__lt", value, NOT_A_NUMBER) for value in ("1.5", "9" * 19, "9" * 2_000, "1e400", "1_0", "٣")),
        ("due__gt", "2026-02-30", ["Enter a valid date."]),
        ("due__gt", "31.1.2026", ["Enter a valid date."]),
        ("rate__isnull", "maybe", ["Must be a valid boolean."]),
        ("pages__between", "1,2", [
            "This filter is not known. The filters of this field are: pages__gt, pages__gte, pages__lt, pages__lte.",
        ]),
        ("currency__gte", "EUR", ["Lists cannot be filtered by this field."]),
    ],
)  # fmt: skip
def test_a_bad_value_of_a_range_is_refused_under_its_name(name: str, value: str, problems: object) -> None:
    assert refused(parse, **{name: value}) == {name: problems}


def test_what_may_be_absent_can_be_asked_for() -> None:
    asked = {name for name in filter_parameters(INVOICES) if name.endswith("__isnull")}

    assert asked == {f"{name}__isnull" for name in ("rate", "copies", "due", "paid_at", "updated_at")}
    assert {"amount__gte", "pages__lt"} <= {*known_parameters(INVOICES), *filter_parameters(INVOICES)}


INVOICE_LISTS = st.lists(entities(INVOICES), max_size=8, unique_by=lambda each: each.id)


@given(INVOICE_LISTS, st.sampled_from(RANGES), st.sampled_from(list(SIGNS)), st.data())
def test_ranges_are_those_of_python(invoices: list[Any], name: str, operator: str, data: st.DataObject) -> None:
    wanted = data.draw(st.sampled_from([*(value for each in invoices if (value := getattr(each, name)) is not None)]
                       or [None]))  # fmt: skip
    if wanted is None:
        return
    [text] = parameter_texts({"x": wanted}).values()
    query = parse(**{f"{name}__{operator}": text})

    for each in invoices:
        value = getattr(each, name)
        assert matches(query, each) is (value is not None and SIGNS[operator](value, wanted))


@given(INVOICE_LISTS, st.sampled_from(RANGES), st.sampled_from(["", "-"]))
def test_orders_are_those_of_python_and_cursors_come_back(invoices: list[Any], name: str, sign: str) -> None:
    query = parse(ordering=sign + name)

    def place(each: Any) -> Any:
        value = getattr(each, name)
        return (value is not None, value if value is not None else 0, each.id)

    in_order = sorted(invoices, key=lambda each: sort_key(query, cursor_of(query, each)))
    assert in_order == sorted(invoices, key=place)
    for each in invoices:
        cursor = cursor_of(query, each)
        text = write_cursor(query, cursor)
        assert parse(ordering=sign + name, cursor=text).after == cursor


@given(list_parameters(INVOICES))
def test_drawn_parameters_are_read(params: dict[str, str]) -> None:
    assert parse(**params).resource is INVOICES


@pytest.mark.parametrize(
    ("ordering", "value"),
    [
        ("amount", None),
        *(("amount", value) for value in ("", "x", "1e5", "NaN", "٣", " 1", "1.", "9" * 401)),
        *(("pages", value) for value in ("1.0", "9" * 19, "-" + "9" * 19, "x", "1e1")),
        ("due", "2026-02-30"),
    ],
)
def test_a_cursor_s_value_is_of_the_ordering_field(ordering: str, value: str | None) -> None:
    text = write_cursor(parse(ordering=ordering), Cursor(value, uid(1)))

    assert refused(parse, ordering=ordering, cursor=text) == {"cursor": ["Invalid cursor"]}


@pytest.mark.parametrize("text", ["+5", "-5", "5.", ".5", "5e0", "05", " 5 "])
def test_a_filter_reads_the_texts_that_a_body_reads(text: str) -> None:
    [filter_] = parse(rate__lt=text).filters

    assert fields_of(Invoice)["rate"].read(text, CONTEXT) == filter_.value


@pytest.mark.parametrize("text", ["5,0", "\N{ARABIC-INDIC DIGIT FIVE}", "nan", "1_0", "+", "5 0", "9" * 2_000])
def test_a_filter_refuses_the_texts_that_a_body_refuses(text: str) -> None:
    assert refused(parse_query, INVOICES, {"rate__lt": text}, {}) == {"rate__lt": NOT_A_NUMBER}
    with pytest.raises(RefusedError):
        fields_of(Invoice)["rate"].read(text, CONTEXT)
