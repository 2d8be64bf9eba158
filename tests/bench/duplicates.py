"""What a page of duplicates takes when nearly all records are different, and what finding them costs writers.

``python -m tests.bench.duplicates [RECORDS]`` fills an empty database with so many clients, 300,000 by default, each
with an e-mail address; every hundredth has a twin of a similar name. Then all pages of duplicates are read. At last
clients are inserted in turns with and without the triggers that keep the keys of records.
"""

import pathlib
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack

import psycopg

from crm_adapters.embedded.server import embedded_server
from tests.http.conftest import Api, serving

RECORDS = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
_TURNS = 5
_BATCH = 20_000
#: Names of three syllables, of which a hundredth of the records share one with another, spelt with another vowel.
_FILL = """
insert into client (id, version, document)
select id, 1, format(
    '{"id":"%%s","name":"%%s","attributes":{"email":"client.%%s@example.com"},"list_of_tasks":[],'
    '"list_of_notes":[],"list_of_images":[],"created_at":"2026-01-01T00:00:00Z","created_by":1,'
    '"updated_at":"2026-01-01T00:00:00Z","updated_by":1}', id,
    translate(to_char(case when n %% 100 = 0 then n - 1 else n end, 'FM000000000'), '0123456789', 'bdfgklmnrt')
    || case when n %% 100 = 0 then 'a' else 'o' end || ' Meyer', n)::json
from (select n, ('01890000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid as id
      from generate_series(%s, %s) as n) as new"""


def main() -> None:
    """Fill a database, read all pages of duplicates, and measure inserts."""
    with tempfile.TemporaryDirectory(prefix="crm-bench-") as name, ExitStack() as stack:
        place = pathlib.Path(name)
        place.chmod(0o755)
        url = stack.enter_context(embedded_server(place))
        server = stack.enter_context(serving(url, place / "served"))
        fill(url)
        groups, times = zip(*pages(server.api()), strict=True)
        print(f"{RECORDS:,} records, {sum(groups):,} groups on {len(times):,} pages of up to 50")
        print(f"page p50 {1_000 * statistics.median(times):.1f} ms, slowest {1_000 * max(times):.1f} ms")
        with psycopg.connect(url, autocommit=True) as connection:
            size = connection.execute("select pg_size_pretty(pg_total_relation_size('likeness'))").fetchone()
            print(f"the keys take {size[0] if size else '?'}")
            print(f"inserts with the triggers take {ratio(connection):.2f} times as long as without")


def fill(url: str) -> None:
    """Insert the clients, in the form in which the server stores them."""
    began = time.perf_counter()
    with psycopg.connect(url, autocommit=True) as connection:
        for start in range(0, RECORDS, _BATCH):
            connection.execute((_FILL % (start + 1, min(start + _BATCH, RECORDS))).encode())
        connection.execute("vacuum analyze client, likeness")
    print(f"{RECORDS:,} clients in {time.perf_counter() - began:.0f} s")


def pages(api: Api) -> Iterator[tuple[int, float]]:
    """Yield how many groups each page has, and how long it took."""
    path = "/api/clients/duplicates/"
    while path:
        began = time.perf_counter()
        answer = api.get(path)
        taken = time.perf_counter() - began
        assert answer.status_code == 200, answer.text
        yield len(answer.json()), taken
        path = answer.links["next"]["url"] if "next" in answer.links else ""


def ratio(connection: psycopg.Connection[tuple[object, ...]]) -> float:
    """Return how many times as long inserts take with the triggers as without."""
    times: dict[str, list[float]] = {"enable": [], "disable": []}
    for turn in range(_TURNS):
        for state, taken in times.items():
            connection.execute(f"alter table client {state} trigger client_likeness_added".encode())
            first = RECORDS + 1 + 2_000 * (2 * turn + (state == "enable"))
            began = time.perf_counter()
            connection.execute((_FILL % (first, first + 1_999)).encode())
            taken.append(time.perf_counter() - began)
    return statistics.median(times["enable"]) / statistics.median(times["disable"])


if __name__ == "__main__":
    main()
