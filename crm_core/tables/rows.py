"""The rows of foreign tables, as readers give them: cells of a few plain types, with their place in the spreadsheet."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final, TypeAlias

import attrs


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


@attrs.frozen
class Header:
    """What a file says before its rows.

    Attributes:
        names: the names of the columns as they are written; none for JSONL.
        row: the number of the row that has them; 0 for JSONL.
        delimiter: of a CSV file.
        sheet: of a workbook.
    """

    names: Sequence[str] = ()
    row: int = 0
    delimiter: str = ""
    sheet: str = ""


MAX_COLUMNS: Final = 1_000
#: Characters of a cell: a text attribute has up to 1,000,000, and lists are written with more.
MAX_CELL_LENGTH: Final = 16_000_000


def column_letters(index: int) -> str:
    """Return the name of a column in spreadsheets, by its index from 0.

    >>> column_letters(0), column_letters(25), column_letters(26), column_letters(16383)
    ('A', 'Z', 'AA', 'XFD')
    """
    letters = ""
    while index >= 0:
        letters = chr(ord("A") + index % 26) + letters
        index = index // 26 - 1
    return letters
