"""How reads fare when tables grow: p50 at 10,000 and at 1,000,000 clients and leads, of one client after another.

``python -m tests.bench.growth [DIRECTORY]`` keeps its databases in the directory, so that a second run is quick:
filling them takes ten minutes. Each list has ``limit=50``; a rare value has ten matches, a common one a tenth of all.
"""

import http.client
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import quote
from uuid import UUID

import psycopg

from crm_adapters.embedded.server import embedded_server
from crm_core.engine.cursors import write_cursor
from crm_core.engine.queries import Cursor, Query
from crm_core.resources import CLIENTS
from tests.http.conftest import Api, Server, serving

SIZES = (10_000, 1_000_000)
REQUESTS = 200
PAGE = "limit=50"
RARE = "Zyxwv"  # no demo record has it


def main() -> None:
    """Measure both sizes and print them beside each other."""
    with directory(sys.argv) as place, ExitStack() as stack:
        sides = [Side(*stack.enter_context(grown(size, place / str(size)))) for size in SIZES]
        print_table({name: p50s(sides, name) for name in sides[0].paths})


@contextmanager
def directory(arguments: Sequence[str]) -> Iterator[pathlib.Path]:
    """Where the databases are: in the directory that was asked for, or in a temporary one."""
    with tempfile.TemporaryDirectory(prefix="crm-bench-") as temporary:
        place = pathlib.Path(arguments[1] if len(arguments) > 1 else temporary)
        place.mkdir(exist_ok=True)
        place.chmod(0o755)
        yield place


class Side:
    """One of the two sizes."""

    def __init__(self, url: str, server: Server) -> None:
        api = server.api()
        self.paths = requests(url, api)
        self.headers = {"Authorization": f"Token {api.token}"}
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port)

    def seconds(self, path: str) -> float:
        """How long one request takes."""
        began = time.perf_counter()
        self._connection.request("GET", path, headers=self.headers)
        answer = self._connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        return time.perf_counter() - began


@contextmanager
def grown(size: int, place: pathlib.Path) -> Iterator[tuple[str, Server]]:
    """A server on a database of that size, which is filled unless it is already."""
    with embedded_server(place) as url, serving(url, place / "served") as server:
        if not value(url, "select exists (select from client)"):
            add_users(url)
            fill(url, size)
        if not value(url, f"select exists (select from client where name = '{RARE}')"):
            plant(url, server.api())
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("vacuum (analyze)")
        yield url, server


def fill(url: str, size: int) -> None:
    """Load demo data."""
    began = time.perf_counter()
    words = ["demo", "--clients", str(size), "--leads", str(size)]
    environment = {name: each for name, each in os.environ.items() if not name.startswith("CRM_")}
    crm = pathlib.Path(sys.executable).with_name("crm")
    subprocess.run([crm, *words], env=environment | {"CRM_DATABASE_URL": url}, check=True)
    print(f"{size:,} clients and leads loaded in {time.perf_counter() - began:.0f} s")


def add_users(url: str) -> None:
    """With the administrator there are five, so each is responsible for a fifth of the leads, half of which are new."""
    with psycopg.connect(url) as connection:
        for name in ("ann", "bob", "cat", "dan"):
            connection.execute("insert into app_user (username, password_hash) values (%s, '!')", (name,))


def plant(url: str, api: Api) -> None:
    """Give ten records each, from all over the tables, rare values; and a client ten services."""
    for client in spread(url, "client"):
        changed = {"name": RARE, "attributes": {"city": RARE, "employees": 9_999_999}}
        assert api.patch(f"/api/clients/{client}/", changed).status_code == 200
    for lead in spread(url, "lead"):
        assert api.patch(f"/api/leads/{lead}/", {"pipeline": None, "stage": RARE, "name": RARE}).status_code == 200
    owner = api.make("/api/clients/", name="Ten students")
    for number in range(10):
        api.make("/api/services/", name=str(number), client=owner["id"])


def spread(url: str, table: str) -> Sequence[UUID]:
    """Ten ids, evenly from all of a table."""
    statement = f"select id, ntile(10) over (order by id) as part from {table}"
    with psycopg.connect(url) as connection:
        found = connection.execute(f"select min(id::text)::uuid from ({statement}) as t group by part".encode())
        return sorted(id_ for (id_,) in found.fetchall())


def requests(url: str, api: Api) -> Mapping[str, Sequence[str]]:
    """What is measured: by name, the paths that are asked for in turns."""
    owner = value(url, "select id from client where name = 'Ten students'")
    large = value(url, "select client from service group by 1 order by count(*) desc limit 1")
    middle = spread(url, "client")[1:]
    cursors = (write_cursor(Query(resource=CLIENTS), Cursor(None, each)) for each in middle)
    clients, leads = f"/api/clients/?{PAGE}", f"/api/leads/?{PAGE}"
    first = json.loads(api.get(f"{leads}&stage=New").content)[0]["responsible"]
    return {
        "GET by id": [f"/api/clients/{each}/" for each in middle],
        "first page": [clients],
        "deep page": [f"{clients}&cursor={each}" for each in cursors],
        "?name= rare": [f"{clients}&name={RARE}"],
        "?name= common": [f"{clients}&name=alpine"],
        "?stage=&responsible= rare": [f"{leads}&stage={RARE}&responsible={each}" for each in users(url)],
        "?stage=&responsible= common": [f"{leads}&stage=New&responsible={first}"],
        "?client= rare": [f"/api/services/?{PAGE}&client={owner}"],
        "?client= common": [f"/api/services/?{PAGE}&client={large}"],
        "?attributes.city= rare": [f"{clients}&attributes.city={RARE}"],
        "?attributes.city= common": [f"{clients}&attributes.city=Oslo"],
        "?attributes.employees__gte= rare": [f"{clients}&attributes.employees__gte=9999999"],
        "?attributes.employees__gte= common": [f"{clients}&attributes.employees__gte=372"],
        "?search= rare": [f"{leads}&search={RARE}"],
        "?search= common": [f"{leads}&search={quote('ana')}"],
    }


def users(url: str) -> Sequence[int]:
    """The ids of all users."""
    with psycopg.connect(url) as connection:
        return [id_ for (id_,) in connection.execute("select id from app_user").fetchall()]


def value(url: str, statement: str) -> Any:
    """The one value that a statement gives."""
    with psycopg.connect(url) as connection:
        row = connection.execute(statement.encode()).fetchone()
    return row and row[0]


def p50s(sides: Sequence[Side], name: str) -> Sequence[float]:
    """Milliseconds of the median request of each side; in turns, so that whatever else happens happens to both."""
    rounds = [[side.seconds(choose(side.paths[name], turn)) for side in sides] for turn in range(REQUESTS)]
    return [statistics.median(each) * 1_000 for each in zip(*rounds, strict=True)]


def choose(paths: Sequence[str], turn: int) -> str:
    return paths[turn % len(paths)]


def print_table(measured: Mapping[str, Sequence[float]]) -> None:
    """Both sizes and how many times the second takes the first."""
    print(f"\n{'p50 in ms':<36}{SIZES[0]:>10,}{SIZES[1]:>12,}  times")
    for name, (small, large) in measured.items():
        print(f"{name:<36}{small:>10.2f}{large:>12.2f}{large / small:>7.2f}")


if __name__ == "__main__":
    main()
