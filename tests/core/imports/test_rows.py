from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from crm_core.errors import InvalidError, NotFoundError, Problem
from crm_core.imports.mapping import ColumnMapping, map_columns
from crm_core.imports.options import read_options
from crm_core.imports.references import Named, name_field
from crm_core.imports.refused_files import refused_header, refused_lines
from crm_core.imports.rows import RowReader
from crm_core.imports.runs import ImportRun, RefusedRow, Report, RowProblem, plain_report, report_of
from crm_core.imports.unique_values import Doubles, value_of
from crm_core.model.entities import Attribute
from crm_core.resources import CLIENTS, FOLLOW_UPS, SERVICES, Resource
from crm_core.tables.rows import Cell, Row, UnreadableCell

SIZE = Attribute(id=UUID(int=1), name="size", label="Size", type="number", entity="client")
TAG = Attribute(id=UUID(int=2), name="tag", label="Tag", type="text", entity="client", is_unique=True)
DEFINITIONS = {"size": SIZE, "tag": TAG}
ONE = UUID(int=1)


def reader(names: Sequence[str], resource: Resource = CLIENTS, **options: object) -> RowReader:
    read = read_options({"format": "csv", **options})
    return RowReader(map_columns(resource, DEFINITIONS, names, read), read)


def operation(
    names: Sequence[str],
    cells: Sequence[Cell],
    resource: Resource = CLIENTS,
    holder: UUID | None = None,
    **options: object,
) -> Any:
    rows = reader(names, resource, **options)
    return rows.operation(rows.read(Row(2, cells)), {}, holder)


def test_a_row_creates_a_record_of_the_cells_that_are_not_empty() -> None:
    assert operation(["name", "size", "tag"], ["Ann", "1,50", ""], decimal=",") == {
        "op": "create",
        "data": {"name": "Ann", "attributes": {"size": Decimal("1.50")}},
    }


def test_a_row_with_an_id_or_a_holder_changes_a_record() -> None:
    assert operation(["id", "size"], ["x", ""], upsert_by="id") == {"op": "merge", "id": "x", "data": {}}
    assert operation(["id", "name"], ["", "Ann"], upsert_by="id") == {"op": "create", "data": {"name": "Ann"}}
    found = operation(["tag", "name"], ["t", "Ann"], holder=ONE, upsert_by="tag")
    assert found == {"op": "merge", "id": ONE, "data": {"attributes": {"tag": "t"}, "name": "Ann"}}


def test_a_row_that_changes_a_record_leaves_it_in_its_parent() -> None:
    names = ["id", "service", "comment"]
    cells = ["x", str(ONE), "Ann"]
    assert operation(names, cells, FOLLOW_UPS, upsert_by="id") == {"op": "merge", "id": "x", "data": {"comment": "Ann"}}
    assert operation(names, ["", *cells[1:]], FOLLOW_UPS, upsert_by="id") == {
        "op": "create",
        "data": {"service": str(ONE), "comment": "Ann"},
    }


def test_empty_cells_clear_only_where_that_is_asked_for_and_a_record_exists() -> None:
    names = ["id", "name", "size"]
    clear: Mapping[str, Any] = {"upsert_by": "id", "blank": "clear"}
    cleared = {"name": None, "attributes": {"size": None}}
    assert operation(names, ["x", "", ""], **clear) == {"op": "merge", "id": "x", "data": cleared}
    assert operation(names, ["", "Ann", ""], **clear) == {"op": "create", "data": {"name": "Ann", "attributes": {}}}


def test_all_cells_that_cannot_be_read_are_named_with_the_row_as_it_was() -> None:
    refused = operation(["name", "size", "tag"], ["'=1", "two", UnreadableCell("It is #N/A.")])
    assert isinstance(refused, RefusedRow)
    assert [(each.column, each.code) for each in refused.problems] == [("size", "invalid"), ("tag", "invalid")]
    assert refused.cells == ("''=1", "two", "")


def test_a_row_with_a_problem_of_its_own_is_refused() -> None:
    rows = reader(["name"])
    refused = rows.operation(rows.read(Row(3, ["a", "b"], "It has two cells.")), {})
    assert refused == RefusedRow(3, (RowProblem("", "unreadable", "It has two cells."),), ("a", "b"))


@pytest.mark.parametrize(("found", "code"), [((), "does_not_exist"), ((UUID(int=1), UUID(int=2)), "ambiguous")])
def test_a_name_must_be_that_of_one_record(found: Sequence[UUID], code: str) -> None:
    rows = reader(["name", "Klient"], SERVICES, map=["Klient=client"])
    read = rows.read(Row(2, ["s", " Ann "]))
    assert read.names == {"client": Named("client", "Ann")}
    refused = rows.operation(read, {Named("client", "Ann"): found})
    assert isinstance(refused, RefusedRow)
    assert [(each.column, each.code) for each in refused.problems] == [("Klient", code)]
    assert rows.operation(read, {Named("client", "Ann"): [ONE]}) == {
        "op": "create",
        "data": {"name": "s", "client": str(ONE)},
    }


