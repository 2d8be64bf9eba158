"""What reading and restoring history takes: p50 of one caller's calls of the use cases, one after another.

A record with 10,000 versions, and one with 100, in PostgreSQL.
"""

import asyncio
import pathlib
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from uuid import UUID

import psycopg

from crm_adapters.embedded import embedded_server
from crm_adapters.postgres import Pool, PostgresDatabase, migrate
from crm_core.model.accounts import Actor, Caller, User
from crm_core.resources import LEADS
from crm_core.use_cases import caller, history, records, restorations
from crm_core.use_cases.restorations import Target

CALLS = 100
WHO = Actor(user=User(id=1, username="bench"), is_superuser=True)


def main() -> None:
    """Measure on a fresh database."""
    with tempfile.TemporaryDirectory(prefix="crm-bench-") as name:
        place = pathlib.Path(name)
        place.chmod(0o755)
        with embedded_server(place / "database") as url:
            asyncio.run(measure(url))


async def measure(url: str) -> None:
    await migrate(url)
    with psycopg.connect(url) as connection:
        connection.execute("insert into app_user (username, password_hash) values ('bench', '!')")
    async with Pool(url, size=2) as pool:
        db = PostgresDatabase(pool)
        long, short = await lead(db, 10_000), await lead(db, 100)
        await p50("page of 50 of 10,000, first", lambda _: history.find(db, who(), LEADS, long, {}))
        middle = {"cursor": "WyI1MDAwIl0"}  # below version 5,000
        await p50("page of 50 of 10,000, middle", lambda _: history.find(db, who(), LEADS, long, middle))
        await p50("version 100", lambda _: history.version(db, who(), LEADS, short, 100))
        await p50("version 10,000", lambda _: history.version(db, who(), LEADS, long, 10_000), calls=5)

        def restore(number: int) -> Awaitable[object]:
            return restorations.restore(db, who(), Target(LEADS, short, 1 + number % 90), {})

        await p50("restore over 100", restore)


def who() -> Caller:
    return caller(WHO)


async def lead(db: PostgresDatabase, versions: int) -> UUID:
    """A lead with so many versions."""
    id_, _ = await records.create(db, caller(WHO), LEADS, {"name": "0", "list_of_tasks": [{"task": "t"}] * 5})
    for number in range(1, versions):
        await records.patch(db, caller(WHO), LEADS, id_, {"name": str(number)})
    return id_


async def p50(name: str, call: Callable[[int], Awaitable[object]], calls: int = CALLS) -> None:
    taken = []
    for number in range(calls):
        began = time.perf_counter()
        await call(number)
        taken.append(time.perf_counter() - began)
    print(f"{name:<36}{statistics.median(taken) * 1_000:>8.2f} ms")


if __name__ == "__main__":
    main()
