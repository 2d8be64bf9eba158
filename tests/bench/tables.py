"""Files of tables: what foreign ones cost to read, and what exports cost the server.

``python -m tests.bench.tables [DIRECTORY [CLIENTS]]``; without a number 100,000 clients. The directory keeps the
database; that of ``tests.bench.growth`` has 1,000,000.
"""

import asyncio
import csv
import http.client
import json
import pathlib
import resource
import sys
import time
from collections.abc import Iterator, Mapping

import psutil
import xlsxwriter

from crm_adapters.tables.reader import ChildTableReader
from crm_core.tables.rows import TableOptions
from tests.bench.growth import Side, directory, grown
from tests.bench.uploads import watching, workers
from tests.http.conftest import Server

CLIENTS = 100_000
ROWS = 100_000
HEADER = [f"column {number}" for number in range(10)]
PIECE = 2**16


def main() -> None:
    """Read files of each format, and export all clients in each format."""
    count = int(sys.argv[2]) if len(sys.argv) > 2 else CLIENTS
    with directory(sys.argv) as place:
        for file in written(place):
            asyncio.run(read(file))
        with grown(count, place / str(count)) as (url, server):
            side = Side(url, server)
            for format_ in ("jsonl", "csv", "xlsx"):
                export(server, side.headers, format_)


def rows() -> Iterator[list[object]]:
    for number in range(ROWS):
        texts = [f"Client {number}", f"Street {number}", "Paris", f"+33 {number}", "x" * 20]
        yield [*texts, number, number * 0.5, "2026-01-31", "true", "red; blue"]


def written(place: pathlib.Path) -> list[pathlib.Path]:
    """Files of 10 columns, of which the workbook has its texts where each program of its own has them: shared."""
    files = [place / f"table.{format_}" for format_ in ("csv", "jsonl", "xlsx")]
    with files[0].open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows()])
    with files[1].open("w") as file:
        file.writelines(f"{json.dumps(dict(zip(HEADER, row, strict=True)))}\n" for row in rows())
    with xlsxwriter.Workbook(files[2]) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate([HEADER, *rows()]):
            sheet.write_row(number, 0, row)
    return files


async def read(file: pathlib.Path) -> None:
    began, used, count = time.perf_counter(), processor_seconds(), 0
    async with ChildTableReader().open(str(file), TableOptions(file.suffix[1:])) as table:
        with watching(psutil.Process().children()) as seen:
            async for some in table:
                count += len(some)
    seconds, used = time.perf_counter() - began, processor_seconds() - used
    print(
        f"{file.suffix[1:]}: {count / seconds:,.0f} rows/s are read, {count / used:,.0f} a second of processor time; "
        f"the child has {max(seen) / 1e6:.0f} MB"
    )


def processor_seconds() -> float:
    """The processor time of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def export(server: Server, headers: Mapping[str, str], format_: str) -> None:
    processes = workers(server)
    began = sum(each.memory_info().rss for each in processes)
    used = sum(sum(each.cpu_times()[:2]) for each in processes)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=3_600)
    start = time.perf_counter()
    connection.request("GET", f"/api/clients/export/?format={format_}", headers=dict(headers))
    answer = connection.getresponse()
    first, size, lines = 0.0, 0, 0
    with watching(processes) as seen:
        while piece := answer.read(PIECE):
            first = first or time.perf_counter() - start
            size += len(piece)
            lines += piece.count(b"\n")
    seconds = time.perf_counter() - start
    used = sum(sum(each.cpu_times()[:2]) for each in processes) - used
    count = lines if format_ == "jsonl" else counts["jsonl"]
    counts[format_] = count
    print(
        f"{format_}: {count / seconds:,.0f} clients/s are exported, {count / used:,.0f} a second of the worker's time; "
        f"{size / 1e6:.0f} MB; first byte after {first * 1_000:.0f} ms; the worker grows by "
        f"{(max(seen, default=began) - began) / 1e6:.0f} MB"
    )


counts: dict[str, int] = {}

if __name__ == "__main__":
    main()
