"""Requests a second beside what the stack itself can do: ``make bench``. README.md beside it says how to read it."""

import pathlib
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import psycopg

from crm_adapters.embedded.server import embedded_server
from tests.bench.floor import bare_server, pgbench
from tests.bench.growth import fill
from tests.bench.load import CHANGING, load, request
from tests.http.conftest import Api, serving

CLIENTS = 10_000
RECORDS = 200
ROWS = 64  # one for each connection of pgbench


class Work(NamedTuple):
    """Something to do: what our server is sent, and what the bare one is, with which connections."""

    name: str
    ours: Sequence[bytes]
    bare: bytes
    connections: Sequence[int]


def main() -> None:
    """Measure everything once; the seconds for each figure may be given."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
    with tempfile.TemporaryDirectory(prefix="crm-bench-") as name, bare_server() as bare:
        place = pathlib.Path(name)
        place.chmod(0o755)
        with embedded_server(place / "data") as url, serving(url, place / "served") as server:
            fill(url, CLIENTS)
            add_rows(url)
            print(f"\n{'requests a second':<15}{'conn.':>6}{'CRM':>9}{'p50 ms':>8}{'p99 ms':>8}", end="")
            print(f"{'bare':>9}{'CRM/bare':>10}{'pgbench':>9}{'CRM/pgbench':>13}")
            for work in works(server.api()):
                for connections in work.connections:
                    row = measure(work, connections, {"ours": server.port, "bare": bare}, url, seconds)
                    print(f"{work.name:<15}{connections:>6}{row}", flush=True)


def measure(work: Work, connections: int, ports: Mapping[str, int], url: str, seconds: float) -> str:
    """The rest of a line of the table."""
    load(ports["ours"], work.ours, connections, 0.5)  # what is loaded or planned once counts for nobody
    ours = load(ports["ours"], work.ours, connections, seconds)
    bare = load(ports["bare"], [work.bare], connections, seconds).rate
    statements = pgbench(url, work.name, connections, seconds)
    compared = f"{bare:>9,.0f}{ours.rate / bare:>10.2f}{statements:>9,.0f}{ours.rate / statements:>13.2f}"
    return f"{ours.rate:>9,.0f}{ours.p50:>8.1f}{ours.p99:>8.1f}{compared}"


def works(api: Api) -> Sequence[Work]:
    """All that is measured."""
    created = [api.make("/api/clients/", name=str(n), list_of_tasks=[{"task": "t"}]) for n in range(RECORDS)]
    one = [request("GET", f"/api/clients/{each['id']}/", api.token) for each in created]
    lists = {n: [request("GET", f"/api/clients/?limit={n}", api.token)] for n in (100, 1_000)}
    create = [request("POST", "/api/clients/", api.token, {"name": "Acme Corp"})]
    patch = [request("PATCH", f"/api/clients/{each['id']}/", api.token, {"name": CHANGING}) for each in created]
    tasks = [update_task(api.token, each["id"], each["list_of_tasks"][0]["id"]) for each in created]
    write = request("POST", "/write", "", {"name": "Acme Corp"})
    return (
        Work("GET one", one, request("GET", "/1"), (1, 16, 64)),
        Work("list of 100", lists[100], request("GET", "/100"), (16,)),
        Work("list of 1,000", lists[1_000], request("GET", "/1000"), (16,)),
        Work("create", create, write, (16, 64)),
        Work("PATCH", patch, write, (16, 64)),
        Work("update-task", tasks, write, (16, 64)),
    )


def update_task(token: str, client: str, task: str) -> bytes:
    body = {"task_id": task, "completed": True, "task": CHANGING}
    return request("POST", f"/api/clients/{client}/update-task/", token, body)


def add_rows(url: str) -> None:
    """Clients with ids that pgbench can name."""
    statement = b"""
    with new as (
        select ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid as id from generate_series(0, %s) as n
    ), one as (select id, document from client limit 1)
    insert into client (id, version, document)
    select new.id, 1, replace(document::text, one.id::text, new.id::text)::json from new, one"""
    with psycopg.connect(url) as connection:
        connection.execute(statement, (ROWS,))


if __name__ == "__main__":
    main()
