"""What folding old events into baselines takes: ``python -m tests.bench.retention [EVENTS]``, 100,000 by default.

Ten events of each record become one, in PostgreSQL, batch after batch, as a server does it.
"""

import asyncio
import pathlib
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psutil
import psycopg

from crm_adapters.embedded import embedded_server
from crm_adapters.postgres import Pool, PostgresDatabase, PostgresFeed, migrate
from crm_core.model.accounts import Actor, User
from crm_core.resources import CLIENTS
from crm_core.use_cases import caller, records

EVENTS_OF_EACH = 10
WHO = Actor(user=User(id=1, username="bench"), is_superuser=True)
#: The versions of other records: the first like a record's first, the others like its second.
_COPY = """
with made as materialized (select gen_random_uuid() as id from generate_series(1, %(records)s))
insert into event (resource, record, version, kind, actor, actor_name, request_id, at, changes)
select resource, id, number, kind, actor, actor_name, request_id, at - interval '1 day', changes
from made cross join generate_series(1, %(versions)s) as number join event on event.version = least(number, 2)
where event.record = %(record)s
"""


def main() -> None:
    """Measure on a fresh database."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory(prefix="crm-bench-") as name:
        place = pathlib.Path(name)
        place.chmod(0o755)
        with embedded_server(place / "database") as url:
            asyncio.run(measure(url, events))


async def measure(url: str, events: int) -> None:
    await migrate(url)
    with psycopg.connect(url) as connection:
        connection.execute("insert into app_user (username, password_hash) values ('bench', '!')")
    async with Pool(url, size=2) as pool:
        db = PostgresDatabase(pool)
        id_, _ = await records.create(db, caller(WHO), CLIENTS, {"name": "0", "list_of_notes": [{"note": "n" * 100}]})
        await records.patch(db, caller(WHO), CLIENTS, id_, {"name": "1"})
        with psycopg.connect(url, autocommit=True) as connection:
            sizes = {"records": events // EVENTS_OF_EACH, "versions": EVENTS_OF_EACH, "record": id_}
            connection.execute(_COPY, sizes)
            connection.execute("vacuum analyze event")
        feed = PostgresFeed(pool)
        await feed.newest()
        await feed.forget(datetime.now(UTC) + timedelta(minutes=1))  # what the feed still shows is not folded
        await fold_all(db)
        await db.close()


async def fold_all(db: PostgresDatabase) -> None:
    this = psutil.Process()
    before, used, began = this.memory_info().rss, time.process_time(), time.perf_counter()
    highest, longest, count, after = before, 0.0, 0, UUID(int=0)
    while True:
        batch = time.perf_counter()
        folded = await db.fold(datetime.now(UTC), after)
        longest = max(longest, time.perf_counter() - batch)
        highest, count = max(highest, this.memory_info().rss), count + folded.events
        if folded.last is None:
            break
        after = folded.last
    seconds, used = time.perf_counter() - began, time.process_time() - used
    print(
        f"{count:,} events went in {seconds:.1f} s, of which {used:.1f} s were of this process; the longest batch took "
        f"{longest * 1_000:.0f} ms; this process grew by {(highest - before) / 2**20:.1f} MB"
    )


if __name__ == "__main__":
    main()
