"""The child process that writes a workbook: ``python -m crm_adapters.tables.writing_child LIFELINE``.

It reads a line with the columns and a line for each record from stdin, and then writes the workbook to stdout. What a
workbook cannot hold is a line on stderr, and nothing on stdout.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache
from typing import Any, BinaryIO, Final

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from crm_adapters.tables.child_limits import limit
from crm_core.errors import column_letters
from crm_core.model.plain_values import parse_json
from crm_core.tables.columns import Column
from crm_core.tables.formula_guard import guard_apostrophes
from crm_core.tables.written_cells import GUARDED, cell_text

#: The exit code after a line on stderr.
REFUSED: Final = 3
MAX_ROWS: Final = 1_048_576
MAX_TEXT_LENGTH: Final = 32_767
_CPU_SECONDS: Final = 3_600
_WHOLE_NUMBERS: Final = 10**15
_DAY: Final = "yyyy-mm-dd"
#: Excel's own calendar is wrong before it.
_FIRST_DAY: Final = date(1900, 3, 1)
#: Texts stay texts, whatever they look like.
_OPTIONS: Final = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}


class _TooMuchError(Exception):
    """A workbook cannot hold this; the message says what, and what to do."""


def main(lifeline: str) -> int:
    """Read the records, write the workbook; return the exit code."""
    limit(int(lifeline), cpu_seconds=_CPU_SECONDS)
    lines = iter(sys.stdin.buffer)
    columns = [Column(*members) for members in json.loads(next(lines))]
    with tempfile.TemporaryFile() as file:
        try:
            _write(file, columns, lines)
        except _TooMuchError as error:
            sys.stderr.write(str(error))
            return REFUSED
        file.seek(0)
        shutil.copyfileobj(file, sys.stdout.buffer)
    return 0


def _write(file: BinaryIO, columns: Sequence[Column], lines: Iterable[bytes]) -> None:
    with xlsxwriter.Workbook(file, _OPTIONS) as book:
        book.use_zip64()
        bold = book.add_format({"bold": True})

        @cache
        def format_of(code: str) -> Format:
            return book.add_format({"num_format": code})

        sheet = book.add_worksheet()
        sheet.freeze_panes(1, 0)
        for index, column in enumerate(columns):
            sheet.write_string(0, index, column.name, bold)
        for row, document in _numbered(lines):
            for index, column in enumerate(columns):
                _write_cell(sheet, (row, index), column, column.value(document), format_of)


def _numbered(lines: Iterable[bytes]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for row, line in enumerate(lines, 1):
        if row == MAX_ROWS:
            raise _TooMuchError(f"A sheet of a workbook has at most {MAX_ROWS:,} rows: export CSV or JSONL.")
        yield row, parse_json(line)


def _write_cell(
    sheet: Worksheet, place: tuple[int, int], column: Column, value: Any, format_of: Callable[[str], Format]
) -> None:
    if value is None:
        return
    if column.kind == "boolean" and isinstance(value, bool):
        sheet.write_boolean(*place, value)
    elif column.kind in {"number", "integer"} and _is_kept(value):
        sheet.write_number(*place, value)
    elif column.kind == "decimal" and _is_kept_by_value(value):
        _, point, fraction = value.partition(".")
        sheet.write_number(*place, float(value), format_of(f"0{point}{'0' * len(fraction)}"))
    elif column.kind == "date" and (day := _day_kept(value)):
        sheet.write_datetime(*place, datetime.combine(day, time()), format_of(_DAY))
    else:
        text = cell_text(column.kind, value)
        _write_text(sheet, place, column, guard_apostrophes(text) if column.kind in GUARDED else text)


def _write_text(sheet: Worksheet, place: tuple[int, int], column: Column, text: str) -> None:
    if len(text) > MAX_TEXT_LENGTH:
        name = f"Row {place[0] + 1}, column {column_letters(place[1])} ({column.name})"
        limit_ = f"a cell of a workbook has at most {MAX_TEXT_LENGTH:,}: export CSV or JSONL."
        raise _TooMuchError(f"{name} has {len(text):,} characters; {limit_}")
    sheet.write_string(*place, text)


def _is_kept(value: object) -> bool:
    """Return whether a number is read from a workbook with the same digits; others are written as texts."""
    if isinstance(value, int) and not isinstance(value, bool):
        return abs(value) < _WHOLE_NUMBERS
    if not isinstance(value, Decimal):
        return False
    number = float(value)
    return not number.is_integer() and repr(float(f"{number:.15g}")) == str(value)


def _is_kept_by_value(text: str) -> bool:
    """Return whether a decimal is read from a workbook as the same number; its field has the places."""
    return abs(float(text)) < _WHOLE_NUMBERS and Decimal(f"{float(text):.15g}") == Decimal(text)


def _day_kept(value: object) -> date | None:
    """Return the day of a value that a workbook keeps; what an earlier definition left may be no day."""
    if not isinstance(value, str):
        return None
    try:
        day = date.fromisoformat(value)
    except ValueError:
        return None
    return day if day >= _FIRST_DAY and day.isoformat() == value else None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
