"""What a page of the agenda takes at 10,000 records and at many, and what the table of tasks costs a write.

``python -m tests.bench.agenda [RECORDS]`` fills two databases with clients and leads, each with three tasks: 10,000 of
them, and 1,000,000 by default. Pages are read from both in turns. Then writes of a record with three tasks, and of one
with a thousand, are measured in turns with a database without the table of tasks.
"""

import http.client
import json
import pathlib
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

import psycopg

from crm_adapters.embedded.server import embedded_server
from crm_adapters.postgres.sql import migrations
from tests.http.conftest import Api, Server, serving

FEW: Final = 10_000
RECORDS: Final = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
REQUESTS: Final = 200
WRITES: Final = 200
MANY_TASKS: Final = 1_000
_BATCH: Final = 50_000
#: User 2 has a tenth of all tasks, and each of the others some.
_USERS: Final = 1_000
PAGES: Final = {
    "all": "",
    "open": "?completed=false",
    "common author": "?user_id=2&completed=false",
    "rare author": "?user_id=77&completed=false",
    "common responsible": "?responsible=2&completed=false",
    "rare responsible": "?responsible=77",
    "overdue of one": "?responsible=2&completed=false&due_before=2026-06-01",
}
_FILL: Final = """
insert into {table} (id, version, document, name, name_folded, searched, attributes, created_at, updated_at{more})
select id, 1, format('{{"id":"%%s","name":"Record %%s","attributes":{{}},"list_of_tasks":[%%s]}}', id, n, tasks)::json,
    'Record ' || n, 'record ' || n, 'record ' || n, '{{}}', now(), now(){value}
from (
    select n, ('01890000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid as id,
        case when n %% 10 = 0 then 2 else 3 + n %% {users} end as person, (
        select string_agg(format(
            '{{"id":"%%s","task":"Call them about the offer of last week","date":%%s,"completed":%%s,'
            '"date_created":"2026-01-01T00:00:00Z","user_id":%%s,"user_name":"Somebody"}}',
            ('01890000-0000-7000-' || lpad(to_hex(32768 + k), 4, '0') || '-' || lpad(to_hex(n), 12, '0')),
            case when n %% 20 = k then 'null'
                else '"' || (date '2026-01-01' + (n * 7 + k * 31) %% 730)::text || '"' end,
            case when (n + k) %% 4 = 0 then 'true' else 'false' end,
            case when n %% 10 = 0 then 2 else 3 + (n + k) %% {users} end), ',')
        from generate_series(1, 3) as k) as tasks
    from generate_series(%s, %s, 2) as n) as new"""


def main() -> None:
    """Measure pages, then writes."""
    with tempfile.TemporaryDirectory(prefix="crm-bench-") as folder, ExitStack() as stack:
        place = pathlib.Path(folder)
        place.chmod(0o755)
        few, many = (stack.enter_context(filled(place / name, n)) for name, n in (("few", FEW), ("many", RECORDS)))
        for what, query in PAGES.items():
            measure_page(what, f"/api/tasks/{query}", few, many)
    with tempfile.TemporaryDirectory(prefix="crm-bench-") as folder, ExitStack() as stack:
        place = pathlib.Path(folder)
        place.chmod(0o755)
        without, with_table = (stack.enter_context(served(place / each, each)) for each in ("without", "with"))
        for tasks in (3, MANY_TASKS):
            measure_writes(tasks, without, with_table)


@contextmanager
def served(place: pathlib.Path, kind: str) -> Iterator[Server]:
    """A server, on a database in which nothing keeps the tasks if it is ``without``."""
    with embedded_server(place) as url, serving(url, place / "served") as server:
        if kind == "without":
            take_away(url)
        yield server


def take_away(url: str) -> None:
    """Make the triggers as they were before the table of tasks."""
    earlier = (pathlib.Path(migrations.__file__).parent / "0012_columns.sql").read_text("utf-8")
    with psycopg.connect(url) as connection:
        for table in ("client", "service", "lead"):
            [function] = re.findall(rf"create function {table}_columns\(\).*?\nend \$\$;", earlier, re.DOTALL)
            connection.execute(function.replace("create function", "create or replace function").encode())
            for trigger in ("tasks", "tasks_changed", "tasks_gone", "tasks_emptied"):
                connection.execute(f"drop trigger {table}_{trigger} on {table}".encode())