def test_what_looks_like_an_id_is_none_of_the_names() -> None:
    rows = reader(["name", "client"], SERVICES)
    assert rows.read(Row(2, ["s", f" {ONE} "])).names == {}
    assert name_field("user") is None
    assert name_field("cohort") == "name_cohort"
    assert name_field("follow_up") is None


def test_numbers_in_columns_of_texts_are_noted_once() -> None:
    rows = reader(["name", "tag"])
    for number in (2, 3):
        assert rows.read(Row(number, ["Ann", 7])).data["attributes"] == {"tag": "7"}
    assert list(rows.notes) == [
        'The column "tag" has numbers where texts belong: zeros at their beginning may be lost.'
    ]


def test_the_problems_of_rules_are_placed_in_columns() -> None:
    rows = reader(["Firma", "size"], map=["Firma=name"])
    problem = Problem("invalid", "Wrong.")
    error = InvalidError(
        {"name": [problem], "attributes": {"size": [problem]}, "list_of_tasks": {"0": {"task": [problem]}}}
    )
    refused = rows.refused(Row(2, ["Ann", "1"]), error)
    assert [(each.column, each.message) for each in refused.problems] == [
        ("Firma", "Wrong."),
        ("size", "Wrong."),
        ("list_of_tasks", "0.task: Wrong."),
    ]
    assert rows.refused(Row(2, ["Ann", "1"]), NotFoundError()).problems == (RowProblem("", "refused", "Not found."),)


def test_an_object_of_jsonl_names_its_own_fields() -> None:
    options = read_options({"format": "jsonl", "map": ["Name=name"], "ignore": ["x"], "upsert_by": "id"})
    rows = RowReader(ColumnMapping(CLIENTS, (), DEFINITIONS), options)
    sent: Mapping[str, object] = {"id": None, "Name": "Ann", "x": 1, "created_at": "…", "attributes": {"size": 1}}
    read = rows.read(Row(1, sent))
    assert rows.operation(read, {}) == {"op": "create", "data": {"name": "Ann", "attributes": {"size": 1}}}
    assert list(rows.notes) == ["created_at was not read: the server sets this field."]
    assert rows.refused(read.row, NotFoundError()).cells == (
        '{"id":null,"Name":"Ann","x":1,"created_at":"…","attributes":{"size":1}}',
    )


@pytest.mark.parametrize(("upsert_by", "op"), [("id", "merge"), ("", "create")])
def test_the_id_in_an_object_of_jsonl_counts_where_it_is_asked_for(upsert_by: str, op: str) -> None:
    options = read_options({"format": "jsonl", "upsert_by": upsert_by})
    rows = RowReader(ColumnMapping(CLIENTS, (), DEFINITIONS), options)
    found = rows.operation(rows.read(Row(1, {"id": "x", "name": "Ann"})), {})
    assert isinstance(found, Mapping)
    assert (found["op"], found.get("id")) == (op, "x" if op == "merge" else None)


def test_cells_of_workbooks_are_kept_as_texts() -> None:
    cells: Sequence[Cell] = [True, date(2026, 1, 31), Decimal("1.10"), "", "+49"]
    rows = RowReader(ColumnMapping(CLIENTS, (), {}), read_options({"format": "xlsx"}))
    assert rows.refused(Row(2, cells), NotFoundError()).cells == ("true", "2026-01-31", "1.10", "", "'+49")


def test_a_unique_value_of_an_earlier_row_refuses_a_row() -> None:
    rows, doubles = reader(["name", "Marke"], map=["Marke=tag"]), Doubles(DEFINITIONS)
    texts = ["Straße", "", "STRASSE ", "\u00a0"]
    read = [rows.without_doubles(rows.read(Row(row, ["Ann", tag])), doubles) for row, tag in enumerate(texts, 2)]
    assert [len(each.problems) for each in read] == [0, 0, 1, 0]
    assert read[2].problems[0] == RowProblem(
        "Marke", "unique", "Row 2 has the same value, and this attribute is unique."
    )
    assert value_of(TAG, {"attributes": "x"}) is None
    assert value_of(SIZE, {"attributes": {"size": "no number"}}) is None


def test_a_report_sums_problems_by_column_and_code_and_survives_storage() -> None:
    refused = [RefusedRow(row, (RowProblem("a", "invalid", f"No {row}."),), ()) for row in range(2, 7)]
    report = Report().counting(["created", "unchanged", *["refused"] * 5], refused).noting(["x"]).noting(["x", "y"])
    assert (report.rows, report.created, report.unchanged, report.refused, report.notes) == (7, 1, 1, 5, ("x", "y"))
    [sums] = report.problems
    assert (sums.count, sums.examples) == (5, ((2, "No 2."), (3, "No 3."), (4, "No 4.")))
    assert report_of(plain_report(report)) == report


def test_refused_rows_are_a_file_with_their_cells_as_they_were(run: ImportRun) -> None:
    problems = (RowProblem("a", "x", "One."), RowProblem("b", "x", "Two."), RowProblem("a", "y", "Three."))
    row = RefusedRow(5, problems, ("1", "b, c"))
    assert refused_header(run) == b"row,column,message,a,b\r\n"
    assert refused_lines([row]) == b'5,a; b,One. Two. Three.,1,"b, c"\r\n'
