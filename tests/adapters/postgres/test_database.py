"""PostgresDatabase: the contract, agreement with memory, and what is PostgreSQL's own."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psycopg
import pytest
from hypothesis import Phase, settings

from crm_adapters.memory import MemoryDatabase
from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.feed import PostgresFeed
from crm_adapters.postgres.imports import PostgresImportRuns
from crm_adapters.postgres.outbox import PostgresOutbox
from crm_adapters.postgres.records.database import PostgresDatabase
from crm_adapters.postgres.sql.list_queries import MAX_PAGE_BYTES
from crm_core.engine.queries import Page
from crm_core.errors import InvalidError
from crm_core.ports import Database, DeliveryLog, Feed, ImportRuns
from crm_core.resources import CLIENTS
from crm_core.testing.contract import DatabaseContract
from crm_core.testing.machine import USERS, assert_agreement
from crm_core.testing.scene import Scene, fact
from crm_core.testing.unavailability import UnavailableContract
from crm_core.use_cases import records
from tests.adapters.postgres.on_postgres import OnPostgres, emptied


class TestPostgresDatabase(OnPostgres, DatabaseContract):
    pass


def test_memory_and_postgres_agree(url: str) -> None:
    @asynccontextmanager
    async def pair() -> AsyncIterator[tuple[Database, Database]]:
        memory = MemoryDatabase()
        for number in USERS:
            await memory.accounts.add_user(f"user {number}", "!")
        async with Pool(url) as pool, emptied(pool) as postgres:
            feeds[:] = [PostgresFeed(pool)]
            pools[:] = [pool]
            yield memory, postgres
            await feeds[0].close()

    feeds: list[PostgresFeed] = []
    pools: list[Pool] = []

    def feed_of(database: Database) -> Feed:
        return database.feed if isinstance(database, MemoryDatabase) else feeds[0]

    def deliveries_of(database: Database) -> DeliveryLog:
        return database.outbox if isinstance(database, MemoryDatabase) else PostgresOutbox(pools[0])

    def imports_of(database: Database) -> ImportRuns:
        return database.imports if isinstance(database, MemoryDatabase) else PostgresImportRuns(pools[0])

    assert_agreement(
        pair,
        feed_of=feed_of,
        deliveries_of=deliveries_of,
        imports_of=imports_of,
        settings=settings(
            max_examples=10, stateful_step_count=30, phases=[Phase.generate], derandomize=True, database=None
        ),
    )


class TestWithoutTables(UnavailableContract):
    url: str

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _database(cls, new_database: Callable[[], str]) -> None:
        cls.url = new_database()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Database]:
        async with Pool(self.url) as pool:
            database = PostgresDatabase(pool)
            yield database
            await database.close()


class TestOnAConnectionOfTheCallers(OnPostgres):
    @fact
    async def test_it_commits_and_rolls_back_with_the_callers_transaction(self, scene: Scene) -> None:
        async with await psycopg.AsyncConnection.connect(self.url) as connection:
            mine = Scene(PostgresDatabase.on(connection))
            kept = await mine.create(CLIENTS, name="kept")
            await connection.commit()
            lost = await mine.create(CLIENTS, name="lost")
            assert await mine.found(CLIENTS) == [lost, kept]
            await connection.rollback()

        assert await scene.found(CLIENTS) == [kept]

    @fact
    async def test_it_leaves_the_settings_of_the_callers_session_alone(self, scene: Scene) -> None:  # noqa: ARG002  # empties
        async with await psycopg.AsyncConnection.connect(self.url) as connection:
            await Scene(PostgresDatabase.on(connection)).create(CLIENTS, name="a")
            for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
                cursor = await connection.execute("select current_setting(%s)", (name,))
                assert await cursor.fetchone() == ("0",)

    @fact
    async def test_a_refused_change_leaves_the_transaction_usable(self, scene: Scene) -> None:
        async with await psycopg.AsyncConnection.connect(self.url) as connection:
            mine = Scene(PostgresDatabase.on(connection))
            first = await mine.create(CLIENTS, name="a")
            with pytest.raises(InvalidError):
                await mine.patch(CLIENTS, first, name="")
            await mine.patch(CLIENTS, first, name="b")

        assert (await scene.value(CLIENTS, first)).name == "b"


class TestLargeRecords(OnPostgres):
    @fact
    async def test_a_list_of_large_records_comes_in_pieces_of_bounded_size(self, scene: Scene) -> None:
        notes = [{"note": "x" * 10_000}] * 90
        made = [await scene.create(CLIENTS, name=str(number), list_of_notes=notes) for number in range(20)]

        _, pieces = await records.find(scene.db, scene.who, CLIENTS, {})
        assert not isinstance(pieces, Page)
        sizes = [len(piece) async for piece in pieces]
        assert sum(sizes) > 2 * MAX_PAGE_BYTES
        assert max(sizes) <= MAX_PAGE_BYTES + 100
        assert await scene.found(CLIENTS) == made[::-1]

        _, page = await records.find(scene.db, scene.who, CLIENTS, {"limit": "20"})
        assert isinstance(page, Page)
        assert page.next is not None
        assert len(page.body) <= MAX_PAGE_BYTES + 100
