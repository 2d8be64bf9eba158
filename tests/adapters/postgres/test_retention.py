"""Folding in batches: many records, and one with more events than a batch has."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg

from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.feed import PostgresFeed
from crm_adapters.postgres.records.database import PostgresDatabase
from crm_core.engine.retention import MAX_FOLD
from crm_core.model.accounts import SYSTEM
from crm_core.model.records import Key
from crm_core.resources import CLIENTS
from crm_core.use_cases import caller, history, records
from crm_core.use_cases.retention import fold_histories
from tests.postgresql import empty

LONG, MANY = 2 * MAX_FOLD + 7, 2_000
#: More versions of the second one of a record, for it and for records that are gone.
_GROW = """
insert into event (resource, record, version, kind, actor, actor_name, request_id, at, changes)
select resource, record, number, kind, actor, actor_name, request_id, at, changes
from event, generate_series(3, %(last)s) as number where record = %(record)s and version = 2
"""
_OTHERS = """
insert into event (resource, record, version, kind, actor, actor_name, request_id, at, changes)
select resource, id, number, case number when 5 then 'deleted' else kind end, actor, actor_name, request_id, at, changes
from event, (select gen_random_uuid() as id from generate_series(1, %(many)s)) as others,
    generate_series(1, 5) as number
where record = %(record)s and version = 2
"""


def test_long_histories_and_many_are_folded_batch_by_batch(url: str) -> None:
    empty(url)
    asyncio.run(fold_many(url))


async def fold_many(url: str) -> None:
    async with Pool(url) as pool:
        db, feed = PostgresDatabase(pool), PostgresFeed(pool)
        id_, _ = await records.create(db, who := caller(SYSTEM), CLIENTS, {"name": "1"})
        await records.patch(db, who, CLIENTS, id_, {"name": "2"})
        grow(url, id_)
        later = datetime.now(UTC) + timedelta(minutes=1)
        await feed.newest()
        await feed.forget(later)
        assert await fold_histories(db, feed, later, pause=0) == LONG - 1 + 5 * MANY
        [event] = await db.history(Key("client", id_))
        assert (event.version, event.kind) == (LONG, "baseline")
        assert b'"name":"2"' in (await history.version(db, who, CLIENTS, id_, LONG)).body
        await feed.close()
        await db.close()


def grow(url: str, id_: UUID) -> None:
    """Give a record more events, and add records that were deleted, before and after it by id."""
    with psycopg.connect(url) as connection:
        connection.execute(_GROW, {"last": LONG, "record": id_})
        connection.execute(_OTHERS, {"many": MANY, "record": id_})
        connection.execute("update client set version = %s where id = %s", (LONG, id_))
