"""What it costs to change an attribute of all records: a rename, a conversion, and their dry runs.

``python -m tests.bench.evolve [HOLDERS] [RECORDS]`` fills an empty database with so many clients, 100,000 and as many
by default, of which the first hold a unique and a plain attribute beside two others. It needs no server.
"""

import asyncio
import os
import pathlib
import sys
import tempfile
import time
from contextlib import AsyncExitStack

import psycopg

from crm_adapters.embedded.server import embedded_server
from crm_adapters.postgres import Pool, PostgresDatabase, migrate
from crm_core.resources import ATTRIBUTES
from crm_core.testing.scene import Scene
from crm_core.use_cases import evolutions
from crm_core.use_cases.evolution_requests import EvolutionKind, Target

HOLDERS = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
RECORDS = int(sys.argv[2]) if len(sys.argv) > 2 else HOLDERS
_FILL = """
insert into client (id, version, document)
select id, 1, format(
    '{{"id":"%s","name":"Client %s","attributes":{{%s"size":%s,"color":"red"}},"list_of_tasks":[],'
    '"list_of_notes":[],"list_of_images":[],"created_at":"2026-01-01T00:00:00Z","created_by":null,'
    '"updated_at":"2026-01-01T00:00:00Z","updated_by":null}}', id, n,
    case when n <= {holders} then format('"code":"%s","key":"k%s",', n % 5000, n) else '' end, n)::json
from (select n, ('01890000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid as id
      from generate_series(1, {records}) as n) as new"""


async def measure(url: str) -> None:
    """Fill a database, and print the seconds of each change."""
    async with AsyncExitStack() as stack:
        pool = Pool(url)
        await pool.open()
        stack.push_async_callback(pool.close)
        db = PostgresDatabase(pool)
        stack.push_async_callback(db.close)
        scene = Scene(db)
        ids = {
            name: await scene.create(ATTRIBUTES, "client", name=name, label=name, type=type_, is_indexed=name == "key")
            for name, type_ in {"code": "text", "key": "text", "size": "number", "color": "text"}.items()
        }
        await asyncio.to_thread(fill, url)
        for kind, name, body in CHANGES:
            began = time.perf_counter()
            report = await evolutions.dry_run(db, scene.who, kind, Target(ids[name]), body)
            middle, used = time.perf_counter(), processor_seconds(url)
            if not report.refusals:
                await evolutions.evolve(db, scene.who, kind, Target(ids[name]), body)
            end, spent = time.perf_counter(), processor_seconds(url) - used
            change = f"{report.records} records {end - middle:.1f} s, of which processor {spent:.1f} s"
            print(f"{kind} {name}: dry run {middle - began:.1f} s, {change}", flush=True)


CHANGES: tuple[tuple[EvolutionKind, str, dict[str, str]], ...] = (
    ("rename", "code", {"name": "number"}),
    ("rename", "key", {"name": "indexed"}),
    ("convert", "code", {"type": "number"}),
)


def processor_seconds(url: str) -> float:
    """Return the processor time of this process and of the server's sessions, which load does not lengthen."""
    with psycopg.connect(url, autocommit=True) as connection:
        pids = connection.execute("select pid from pg_stat_activity where backend_type = 'client backend'").fetchall()
    stats = (pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for (pid,) in pids)
    return time.process_time() + sum(int(each[11]) + int(each[12]) for each in stats) / os.sysconf("SC_CLK_TCK")


def fill(url: str) -> None:
    """Insert the clients."""
    with psycopg.connect(url, autocommit=True) as connection:
        began = time.perf_counter()
        connection.execute(_FILL.format(holders=HOLDERS, records=RECORDS).encode())
        connection.execute("vacuum analyze client")
        print(f"filled in {time.perf_counter() - began:.0f} s")


def main() -> None:
    """Run everything against a server of its own."""
    with tempfile.TemporaryDirectory(prefix="crm-bench-") as name:
        place = pathlib.Path(name)
        place.chmod(0o755)
        with embedded_server(place) as url:
            asyncio.run(_prepared(url))


async def _prepared(url: str) -> None:
    await migrate(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("insert into app_user (username, password_hash) values ('tester', 'x')")
    await measure(url)


if __name__ == "__main__":
    main()
