import csv
import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_core.input.readers import RefusedError
from crm_core.model.entities import Attribute
from crm_core.model.plain_values import json_text, parse_json, plain
from crm_core.resources import CLIENTS, RESOURCES, SERVICES, Resource
from crm_core.tables.columns import CellKind, Column, columns_of
from crm_core.tables.csv_files import csv_header, csv_lines
from crm_core.tables.formats import Formats
from crm_core.tables.read_cells import is_empty, may_lack_zeros, read_cell
from crm_core.tables.rows import Cell, UnreadableCell
from crm_core.tables.written_cells import cell_text, csv_cells
from crm_core.testing.strategies import PayloadContext, attribute_values, entities, json_values

FORMATS = Formats()


def csv_row(columns: Sequence[Column], document: Any) -> list[str]:
    return [cell(document) for cell in csv_cells(columns)]


def _definition(type_: str, *, list_values: tuple[str, ...] = ()) -> Attribute:
    return Attribute(id=UUID(int=1), name=type_, label=type_, type=type_, list_values=list_values, entity="client")


DEFINITIONS = {type_: _definition(type_) for type_ in ("text", "number", "date", "boolean", "list", "file")}


def _read_back(columns: Any, line: list[str]) -> list[object]:
    return [
        column.absent if is_empty(column, cell) else read_cell(column, cell, FORMATS)
        for column, cell in zip(columns, line, strict=True)
    ]


def _as_stored(value: object) -> object:
    return parse_json(json_text(plain(value)))


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=lambda row: row.name)
@given(data=st.data())
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_exported_cells_are_read_back_as_the_same_values(resource: Resource, data: st.DataObject) -> None:
    definitions = DEFINITIONS if "attributes" in resource.fields else {}
    document: Any = _as_stored(data.draw(entities(resource, PayloadContext(definitions=definitions))))
    columns = columns_of(resource, definitions)
    written = (csv_header(columns) + csv_lines(columns, [json_text(document).encode()])).decode()
    header, line = csv.reader(StringIO(written, newline=""), strict=True)

    assert header == [column.name for column in columns]
    expected = [
        document[column.field] if column.attribute is None else document["attributes"].get(column.attribute)
        for column in columns
    ]
    assert json_text(_read_back(columns, line)) == json_text(expected)


@given(data=st.data(), type_=st.sampled_from(list(DEFINITIONS)))
def test_every_value_of_an_attribute_survives_export_and_import(data: st.DataObject, type_: str) -> None:
    value = _as_stored(data.draw(attribute_values(DEFINITIONS[type_])))
    column = columns_of(CLIENTS, {type_: DEFINITIONS[type_]})[2]
    [cell] = csv_row([column], {"attributes": {type_: value}})

    assert cell != ""
    assert json_text(read_cell(column, cell, FORMATS)) == json_text(value)


@given(value=st.lists(st.text(" ;a[\"'=,", max_size=4), max_size=4) | st.text(" ;a[\"'=,", max_size=6))
def test_lists_with_any_signs_survive_export_and_import(value: object) -> None:
    column = Column("attributes.tags", "list", "attributes", "tags")
    [cell] = csv_row([column], {"attributes": {"tags": value}})

    assert read_cell(column, cell, FORMATS) == value


@given(value=json_values().filter(lambda value: value is not None))
def test_json_values_survive_export_and_import(value: object) -> None:
    column = Column("value", "json", "value")
    [cell] = csv_row([column], {"value": _as_stored(value)})

    assert json_text(read_cell(column, cell, FORMATS)) == json_text(_as_stored(value))


def test_the_columns_are_the_documented_fields_with_a_column_for_each_attribute() -> None:
    columns = columns_of(SERVICES, {"size": _definition("number"), "city": _definition("text")})

    assert [column.name for column in columns] == [
        *("id", "name", "client", "actual_cohort", "origin_cohort", "attributes.city", "attributes.size"),
        *("list_of_tasks", "list_of_notes", "list_of_images", "created_at", "updated_at", "updated_by"),
    ]


def test_a_value_from_before_its_definition_changed_is_still_written() -> None:
    column = Column("attributes.city", "text", "attributes", "city")

    assert csv_row([column], {"attributes": {"city": ["Lyon", 5]}}) == ['["Lyon",5]']


