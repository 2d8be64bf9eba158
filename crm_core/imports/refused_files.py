"""The refused rows of a run as a CSV file, which can be mended and imported (decision 97)."""

from collections.abc import Iterable
from typing import Final

from crm_core.imports.runs import ImportRun, RefusedRow
from crm_core.tables.csv_files import csv_lines_of

#: The columns before those of the file.
REFUSED_COLUMNS: Final = ("row", "column", "message")
#: The column of a line of a JSONL file.
_LINE: Final = "line"


def refused_header(run: ImportRun) -> bytes:
    """Return the first line of the file of a run's refused rows."""
    return csv_lines_of([(*REFUSED_COLUMNS, *(run.header or (_LINE,)))])


def refused_lines(rows: Iterable[RefusedRow]) -> bytes:
    """Return a line for each refused row: its number, the columns, the messages, and its cells as they were."""
    return csv_lines_of(
        (str(row.row), _joined(row, "column", "; "), _joined(row, "message", " "), *row.cells) for row in rows
    )


def _joined(row: RefusedRow, name: str, sign: str) -> str:
    return sign.join(dict.fromkeys(getattr(problem, name) for problem in row.problems))
