"""What erasing takes: a client with 10,000 events among 100,000 of others, in PostgreSQL, once."""

import asyncio
import pathlib
import tempfile
import time

import psycopg

from crm_adapters.embedded import embedded_server
from crm_adapters.postgres import Pool, PostgresDatabase, migrate
from crm_core.model.accounts import Actor, User
from crm_core.resources import CLIENTS
from crm_core.use_cases import caller, erasures, records
from crm_core.use_cases.erasures import ErasureTarget

EVENTS = 10_000
WHO = Actor(user=User(id=1, username="bench"), is_superuser=True)
#: More versions of a record like its second.
_COPY = """
insert into event (resource, record, version, kind, actor, actor_name, request_id, at, changes)
select resource, case when %(own)s then record else gen_random_uuid() end, number, kind, actor, actor_name, request_id,
    at, changes
from event, generate_series(3, %(last)s) as number where record = %(record)s and version = 2
"""


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
        id_, _ = await records.create(db, caller(WHO), CLIENTS, {"name": "0"})
        notes = [{"note": "n" * 100}]
        await records.patch(db, caller(WHO), CLIENTS, id_, {"name": "1", "list_of_notes": notes})
        with psycopg.connect(url) as connection:
            connection.execute(_COPY, {"own": True, "last": EVENTS, "record": id_})
            connection.execute(_COPY, {"own": False, "last": EVENTS * 10, "record": id_})
            connection.execute("update client set version = %s where id = %s", (EVENTS, id_))
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("vacuum analyze event")
        began = time.perf_counter()
        await erasures.erase(db, None, caller(WHO), ErasureTarget(CLIENTS, id_))
        print(f"erase of {EVENTS:,} events {time.perf_counter() - began:8.2f} s")


if __name__ == "__main__":
    main()