@contextmanager
def filled(place: pathlib.Path, count: int) -> Iterator[Server]:
    """A server on so many records, each with its columns as the triggers would set them."""
    with embedded_server(place) as url, serving(url, place / "served") as server:
        began = time.perf_counter()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                b"insert into app_user (username, password_hash) select 'u' || n, '!' from generate_series(1, %d) as n"
                % (_USERS + 5)
            )
            for offset, table in enumerate(("client", "lead")):
                fill(connection, table, offset, count)
            refill(connection)
            connection.execute("vacuum analyze")
            [[size]] = connection.execute("select pg_size_pretty(pg_total_relation_size('task'))").fetchall()
        print(f"{count:,} records in {time.perf_counter() - began:.0f} s; the table of tasks has {size}")
        yield server


def fill(connection: psycopg.Connection[Any], table: str, offset: int, count: int) -> None:
    """Insert every second record without the indexes that the agenda does not read, nor triggers."""
    find = "select indexname from pg_indexes where tablename = %s and indexname not like '%%pkey'"
    for (index,) in connection.execute(find, (table,)).fetchall():
        connection.execute(f"drop index {index}".encode())
    connection.execute(f"alter table {table} disable trigger user".encode())
    more, value = (", responsible", ", person") if table == "lead" else ("", "")
    statement = _FILL.format(table=table, more=more, value=value, users=_USERS)
    for start in range(1, count + 1, _BATCH):
        connection.execute((statement % (start + offset, min(start + _BATCH - 1, count))).encode())
    connection.execute(f"alter table {table} enable trigger user".encode())


def refill(connection: psycopg.Connection[Any]) -> None:
    """Fill the table of tasks as the migration does, and print how long that takes."""
    text = (pathlib.Path(migrations.__file__).parent / "0021_agenda.sql").read_text("utf-8")
    [statement] = re.findall(r"\$fill\$(.*?)\$fill\$", text, re.DOTALL)
    indexes = re.findall(r"^create index (task_\w+)([^;]*);", text, re.MULTILINE)
    began = time.perf_counter()
    for name, _ in indexes:
        connection.execute(f"drop index {name}".encode())
    for table in ("client", "lead"):
        filling = statement.replace("%1$L", f"'{table}'").replace("%1$I", table)
        connection.execute(filling.replace("%2$s", "responsible" if table == "lead" else "null").encode())
    for name, rest in indexes:
        connection.execute(f"create index {name}{rest}".encode())
    print(f"the migration fills the table in {time.perf_counter() - began:.1f} s")


def measure_page(what: str, path: str, few: Server, many: Server) -> None:
    """Print the p50 of a page of 50 from each database, read in turns."""
    sides = [Connection(server, server.api().token) for server in (few, many)]
    taken = [[side.seconds("GET", path) for side in sides] for _ in range(REQUESTS)]
    small, large = (1_000 * statistics.median(each) for each in zip(*taken, strict=True))
    print(f"{what:<20} p50 {small:.2f} ms at {FEW:,}, {large:.2f} ms at {RECORDS:,}: {large / small:.2f}")


def measure_writes(tasks: int, without: Server, with_table: Server) -> None:
    """Print what the table of tasks costs writes of a record with so many tasks."""
    sides = [Written(server.api(), server, tasks) for server in (without, with_table)]
    for what in ("update-task", "PATCH"):
        taken = [[side.seconds(what, turn) for side in sides] for turn in range(WRITES)]
        before, after = (1_000 * statistics.median(each) for each in zip(*taken, strict=True))
        print(f"{tasks:>5} tasks, {what:<12} p50 {before:.2f} ms without, {after:.2f} ms with: {after / before:.3f}")


class Connection:
    """Sends requests one after the other."""

    def __init__(self, server: Server, token: str) -> None:
        self._headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

    def seconds(self, method: str, path: str, body: object = None) -> float:
        began = time.perf_counter()
        self._connection.request(method, path, None if body is None else json.dumps(body), self._headers)
        answer = self._connection.getresponse()
        text = answer.read()
        assert answer.status == 200, text
        return time.perf_counter() - began


class Written:
    """A record that is written again and again."""

    def __init__(self, api: Api, server: Server, tasks: int) -> None:
        sent = [{"task": f"Call them about the offer {number}", "date": "2026-01-31"} for number in range(tasks)]
        made = api.make("/api/clients/", name="a", list_of_tasks=sent)
        self._place, self._tasks = f"/api/clients/{made['id']}/", made["list_of_tasks"]
        self._connection = Connection(server, api.token)

    def seconds(self, what: str, turn: int) -> float:
        if what == "PATCH":
            return self._connection.seconds("PATCH", self._place, {"name": f"b {turn}"})
        task = self._tasks[turn % len(self._tasks)]["id"]
        sent = {"task_id": task, "completed": turn % (2 * len(self._tasks)) < len(self._tasks)}
        return self._connection.seconds("POST", f"{self._place}update-task/", sent)


if __name__ == "__main__":
    main()
