"""What imports and exports take: each kind of import, an undo, exports, a move of all; and kills at random moments.

Prints the seconds of the commands, with their start, and their processor time, without PostgreSQL's, for a number of
rows with six columns; the highest memory of a process, and how many records are doubled or missing after an import was
killed again and again and resumed each time.
"""

import asyncio
import csv
import os
import pathlib
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping

import psycopg

from crm_adapters.embedded.server import embedded_server
from crm_adapters.postgres.sql.migrations import migrate
from crm_core.model.accounts import SYSTEM
from crm_core.resources import ATTRIBUTES, WEBHOOKS
from crm_core.use_cases import records
from crm_core.use_cases.callers import caller
from crm_http.server.maintenance import import_stores

CRM = pathlib.Path(sys.executable).with_name("crm")
KILLS = 20
COLUMNS: Mapping[str, str] = {"email": "text", "city": "text", "size": "number", "since": "date", "active": "boolean"}


async def prepare(url: str) -> None:
    """Make the schema and the attributes."""
    await migrate(url)
    async with import_stores(url) as stores:
        for name, type_ in COLUMNS.items():
            sent = {"name": name, "label": name, "type": type_, "is_unique": name == "email"}
            id_, _ = await records.create(stores.db, caller(SYSTEM), ATTRIBUTES, sent, parent="client")
            while b'"building"' in (await records.get(stores.db, caller(SYSTEM), ATTRIBUTES, id_)).body:  # noqa: ASYNC110  # another connection builds
                await asyncio.sleep(0.1)  # until its index is there


def write(file: pathlib.Path, count: int, prefix: str) -> None:
    """Write a table of clients."""
    with file.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["name", *COLUMNS])
        rows.writerows(
            [f"{prefix} {number}", f"{prefix}{number}@example.com", "Ulm", number, "2026-01-31", "true"]
            for number in range(count)
        )


def run(folder: pathlib.Path, count: int) -> None:
    """Print all figures."""
    folder.chmod(0o755)
    with embedded_server(folder / "data") as url:
        asyncio.run(prepare(url))
        environment = {**os.environ, "CRM_DATABASE_URL": url}
        file = folder / "clients.csv"
        write(file, count, "a")
        for name, options in {
            "dry run": ["--dry-run"],
            "import": [],
            "upsert, all unchanged": ["--upsert-by", "email"],
        }.items():
            timed(environment, name, count, "import", "clients", str(file), *options)
        undo(url, environment, count)
        asyncio.run(watch(url))
        write(file, count, "w")
        timed(environment, "import, a webhook fires", count, "import", "clients", str(file))
        for format_ in ("csv", "jsonl", "xlsx"):
            timed(environment, f"export, {format_}", count, "export", "clients", str(folder / f"out.{format_}"))
        move(folder, environment, count)
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
        print(f"highest memory of a process: {memory} MB", flush=True)
        if "--no-kills" in sys.argv:
            return
        write(file, count, "b")
        killed(url, environment, ["clients", str(file)])
        print(f"after {KILLS} kills, records by name: {doubled_and_missing(url, count)}", flush=True)


def undo(url: str, environment: Mapping[str, str], count: int) -> None:
    """Undo the first import."""
    with psycopg.connect(url) as connection:
        [(id_,)] = connection.execute('select id::text from import_run where "row" > 0 order by id limit 1').fetchall()
    for name, options in {"dry run of its undo": ["--dry-run"], "undo": []}.items():
        timed(environment, name, count, "import", "--undo", id_, *options)


async def watch(url: str) -> None:
    """Add a webhook that fires for each new client."""
    sent = {"name": "w", "model": "Client", "url": "http://127.0.0.1:9/"}
    async with import_stores(url) as stores:
        await records.create(stores.db, caller(SYSTEM), WEBHOOKS, sent)


def move(folder: pathlib.Path, environment: Mapping[str, str], count: int) -> None:
    """Move everything to another server: the clients that are left, and the events of those that were undone, too."""
    timed(environment, "export all, history", count, "export", "all", str(folder / "all"), "--history")
    with embedded_server(folder / "copy") as url:
        asyncio.run(migrate(url))
        there = {**environment, "CRM_DATABASE_URL": url}
        timed(there, "import all, history", count, "import", "all", str(folder / "all"))


def timed(environment: Mapping[str, str], name: str, count: int, *words: str) -> None:
    """Run the command; print how long it took, and its processor time with that of its children."""
    began, used = time.perf_counter(), processor_time()
    subprocess.run([CRM, *words], env=environment, check=True, capture_output=True)
    seconds, cpu = time.perf_counter() - began, processor_time() - used
    print(f"{count:,} {name:<26}{seconds:6.1f} s, {count / seconds:7,.0f} a second, processor {cpu:.1f} s", flush=True)


def processor_time() -> float:
    """The processor time of the commands that have ended, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def killed(url: str, environment: Mapping[str, str], words: list[str]) -> None:
    """Import a file, killed at random moments and resumed, until it ends by itself."""
    for _ in range(KILLS):
        process = subprocess.Popen([CRM, "import", *words], env=environment, stderr=subprocess.DEVNULL)
        try:
            process.wait(random.uniform(1.0, 4.0))  # noqa: S311  # a moment, no secret
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with psycopg.connect(url) as connection:  # as if the lease were over
            statement = (
                "update import_run set claimed_until = now() where state in ('checking', 'writing') returning id"
            )
            if found := connection.execute(statement.encode()).fetchone():
                words = ["--resume", str(found[0])]
    subprocess.run([CRM, "import", *words], env=environment, check=False, capture_output=True)


def doubled_and_missing(url: str, count: int) -> str:
    """How many of the killed import are there more than once, and how many are not."""
    with psycopg.connect(url) as connection:
        statement = (
            "select count(*), count(distinct document ->> 'name') from client where document ->> 'name' like 'b %'"
        )
        [(all_, distinct)] = connection.execute(statement.encode()).fetchall()
    return f"{all_ - distinct} doubled, {count - distinct} missing"


if __name__ == "__main__":
    run(pathlib.Path(tempfile.mkdtemp()), int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
