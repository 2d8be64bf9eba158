"""The outboxes of both adapters: one contract, and what is PostgreSQL's own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from crm_adapters.memory import MemoryAccounts, MemoryDatabase
from crm_adapters.postgres.database import PostgresDatabase
from crm_adapters.postgres.outbox import PostgresOutbox
from crm_adapters.postgres.pool import Pool
from crm_adapters.postgres.schema import migrate
from crm_core.testing.machine import USERS
from crm_core.testing.outboxes import Opened, OutboxContract
from tests.conftest import empty


class TestMemoryOutbox(OutboxContract):
    ahead = timedelta()

    @asynccontextmanager
    async def open_both(self) -> AsyncIterator[Opened]:
        self.ahead = timedelta()
        accounts = MemoryAccounts()
        for number in USERS:
            await accounts.add_user(f"user {number}", "!")
        database = MemoryDatabase(accounts, clock=self.now)
        yield Opened(database, database.outbox)

    async def elapse(self, time: timedelta) -> None:
        self.ahead += time

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture(scope="module")
def url(new_database: Callable[[], str]) -> str:
    url = new_database()
    asyncio.run(migrate(url))
    with psycopg.connect(url) as connection:
        for number in USERS:
            connection.execute("insert into app_user (username, password_hash) values (%s, '!')", (f"user {number}",))
    return url


class TestPostgresOutbox(OutboxContract):
    url: str

    @pytest.fixture(autouse=True)
    def _use(self, url: str) -> None:
        self.url = url

    @asynccontextmanager
    async def open_both(self) -> AsyncIterator[Opened]:
        empty(self.url)
        pool = Pool(self.url)
        await pool.open()
        outbox = PostgresOutbox(pool)
        database = PostgresDatabase(pool, outbox.wake)
        yield Opened(database, outbox)
        await database.close()
        await outbox.close()
        await pool.close()

    async def elapse(self, time: timedelta) -> None:
        """All that is kept becomes older."""
        async with await psycopg.AsyncConnection.connect(self.url) as connection:
            for table, columns in (
                ("delivery", ("next_at", "created_at", "attempted_at", "finished_at")),
                ("endpoint", ("failing_since", "paused_until")),
                ("webhook", ("previous_until",)),
            ):
                changes = ", ".join(f"{column} = {column} - %(time)s" for column in columns)
                await connection.execute(f"update {table} set {changes}".encode(), {"time": time})
