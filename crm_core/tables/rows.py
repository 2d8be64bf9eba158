"""The rows of foreign tables, as readers give them: cells of a few plain types, with their place in the spreadsheet."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final, TypeAlias

import attrs

from crm_core.errors import column_letters


@attrs.frozen
class UnreadableCell:
    """A cell that has no value that could be read, as the error value ``#N/A``.

    Attributes:
        reason: what is wrong and what to do, a sentence.
    """

    reason: str


#: A cell: all of CSV files are texts, those of workbooks have types. An empty one is an empty text.
Cell: TypeAlias = str | bool | int | Decimal | date | datetime | UnreadableCell


@attrs.frozen
class TableOptions:
    """What a file does not say about itself; nothing is guessed.

    Attributes:
        format: csv, xlsx or jsonl.
        encoding: of a CSV or JSONL file, a name that Python knows; empty for UTF-8, or what its byte order mark says.
        delimiter: of a CSV file, one character; empty for the one that gives the known headers.
        sheet: the name of the sheet of a workbook; empty if it has only one that is not hidden.
        known_headers: the names of columns that are expected, by which the delimiter is found.
    """

    format: str
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    known_headers: frozenset[str] = frozenset()


@attrs.frozen
class Row:
    """A row of a table.

    Attributes:
        number: its number in the spreadsheet: the header is row 1. In JSONL the number of the line.
        cells: its cells, as many as the header has; or the members of the object of a JSONL file.
        problem: why it cannot be read, a sentence; empty if it can. Other rows are not affected.
    """

    number: int
    cells: Sequence[Cell] | Mapping[str, object]
    problem: str = ""


def _as_tuple(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(names)


@attrs.frozen
class Header:
    """What a file says before its rows.

    Attributes:
        names: the names of the columns as they are written; none for JSONL.
        row: the number of the row that has them; 0 for JSONL.
        delimiter: of a CSV file.
        sheet: of a workbook.
    """

    names: tuple[str, ...] = attrs.field(default=(), converter=_as_tuple)
    row: int = 0
    delimiter: str = ""
    sheet: str = ""


MAX_COLUMNS: Final = 1_000
#: Characters of a cell; a text attribute has up to 1,000,000.
MAX_CELL_LENGTH: Final = 1_100_000


def header_problems(names: Sequence[str]) -> Sequence[str]:
    """Return what is wrong with the names of columns, a sentence for each: equal ones, and columns without a name."""
    columns: dict[str, list[str]] = {}
    for index, name in enumerate(names):
        columns.setdefault(name.strip().casefold(), []).append(column_letters(index))
    nameless = [f"Column {letters} has no name in the header." for letters in columns.pop("", ())]
    equal = [letters for letters in columns.values() if len(letters) > 1]
    return [*nameless, *(f"The columns {' and '.join(letters)} have the same name." for letters in equal)]
