import asyncio
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_adapters.tables.reader import ChildTableReader
from crm_adapters.tables.workbooks import ChildWorkbookWriter
from crm_core.errors import InvalidError
from crm_core.model.entities import Attribute
from crm_core.model.plain_values import json_text, parse_json, plain
from crm_core.resources import CLIENTS
from crm_core.tables.columns import Column, columns_of
from crm_core.tables.formats import Formats
from crm_core.tables.read_cells import is_empty, read_cell
from crm_core.tables.rows import Row, TableOptions
from crm_core.testing.strategies import PayloadContext, attribute_values, entities


def _definition(type_: str) -> Attribute:
    return Attribute(id=UUID(int=1), name=type_, label=type_, type=type_, list_values=(), entity="client")


DEFINITIONS = {type_: _definition(type_) for type_ in ("text", "number", "date", "boolean", "list", "file")}


async def _pieces(documents: Sequence[object]) -> AsyncIterator[bytes]:
    for number, document in enumerate(documents):
        yield (b"\n" if number else b"") + json_text(document).encode()


def write(path: Path, columns: Sequence[Column], documents: Sequence[object]) -> None:
    async def write_all() -> bytes:
        return b"".join([piece async for piece in ChildWorkbookWriter().write(columns, _pieces(documents))])

    path.write_bytes(asyncio.run(write_all()))


def rows_of(path: Path) -> list[Row]:
    async def read_all() -> list[Row]:
        async with ChildTableReader().open(str(path), TableOptions("xlsx")) as table:
            return [row async for some in table for row in some]

    return asyncio.run(read_all())


def _read_back(columns: Sequence[Column], row: Any) -> list[object]:
    return [
        column.absent if is_empty(column, cell) else read_cell(column, cell, Formats())
        for column, cell in zip(columns, row.cells, strict=True)
    ]


def test_exported_workbooks_are_read_back_as_the_same_values(tmp_path: Path) -> None:
    columns = columns_of(CLIENTS, DEFINITIONS)

    @given(st.lists(entities(CLIENTS, PayloadContext(definitions=DEFINITIONS)), min_size=20, max_size=40))
    @settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
    def survive(clients: list[Any]) -> None:
        documents = [parse_json(json_text(plain(client))) for client in clients]
        write(tmp_path / "a.xlsx", columns, documents)
        expected = [[_held(column, document) for column in columns] for document in documents]

        assert json_text([_read_back(columns, row) for row in rows_of(tmp_path / "a.xlsx")]) == json_text(expected)

    survive()


def test_amounts_are_numbers_of_a_workbook_where_it_keeps_them(tmp_path: Path) -> None:
    amounts = (
        "10.00",
        "-0.10",
        "0.00",
        "7",
        "999999999999.99",
        "9999999999999999.99",
        "0.00000000000000000001",
        "1" * 60,
    )
    columns = [Column("amount", "decimal", "amount")]
    write(tmp_path / "a.xlsx", columns, [{"amount": amount} for amount in amounts])
    rows: list[Any] = rows_of(tmp_path / "a.xlsx")
    cells = [row.cells[0] for row in rows]

    assert [isinstance(cell, str) for cell in cells] == [False] * 5 + [True, False, True]
    assert [read_cell(columns[0], cell, Formats()) for cell in cells] == [Decimal(amount) for amount in amounts]


def test_every_value_of_an_attribute_survives_a_workbook(tmp_path: Path) -> None:
    columns = columns_of(CLIENTS, DEFINITIONS)[2:8]

    @given(st.lists(st.fixed_dictionaries({t: attribute_values(d) for t, d in DEFINITIONS.items()}), min_size=60))
    @settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
    def survive(values: list[Any]) -> None:
        documents = [parse_json(json_text({"attributes": plain(each)})) for each in values]
        write(tmp_path / "a.xlsx", columns, documents)
        expected = [[_held(column, document) for column in columns] for document in documents]

        assert json_text([_read_back(columns, row) for row in rows_of(tmp_path / "a.xlsx")]) == json_text(expected)

    survive()


def _held(column: Column, document: Any) -> object:
    return document[column.field] if column.attribute is None else document[column.field].get(column.attribute)


def test_what_a_definition_of_another_type_left_is_written_as_a_text(tmp_path: Path) -> None:
    columns = [Column("size", "number", "size"), Column("due", "date", "due"), Column("done", "boolean", "done")]
    left = [{"size": True, "due": "red", "done": 5}, {"size": "red", "due": "20260102", "done": "=1"}]
    write(tmp_path / "a.xlsx", columns, left)

    assert [list(row.cells) for row in rows_of(tmp_path / "a.xlsx")] == [
        ["true", "red", "5"],
        ['"red"', "20260102", '"=1"'],
    ]


def test_texts_that_begin_like_formulas_are_texts(tmp_path: Path) -> None:
    column = Column("name", "text", "name")
    names = ["=1+1", "'=x", "", "'", "@a", "-5", "_x000D_", "a\rb\x01\ufffe", " a ", "007", "https://example.com"]
    write(tmp_path / "a.xlsx", [column], [{"name": name} for name in names])

    assert [_read_back([column], row) for row in rows_of(tmp_path / "a.xlsx")] == [[name] for name in names]


def test_a_text_that_no_cell_holds_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    documents = [{"note": "x"}, {"note": "x" * 32_768}, *[{"note": "x"}] * 100_000]

    with pytest.raises(InvalidError, match=r"Row 3, column A \(note\) has 32,768 characters; a cell of"):
        write(tmp_path / "a.xlsx", [Column("note", "text", "note")], documents)
    assert not (tmp_path / "a.xlsx").exists()


def test_an_error_of_the_records_passes_through() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b'{"a": 1}'
        raise OSError

    async def write_all() -> None:
        _ = [piece async for piece in ChildWorkbookWriter().write([Column("a", "number", "a")], broken())]

    with pytest.raises(OSError):  # noqa: PT011  # it has no text
        asyncio.run(write_all())


def test_no_records_are_a_workbook_with_a_header(tmp_path: Path) -> None:
    write(tmp_path / "a.xlsx", [Column("a", "number", "a")], [])

    assert rows_of(tmp_path / "a.xlsx") == []
