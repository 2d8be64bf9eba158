"""CSV files of records: RFC 4180, CRLF, UTF-8."""

import csv
from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any, Final, cast

from crm_core.model.plain_values import parse_json
from crm_core.tables.columns import Column
from crm_core.tables.written_cells import csv_cells

#: The mark by which Excel knows UTF-8.
BOM: Final = "\ufeff".encode()


def csv_header(columns: Sequence[Column]) -> bytes:
    """Return the first line of a CSV file: the names of the columns."""
    return csv_lines_of([[column.name for column in columns]])


def csv_lines(columns: Sequence[Column], documents: Sequence[bytes]) -> bytes:
    """Return the lines of records.

    Args:
        columns: the columns.
        documents: the records as JSON.
    """
    cells = csv_cells(columns)
    decoded = parse_json(b"[%b]" % b",".join(documents))
    return csv_lines_of([cell(document) for cell in cells] for document in decoded)


def csv_lines_of(rows: Iterable[Sequence[str]]) -> bytes:
    """Return rows of cells as lines of CSV."""
    lines: list[str] = []
    csv.writer(cast("Any", SimpleNamespace(write=lines.append))).writerows(rows)
    return "".join(lines).encode()
