"""The contracts of all ports that MariaDB has here, the machine, the API on it, and what is MariaDB's own."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from hypothesis import settings

from crm_adapters.memory import MemoryDatabase
from crm_core import Database, Feed
from crm_core.ports import Users
from crm_core.testing import (
    AccountsContract,
    DatabaseContract,
    FeedContract,
    Opened,
    OpenedFeed,
    OutboxContract,
    UnavailableContract,
    assert_agreement,
)

pytest.importorskip("asyncmy", reason="asyncmy is missing: make adapters installs it")

from tests.mariadb.connection import Pool  # skipped without the driver
from tests.mariadb.database import MariadbDatabase
from tests.mariadb.opened import Stores, opened
from tests.sqlite.test_sqlite import users


class OnMariadb:
    """A class of facts about the stores of a server."""

    address: Mapping[str, str]
    stores: Stores

    @pytest.fixture(autouse=True)
    def _at(self, mariadb: Mapping[str, str]) -> None:
        self.address = mariadb

    @asynccontextmanager
    async def with_users(self) -> AsyncIterator[Stores]:
        async with opened(self.address) as self.stores:
            await self.stores.add_users()
            yield self.stores

    async def elapse(self, time: timedelta) -> None:
        await self.stores.elapse(time)


class TestMariadbDatabase(OnMariadb, DatabaseContract):
    @asynccontextmanager
    async def open(self) -> AsyncIterator[Database]:
        async with self.with_users() as stores:
            yield stores.database


class TestMariadbFeed(OnMariadb, FeedContract):
    @asynccontextmanager
    async def open_feed(self) -> AsyncIterator[OpenedFeed]:
        async with self.with_users() as stores:
            yield OpenedFeed(stores.database, stores.database.feed)


class TestMariadbOutbox(OnMariadb, OutboxContract):
    @asynccontextmanager
    async def open_both(self) -> AsyncIterator[Opened]:
        async with self.with_users() as stores:
            yield Opened(stores.database, stores.database.outbox)


class TestMariadbAccounts(OnMariadb, AccountsContract):
    @asynccontextmanager
    async def open(self) -> AsyncIterator[Users]:
        async with opened(self.address) as self.stores:
            yield self.stores.accounts


class TestMariadbWithoutTables(OnMariadb, UnavailableContract):
    @asynccontextmanager
    async def open(self) -> AsyncIterator[Database]:
        pool = Pool({**self.address, "db": "mysql"})
        yield MariadbDatabase(pool)
        await pool.close()


class TestMariadbThatIsGone(UnavailableContract):
    @asynccontextmanager
    async def open(self) -> AsyncIterator[Database]:
        yield MariadbDatabase(Pool({"unix_socket": "/nowhere", "user": "root"}))


def test_memory_and_mariadb_agree(mariadb: Mapping[str, str]) -> None:
    @asynccontextmanager
    async def pair() -> AsyncIterator[tuple[Database, Database]]:
        memory = MemoryDatabase(await users())
        async with opened(mariadb) as stores:
            await stores.add_users()
            yield memory, stores.database

    def feed_of(database: Database) -> Feed:
        assert isinstance(database, MemoryDatabase | MariadbDatabase)
        return database.feed

    assert_agreement(
        pair,
        feed_of=feed_of,
        settings=settings(max_examples=10, stateful_step_count=30, derandomize=True, database=None),
    )
