"""What the reading child tells its parent: frames of JSON, each after its length in four bytes."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, BinaryIO, Final

from crm_core.model.plain_values import parse_json
from crm_core.tables.rows import Cell, Row, UnreadableCell

LENGTH_BYTES: Final = 4
#: The keys of the values that JSON does not have.
_DATE: Final = "date"
_REASON: Final = "reason"
#: A date without a time, ``YYYY-MM-DD``.
_DAY_LENGTH: Final = 10


def write_frame(out: BinaryIO, text: str) -> None:
    """Write a frame of JSON; wait while the parent has enough to do."""
    body = text.encode()
    out.write(len(body).to_bytes(LENGTH_BYTES) + body)
    out.flush()


def told(value: object) -> str:
    """Return a frame's value as JSON."""
    return json.dumps(value, ensure_ascii=False)


def dated(iso: str) -> Mapping[str, str]:
    """Return a typed date, or a date with a time, as a cell in a frame."""
    return {_DATE: iso}


def unreadable(reason: str) -> Mapping[str, str]:
    """Return a cell without a value as a cell in a frame."""
    return {_REASON: reason}


def read_frame(body: bytes) -> Mapping[str, Any]:
    """Return what a frame says; numbers with a point are Decimals."""
    frame: Mapping[str, Any] = parse_json(body)
    return frame


def row_of(number: int, cells: Sequence[Any] | Mapping[str, object], problem: str = "") -> Row:
    """Return a row of a frame."""
    if isinstance(cells, list) and any(isinstance(cell, dict) for cell in cells):
        cells = [_cell(cell) if isinstance(cell, dict) else cell for cell in cells]
    return Row(number, cells, problem)


def _cell(cell: Mapping[str, str]) -> Cell:
    if _REASON in cell:
        return UnreadableCell(cell[_REASON])
    iso = cell[_DATE]
    return date.fromisoformat(iso) if len(iso) == _DAY_LENGTH else datetime.fromisoformat(iso)
