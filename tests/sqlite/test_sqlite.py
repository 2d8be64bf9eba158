"""SqliteDatabase, made from docs/how-to/write-an-adapter.md: the contract, the machine, the documented API on it."""

import contextlib
import itertools
import pathlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import settings

from crm_adapters.memory import MemoryAccounts, MemoryDatabase
from crm_core import Database, DeliveryLog, Feed, ImportRuns
from crm_core.model.accounts import UserChange
from crm_core.testing import (
    DISABLED_USER,
    USERS,
    ArchivesContract,
    DatabaseContract,
    FeedContract,
    ImportRunsContract,
    OpenedArchives,
    OpenedFeed,
    OpenedImports,
    UnavailableContract,
    assert_agreement,
)
from tests.sqlite.database import SqliteDatabase


async def users() -> MemoryAccounts:
    accounts = MemoryAccounts()
    for number in (*USERS, DISABLED_USER):
        await accounts.add_user(f"user {number}", "!")
    await accounts.change_user(DISABLED_USER, UserChange(is_active=False))
    return accounts


@asynccontextmanager
async def opened(path: pathlib.Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(path, await users())
    yield database
    database.close()


class TestSqliteDatabase(DatabaseContract):
    @pytest.fixture(autouse=True)
    def _at(self, tmp_path: pathlib.Path) -> None:
        self.path = tmp_path / "records.sqlite"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Database]:
        async with opened(self.path) as database:
            yield database


class TestSqliteWithoutTables(UnavailableContract):
    @pytest.fixture(autouse=True)
    def _at(self, tmp_path: pathlib.Path) -> None:
        self.path = tmp_path / "records.sqlite"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Database]:
        async with opened(self.path) as database:
            with contextlib.closing(sqlite3.connect(self.path)) as another:
                for (name,) in another.execute("select name from sqlite_master where type = 'table'").fetchall():
                    if not name.startswith("sqlite_"):
                        another.execute(f'drop table "{name}"')
            yield database


def test_memory_and_sqlite_agree(tmp_path: pathlib.Path) -> None:
    files = itertools.count()

    @asynccontextmanager
    async def pair() -> AsyncIterator[tuple[Database, Database]]:
        memory = MemoryDatabase(await users())
        async with opened(tmp_path / f"{next(files)}.sqlite") as sqlite:
            yield memory, sqlite

    def feed_of(database: Database) -> Feed:
        assert isinstance(database, MemoryDatabase | SqliteDatabase)
        return database.feed

    def imports_of(database: Database) -> ImportRuns:
        assert isinstance(database, MemoryDatabase | SqliteDatabase)
        return database.imports

    def deliveries_of(database: Database) -> DeliveryLog:
        assert isinstance(database, MemoryDatabase | SqliteDatabase)
        return database.outbox

    assert_agreement(
        pair,
        feed_of=feed_of,
        deliveries_of=deliveries_of,
        imports_of=imports_of,
        settings=settings(max_examples=5, stateful_step_count=30, derandomize=True, database=None),
    )


class TestSqliteImportRuns(ImportRunsContract):
    @pytest.fixture(autouse=True)
    def _at(self, tmp_path: pathlib.Path) -> None:
        self.path = tmp_path / "records.sqlite"

    @asynccontextmanager
    async def open_imports(self) -> AsyncIterator[OpenedImports]:
        async with opened(self.path) as database:
            yield OpenedImports(database, database.imports)


class TestSqliteArchives(ArchivesContract):
    @pytest.fixture(autouse=True)
    def _at(self, tmp_path: pathlib.Path) -> None:
        self.folder = tmp_path

    @asynccontextmanager
    async def open(self) -> AsyncIterator[OpenedArchives]:
        accounts, nobody = MemoryAccounts(), MemoryAccounts()
        for number in USERS:
            await accounts.add_user(f"user {number}", "!", groups=["Sales"])
        database = SqliteDatabase(self.folder / "records.sqlite", accounts)
        empty = SqliteDatabase(self.folder / "empty.sqlite", nobody)
        yield OpenedArchives(database, database.archives, empty, empty.archives, nobody)
        database.close()
        empty.close()


class TestSqliteFeed(FeedContract):
    @pytest.fixture(autouse=True)
    def _at(self, tmp_path: pathlib.Path) -> None:
        self.path = tmp_path / "records.sqlite"

    @asynccontextmanager
    async def open_feed(self) -> AsyncIterator[OpenedFeed]:
        async with opened(self.path) as database:
            yield OpenedFeed(database, database.feed)
