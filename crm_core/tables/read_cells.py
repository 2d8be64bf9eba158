"""The cells of foreign tables as plain values, as a request would have them (decision 89)."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Final, TypeAlias

from crm_core.input.readers import RefusedError, read_boolean, refuse
from crm_core.model.plain_values import parse_json
from crm_core.tables.columns import CellKind, Column
from crm_core.tables.formats import Formats, read_day, read_moment, read_number
from crm_core.tables.formula_guard import unguard
from crm_core.tables.rows import Cell, UnreadableCell

_Value: TypeAlias = str | bool | int | Decimal | date | datetime
_Read: TypeAlias = Callable[[_Value, Formats], object]


def is_empty(column: Column, cell: Cell) -> bool:
    """Return whether a cell has no value; blanks alone are a value in a column of texts only."""
    return isinstance(cell, str) and (cell == "" or (column.kind != "text" and not cell.strip()))


def read_cell(column: Column, cell: Cell, formats: Formats) -> object:
    """Return the plain value of a cell, which is not empty; the rules of the field or attribute are yet to be checked.

    >>> read_cell(Column("size", "number", "size"), "1,5", Formats(decimal=","))
    Decimal('1.5')

    Args:
        column: its column.
        cell: the cell.
        formats: how the table writes numbers and dates.

    Raises:
        RefusedError: it cannot be read; the message says why, and what the other reading would be.
    """
    if isinstance(cell, UnreadableCell):
        raise refuse("invalid", cell.reason)
    return _READERS[column.kind](unguard(cell) if isinstance(cell, str) else cell, formats)


def may_lack_zeros(column: Column, cell: Cell) -> bool:
    """Return whether a spreadsheet may have dropped zeros at the beginning: a number in a column of texts."""
    return column.kind in {"text", "list", "texts"} and isinstance(cell, int | Decimal) and not isinstance(cell, bool)


def _text(cell: _Value, _: Formats) -> str:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, date):
        return _iso(cell)
    return f"{cell:f}" if isinstance(cell, Decimal) else str(cell)


def _iso(cell: date) -> str:
    if isinstance(cell, datetime) and cell.time() == time():
        return cell.date().isoformat()
    return cell.isoformat()


def _number(cell: _Value, formats: Formats) -> int | Decimal:
    if isinstance(cell, bool | date):
        raise refuse("invalid", f"The cell holds {_described(cell)}, not a number.")
    return read_number(cell, formats) if isinstance(cell, str) else cell


def _integer(cell: _Value, formats: Formats) -> object:
    number = _number(cell, formats)
    return int(number) if number == int(number) else number


def _boolean(cell: _Value, formats: Formats) -> bool:
    try:
        return read_boolean(cell)
    except RefusedError:
        text = _text(cell, formats)[:100]
        raise refuse(
            "invalid", f'"{text}" is neither true nor false: write true or false, yes or no, 1 or 0.'
        ) from None


def _day(cell: _Value, formats: Formats) -> str:
    if isinstance(cell, datetime) and cell.time() != time():
        raise refuse("invalid", f"The cell holds {_described(cell)}, not a date alone.")
    return read_day(cell, formats) if isinstance(cell, str) else _moment(cell, formats)


def _moment(cell: _Value, formats: Formats) -> str:
    if isinstance(cell, date):
        return _iso(cell)
    if not isinstance(cell, str):
        raise refuse("invalid", f"The cell holds {_described(cell)}, not a date: give the column the format of a date.")
    return read_moment(cell.strip(), formats)


def _list(cell: _Value, formats: Formats) -> object:
    text = _text(cell, formats)
    if text.lstrip().startswith(("[", '"')):
        return _json(text, formats)
    if ";" not in text:
        return text
    return [item for part in text.split(";") if (item := part.strip())]


def _texts(cell: _Value, formats: Formats) -> object:
    value = _list(cell, formats)
    return [value] if isinstance(value, str) else value


def _json(cell: _Value, formats: Formats) -> object:
    if not isinstance(cell, str):
        return _number(cell, formats)
    try:
        return parse_json(cell)
    except (ValueError, RecursionError):
        raise refuse("invalid", f'"{cell[:100]}" is not JSON.') from None


def _described(cell: _Value) -> str:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return f"the date {_iso(cell)}" if isinstance(cell, date) else f"the number {cell}"


_READERS: Final[Mapping[CellKind, _Read]] = {
    "text": _text,
    "number": _number,
    "integer": _integer,
    "decimal": _number,
    "boolean": _boolean,
    "date": _day,
    "datetime": _moment,
    "date_or_datetime": _moment,
    "list": _list,
    "texts": _texts,
    "json": _json,
}
