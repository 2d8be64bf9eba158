"""The child process that reads a file: ``python -m crm_adapters.tables.reading_child OPTIONS LIFELINE < FILE``."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from io import BufferedReader
from typing import Any, BinaryIO, Final, Protocol

from crm_adapters.tables.child_limits import MAX_MEMORY, limit
from crm_adapters.tables.csv_rows import CsvRows, ReadRow
from crm_adapters.tables.frames import told, write_frame
from crm_adapters.tables.jsonl_rows import JsonlRows
from crm_adapters.tables.problems import FileProblem
from crm_adapters.tables.xlsx.rows import XlsxRows
from crm_core.tables.rows import Header, TableOptions

_ROWS_PER_FRAME: Final = 500
_CHARACTERS_PER_FRAME: Final = 250_000


class _Rows(Protocol):
    """The header, the rows, and then the notes of a file."""

    notes: list[str]

    def header(self) -> Header: ...

    def rows(self) -> Iterator[ReadRow]: ...


_FORMATS: Final[Mapping[str, Callable[[BufferedReader, TableOptions], _Rows]]] = {
    "csv": CsvRows,
    "jsonl": JsonlRows,
    "xlsx": XlsxRows,
}


def main(options: str, lifeline: str) -> int:
    """Read the file on stdin, and write frames to stdout."""
    limit(int(lifeline))
    out = sys.stdout.buffer
    try:
        _tell(out, read_options(json.loads(options)))
    except FileProblem as problem:
        _tell_problem(out, problem)
    except MemoryError:
        _tell_problem(out, FileProblem(f"To read the file takes more than {MAX_MEMORY >> 20} MB of memory."))
    except BrokenPipeError:
        return 1
    return 0


def read_options(members: Mapping[str, Any]) -> TableOptions:
    """Return the options that the parent sent as JSON."""
    return TableOptions(**{**members, "known_headers": frozenset(members["known_headers"])})


def _tell(out: BinaryIO, options: TableOptions) -> None:
    before = _state()
    with open(0, "rb", closefd=False) as file:
        rows = _FORMATS[options.format](file, options)
        header = rows.header()
        write_frame(
            out,
            told(
                {
                    "header": {
                        "names": header.names,
                        "row": header.row,
                        "delimiter": header.delimiter,
                        "sheet": header.sheet,
                    }
                }
            ),
        )
        _tell_rows(out, rows.rows())
    if _state() != before:
        raise FileProblem("The file was changed while it was read: try again when nobody writes it.")
    write_frame(out, told({"notes": rows.notes}))


def _tell_rows(out: BinaryIO, rows: Iterator[ReadRow]) -> None:
    batch: list[str] = []
    characters = 0
    for number, cells, problem, size in rows:
        # The objects of JSONL are JSON already.
        body = cells if isinstance(cells, str) else told(cells)
        batch.append(f"[{number},{body},{told(problem)}]" if problem else f"[{number},{body}]")
        characters += size
        if len(batch) == _ROWS_PER_FRAME or characters > _CHARACTERS_PER_FRAME:
            write_frame(out, f'{{"rows":[{",".join(batch)}]}}')
            batch, characters = [], 0
    if batch:
        write_frame(out, f'{{"rows":[{",".join(batch)}]}}')


def _tell_problem(out: BinaryIO, problem: FileProblem) -> None:
    place = {"row": problem.row, "column": problem.column}
    write_frame(out, told({"problem": {"message": problem.message, **place}}))


def _state() -> tuple[int, int]:
    state = os.fstat(0)
    return state.st_size, state.st_mtime_ns


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
