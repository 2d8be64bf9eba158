"""PostgresOutbox: the contract, and what is PostgreSQL's own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest

from crm_adapters.postgres.outbox import PostgresOutbox
from crm_adapters.postgres.records.database import PostgresDatabase
from crm_adapters.postgres.sql.statements import query
from crm_core.resources import LEADS
from crm_core.testing.outboxes import Opened, OutboxContract, Post
from crm_core.testing.scene import fact
from crm_core.webhooks.attempts import LEASE
from crm_core.webhooks.delivery_log import RETENTION
from tests.adapters.postgres.on_postgres import OnOnePool, empty


class TestPostgresOutbox(OnOnePool, OutboxContract):
    @asynccontextmanager
    async def open_both(self) -> AsyncIterator[Opened]:
        await empty(self.pool)
        outbox = PostgresOutbox(self.pool)
        database = PostgresDatabase(self.pool, outbox.wake)
        yield Opened(database, outbox)
        await database.close()
        await outbox.close()

    async def elapse(self, time: timedelta) -> None:
        """All that is kept becomes older."""
        async with await psycopg.AsyncConnection.connect(self.url) as connection:
            for table, columns in (
                ("delivery", ("next_at", "created_at", "attempted_at", "finished_at")),
                ("endpoint", ("failing_since", "paused_until")),
            ):
                changes = ", ".join(f"{column} = {column} - %(time)s" for column in columns)
                await connection.execute(f"update {table} set {changes}".encode(), {"time": time})
            older = "array(select each - %s from unnest(old_until) as each)"
            await connection.execute(f"update webhook set old_until = {older}".encode(), (time,))

    @fact
    async def test_what_is_sent_anew_this_moment_is_not_cleaned_away(self, post: Post) -> None:
        hook = await post.hook()
        await post.lead()
        attempt = await post.claim_one()
        await post.deliver(attempt)
        await self.elapse(RETENTION["delivered"])
        async with await psycopg.AsyncConnection.connect(self.url) as connection:
            await connection.execute(query("redeliver"), {"webhook": hook, "id": attempt.delivery})
            assert await asyncio.wait_for(post.outbox.clean(), 5) == 0

        assert (await post.claim_one()).delivery == attempt.delivery

    @pytest.mark.parametrize("name", ["claim", "put_off", "record_results", "release"])
    @pytest.mark.parametrize("counted", ["", "delivery", "delivery, webhook, endpoint"])
    @fact
    async def test_its_statements_find_rows_by_the_right_index_among_many(
        self, post: Post, name: str, counted: str
    ) -> None:
        """Also where rows are not counted yet, as autovacuum comes late and to small tables maybe never."""
        await post.hook()
        for _ in range(3):
            await post.patch(LEADS, await post.lead(), name="x")
        async with await psycopg.AsyncConnection.connect(self.url) as connection:
            await connection.execute(
                b"""insert into delivery (
                    id, webhook, record, version, type, method, url, headers, body, state, created_at, finished_at)
                select
                    gen_random_uuid(), webhook, gen_random_uuid(), 1, type, method, url, headers, body, 'delivered',
                    now() - interval '1 hour', now() - interval '1 hour'
                from delivery cross join generate_series(1, 5000) limit 20000"""
            )
            await connection.execute(f"analyze {counted}".encode() if counted else b"select")
            plan = await connection.execute(b"explain " + query(name), PARAMS)
            lines = [line for (line,) in await plan.fetchall()]
        wrong = ("Seq Scan on delivery", "delivery_log", "delivery_finished")
        assert not [line for line in lines if any(each in line for each in wrong)], "\n".join(lines)


SOME = [uuid4(), uuid4()]
PARAMS = {
    "in_flight": SOME[:1],
    "counts": [1],
    "per_healthy": 16,
    "per_failing": 1,
    "limit": 100,
    "lease": LEASE,
    "webhooks": SOME,
    "ids": SOME,
    "claims": [1, 1],
    "states": ["delivered"] * 2,
    "waits": [0.0] * 2,
    "statuses": [200, 200],
    "errors": ["", ""],
    "answers": ["", ""],
    "blamed": [False] * 2,
    "methods": [None] * 2,
    "urls": [None] * 2,
    "headers": [None] * 2,
    **RETENTION,
}
