"""PostgresArchives: the contract, and what follows an import."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psycopg
import pytest

from crm_adapters.memory import MemoryArchives, MemoryDatabase
from crm_adapters.postgres import Pool, PostgresAccounts, PostgresArchives, PostgresDatabase, PostgresFeed, migrate
from crm_core.errors import ArchiveError, InvalidError
from crm_core.model.records import Key
from crm_core.resources import ATTRIBUTES, CLIENTS
from crm_core.testing import USERS, ArchivesContract, OpenedArchives, fact
from crm_core.testing.archives import Mover
from tests.postgresql import empty


class TestPostgresArchives(ArchivesContract):
    url: str
    empty_url: str

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _databases(cls, url: str, new_database: Callable[[], str]) -> None:
        cls.url = url
        cls.empty_url = new_database()
        asyncio.run(migrate(cls.empty_url))

    @asynccontextmanager
    async def open(self) -> AsyncIterator[OpenedArchives]:
        empty(self.url)
        empty(self.empty_url)
        with psycopg.connect(self.empty_url) as connection:
            connection.execute("delete from app_user")
        async with Pool(self.url) as pool, Pool(self.empty_url) as empty_pool:
            database, there = PostgresDatabase(pool), PostgresDatabase(empty_pool)
            yield OpenedArchives(
                database,
                PostgresArchives(self.url),
                there,
                PostgresArchives(self.empty_url),
                PostgresAccounts(empty_pool),
            )
            await there.close()
            await database.close()

    @fact
    async def test_what_leaves_memory_comes_here_and_goes_back(self, mover: Mover) -> None:
        memory, again = MemoryDatabase(), MemoryDatabase()
        for number in USERS:
            await memory.accounts.add_user(f"user {number}", "!", groups=["Sales"])
        archives = MemoryArchives(memory)
        there = mover.archives_there, mover.users_there
        to_here = Mover(OpenedArchives(memory, archives, mover.there.db, *there))
        to_memory = Mover(OpenedArchives(mover.there.db, there[0], again, MemoryArchives(again), again.accounts))
        await to_here.live()
        left = await to_here.leave(history=True, secrets=True)

        await to_here.arrive(left)
        await to_memory.arrive(await to_memory.leave(history=True, secrets=True))

        assert (await to_memory.leave_again(history=True, secrets=True)).files == left.files

    @fact
    async def test_a_unique_attribute_is_enforced_and_the_feed_has_all_events_after_an_import(
        self, mover: Mover
    ) -> None:
        await mover.create(ATTRIBUTES, "client", name="email", label="E-mail", type="text", is_unique=True)
        await mover.create(CLIENTS, name="Ann", attributes={"email": "ann@example.com"})

        await mover.arrive(await mover.leave(history=True))

        with pytest.raises(InvalidError):
            await mover.there.create(CLIENTS, name="Bob", attributes={"email": "ANN@example.com"})
        async with Pool(self.empty_url, size=2) as pool:
            feed = PostgresFeed(pool)
            page = await feed.read(await feed.oldest(), ["client", "attribute"], 100)
            await feed.close()
        assert page is not None
        assert [event.resource for event in page.events][:2] == ["attribute", "client"]

    @fact
    async def test_records_that_refer_to_nothing_are_one_clear_error(self, mover: Mover) -> None:
        ids = await mover.live()
        async with mover.archives.snapshot() as snapshot:
            services = [record async for page in snapshot.records("service") for record in page]
        assert Key("service", ids["service"]) in {record.key for record in services}

        with pytest.raises(ArchiveError, match=r'cannot keep this: .* "service"'):
            await mover.fill("service", services)