_LEFT = {"=1+1": "'=1+1", "red": "red", Decimal("2.5"): "2.5", True: "true", ("=a", "b"): '["=a","b"]'}


@pytest.mark.parametrize(("value", "in_a_text"), _LEFT.items())
def test_what_a_definition_of_another_type_left_is_written_and_is_no_formula(value: Any, in_a_text: str) -> None:
    left = list(value) if isinstance(value, tuple) else value
    columns = columns_of(CLIENTS, DEFINITIONS)[2:8]
    row = csv_row(columns, {"attributes": dict.fromkeys(DEFINITIONS, left)})
    cells = {column.attribute: cell for column, cell in zip(columns, row, strict=True)}

    assert cells["date"] == cells["text"] == in_a_text
    assert cells["boolean"] == cells["number"] == json_text(left)


def test_cells_of_workbooks_have_the_same_texts_without_the_guard() -> None:
    assert [cell_text("text", "=a"), cell_text("list", ["=a", "b"])] == ["=a", "=a; b"]


def test_numbers_stay_bare_and_texts_are_guarded() -> None:
    columns = [Column("n", "number", "n"), Column("t", "text", "t"), Column("l", "list", "l")]

    assert csv_row(columns, {"n": -5, "t": "-5", "l": ["=a", "b"]}) == ["-5", "'-5", "'=a; b"]


_READ: list[tuple[CellKind, Cell, object]] = [
    ("text", "  as it stands ", "  as it stands "),
    ("text", "007", "007"),
    ("text", 123, "123"),
    ("text", Decimal("0.5"), "0.5"),
    ("text", True, "true"),
    ("text", dt.date(2026, 1, 31), "2026-01-31"),
    ("text", dt.datetime(2026, 1, 31), "2026-01-31"),  # noqa: DTZ001  # spreadsheets have no time zones
    ("text", "'+49 30", "+49 30"),
    ("number", " 1.10 ", Decimal("1.10")),
    ("number", "+5", 5),
    ("number", "'-5", -5),
    ("number", Decimal("0.5"), Decimal("0.5")),
    ("integer", "7", 7),
    ("integer", Decimal("7.0"), 7),
    ("decimal", "1.10", Decimal("1.10")),
    ("decimal", 7, 7),
    ("boolean", "Yes", True),
    ("boolean", "FALSE", False),
    ("boolean", 1, True),
    ("date", "2026-01-31", "2026-01-31"),
    ("date", dt.datetime(2026, 1, 31), "2026-01-31"),  # noqa: DTZ001
    ("datetime", "2026-01-31T10:00:00Z", "2026-01-31T10:00:00Z"),
    ("datetime", dt.datetime(2026, 1, 31, 10), "2026-01-31T10:00:00"),  # noqa: DTZ001
    ("list", "red; blue;", ["red", "blue"]),
    ("list", "red", "red"),
    ("list", '["red"]', ["red"]),
    ("texts", "red", ["red"]),
    ("texts", 5, ["5"]),
    ("json", '{"a": 1.10}', {"a": Decimal("1.10")}),
    ("json", 5, 5),
    ("datetime", dt.date(2026, 1, 31), "2026-01-31"),
    ("date_or_datetime", "2026-01-31", "2026-01-31"),
    ("date_or_datetime", dt.date(2026, 1, 31), "2026-01-31"),
]


@pytest.mark.parametrize(("kind", "cell", "value"), _READ)
def test_a_cell_is_read_by_the_kind_of_its_column(kind: CellKind, cell: Cell, value: object) -> None:
    read = read_cell(Column("x", kind, "x"), cell, FORMATS)

    assert (read, type(read)) == (value, type(value)) or str(read) == str(value)


