"""Plain values as the cells of files; ``read_cells`` takes them back (decision 89)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from crm_core.model.plain_values import json_text
from crm_core.tables.columns import CellKind, Column
from crm_core.tables.formula_guard import guard


def cell_text(kind: CellKind, value: Any) -> str:
    """Return a plain value, which is not null, as the text of a cell, without the guard.

    >>> cell_text("boolean", True), cell_text("list", ["red", "blue"]), cell_text("list", ["a; b"])
    ('true', 'red; blue', '["a; b"]')
    """
    return _WRITERS[kind](value)


def csv_cells(columns: Sequence[Column]) -> Sequence[Callable[[Mapping[str, Any]], str]]:
    """Return for each column a function from a record's document to its cell in a CSV file."""
    return [_csv_cell(column) for column in columns]


def _csv_cell(column: Column) -> Callable[[Mapping[str, Any]], str]:
    # A million rows have twenty million cells: what is known of a column is looked up once.
    field, attribute, absent, write = column.field, column.attribute, column.absent, _WRITERS[column.kind]
    if column.kind in GUARDED:
        write = _guarded(write)

    def of_field(document: Mapping[str, Any]) -> str:
        value = document[field]
        return "" if value is None or value == absent else write(value)

    def of_attribute(document: Mapping[str, Any]) -> str:
        value = document[field].get(attribute)
        return "" if value is None else write(value)

    return of_field if attribute is None else of_attribute


def _guarded(write: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda value: guard(write(value))


def is_simple(item: object) -> bool:
    """Return whether a text can stand in a list such as ``red; blue`` as it is."""
    return (
        isinstance(item, str)
        and item != ""
        and item == item.strip()
        and ";" not in item
        and item[0] not in _JSON_BEGINS
    )


def _text(value: Any) -> str:
    # A value that was left by an earlier definition may be of another type.
    return value if isinstance(value, str) else json_text(value)


def _list(value: Any) -> str:
    if isinstance(value, list) and len(value) > 1 and all(map(is_simple, value)):
        return "; ".join(value)
    return str(value) if is_simple(value) else json_text(value)


def _texts(value: Any) -> str:
    return "; ".join(value) if value and all(map(is_simple, value)) else json_text(value)


#: The first characters of JSON arrays and texts.
_JSON_BEGINS: Final = '["'
#: The kinds whose cells may be a text that begins like a formula: in a column of dates, one of an earlier definition.
GUARDED: Final[frozenset[CellKind]] = frozenset({"text", "date", "list", "texts"})
_WRITERS: Final[Mapping[CellKind, Callable[[Any], str]]] = {
    "text": _text,
    "number": json_text,
    "integer": json_text,
    "decimal": _text,
    "boolean": json_text,
    "date": _text,
    "datetime": _text,
    "date_or_datetime": _text,
    "list": _list,
    "texts": _texts,
    "json": json_text,
}
