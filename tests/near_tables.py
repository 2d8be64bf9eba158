"""Tables that are read in this process: the parsers of the child without its start, which takes half a second."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from io import BufferedReader
from itertools import islice
from pathlib import Path

from crm_adapters.tables.csv_rows import CsvRows
from crm_adapters.tables.frames import read_frame, row_of, told
from crm_adapters.tables.jsonl_rows import JsonlRows
from crm_adapters.tables.problems import FileProblem
from crm_adapters.tables.reader import ChildTableReader
from crm_adapters.tables.xlsx.rows import XlsxRows
from crm_core.errors import UnreadableTableError
from crm_core.tables.rows import Header, Row, TableOptions

_FORMATS: Mapping[str, Callable[[BufferedReader, TableOptions], CsvRows | JsonlRows | XlsxRows]] = {
    "csv": CsvRows,
    "jsonl": JsonlRows,
    "xlsx": XlsxRows,
}


class NearTable:
    """A table that is being read (``crm_core.ports.OpenTable``)."""

    def __init__(self, rows: CsvRows | JsonlRows | XlsxRows) -> None:
        self._rows = rows
        self.header: Header = rows.header()
        self.notes: Sequence[str] = ()

    async def __aiter__(self) -> AsyncIterator[Sequence[Row]]:
        rows = self._rows.rows()
        while batch := [_row(*row) for row in islice(rows, 500)]:
            yield batch
        self.notes = self._rows.notes


class NearTableReader(ChildTableReader):
    """Reads every file in this process."""

    @asynccontextmanager
    async def open(self, path: str, options: TableOptions) -> AsyncIterator[NearTable]:  # type: ignore[override]
        """Open a table."""
        await self.digest(path)
        with Path(path).open("rb") as file:  # noqa: ASYNC230  # nobody waits
            try:
                yield NearTable(_FORMATS[options.format](file, options))
            except FileProblem as problem:
                raise UnreadableTableError(problem.message, row=problem.row, column=problem.column) from None


def _row(number: int, cells: object, problem: str, _: int) -> Row:
    body = cells if isinstance(cells, str) else told(cells)
    return row_of(number, read_frame(f'{{"cells":{body}}}'.encode())["cells"], problem)