_REFUSED: list[tuple[CellKind, Cell, str]] = [
    ("number", "1,5", "\"1,5\" is not a number with the decimal sign .: with decimal ',' it would be 1.5."),
    ("number", "abc", '"abc" is not a number with the decimal sign ..'),
    ("number", "1e9999", '"1e9999" is not a number with the decimal sign ..'),
    ("date", "2026-02-31", '"2026-02-31" is not a date as YYYY-MM-DD.'),
    ("json", True, "The cell holds true, not a number."),
    ("number", True, "The cell holds true, not a number."),
    ("number", dt.date(2026, 1, 31), "The cell holds the date 2026-01-31, not a number."),
    (
        *("date", "03/04/2026"),
        (
            '"03/04/2026" is not a date as YYYY-MM-DD: with dates DD/MM/YYYY it would be 2026-04-03; '
            "with dates MM/DD/YYYY it would be 2026-03-04."
        ),
    ),
    ("date", 45000, "The cell holds the number 45000, not a date: give the column the format of a date."),
    ("date", dt.datetime(2026, 1, 31, 10), "The cell holds the date 2026-01-31T10:00:00, not a date alone."),  # noqa: DTZ001
    ("datetime", "soon", '"soon" is not a date as YYYY-MM-DD, with a time or without.'),
    ("boolean", "maybe", '"maybe" is neither true nor false: write true or false, yes or no, 1 or 0.'),
    ("json", "{", '"{" is not JSON.'),
    ("text", UnreadableCell("It is #N/A."), "It is #N/A."),
]


@pytest.mark.parametrize(("kind", "cell", "message"), _REFUSED)
def test_what_cannot_be_read_says_why_and_what_the_other_reading_is(kind: CellKind, cell: Cell, message: str) -> None:
    with pytest.raises(RefusedError) as refused:
        read_cell(Column("x", kind, "x"), cell, FORMATS)

    assert [problem.message for problem in refused.value.problems] == [message]  # type: ignore[union-attr]


_FORMATTED: list[tuple[CellKind, Formats, str, object]] = [
    ("number", Formats(decimal=",", thousands="."), "-35.000,01", Decimal("-35000.01")),
    ("number", Formats(decimal=",", thousands=" "), "1\u202f234,5", Decimal("1234.5")),
    ("number", Formats(thousands=","), "1,234", 1234),
    ("number", Formats(thousands="'"), "1'234.50", Decimal("1234.50")),
    ("date", Formats(dates="DD.MM.YYYY"), "3.4.2026", "2026-04-03"),
    ("date", Formats(dates="DD.MM.YYYY"), "2026-04-03", "2026-04-03"),
    ("date", Formats(dates="MM/DD/YYYY"), "03/04/2026", "2026-03-04"),
    ("datetime", Formats(dates="DD.MM.YYYY"), "3.4.2026 9:30", "2026-04-03T09:30:00"),
    ("datetime", Formats(dates="DD.MM.YYYY"), "3.4.2026 9:30:15", "2026-04-03T09:30:15"),
    ("datetime", Formats(dates="DD.MM.YYYY"), "3.4.2026", "2026-04-03"),
]


@pytest.mark.parametrize(("kind", "formats", "cell", "value"), _FORMATTED)
def test_numbers_and_dates_are_read_by_the_stated_formats(
    kind: CellKind, formats: Formats, cell: str, value: object
) -> None:
    assert str(read_cell(Column("x", kind, "x"), cell, formats)) == str(value)


@pytest.mark.parametrize("cell", ["1,23,4", "12,34", "1.5,0", "1,234.5.6", "--1", "1e", "٣"])
def test_odd_numbers_are_refused(cell: str) -> None:
    with pytest.raises(RefusedError):
        read_cell(Column("x", "number", "x"), cell, Formats(thousands=","))


@pytest.mark.parametrize(
    "arguments",
    [{"decimal": ";"}, {"thousands": "_"}, {"thousands": "."}, {"dates": "DD.MM"}, {"dates": "DD.MM.YY"}],
)
def test_formats_that_say_nothing_clear_are_refused(arguments: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Formats(**arguments)


def test_only_a_column_of_texts_takes_blanks_for_a_value() -> None:
    assert not is_empty(Column("x", "text", "x"), " ")
    assert is_empty(Column("x", "text", "x"), "")
    assert is_empty(Column("x", "date", "x"), " ")


def test_numbers_in_a_column_of_texts_may_lack_zeros() -> None:
    assert may_lack_zeros(Column("x", "text", "x"), 7)
    assert not may_lack_zeros(Column("x", "text", "x"), "007")
    assert not may_lack_zeros(Column("x", "number", "x"), 7)
