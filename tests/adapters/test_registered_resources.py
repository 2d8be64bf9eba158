"""A resource of a package of its own keeps the contracts, and memory and PostgreSQL agree on it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import hypothesis
import psycopg
import pytest
from hypothesis.stateful import run_state_machine_as_test

from crm_adapters.memory import MemoryArchives, MemoryDatabase
from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.sql.migrations import migrate
from crm_core.model.accounts import UserChange
from crm_core.ports import Database
from crm_core.testing import (
    DISABLED_USER,
    USERS,
    ArchivesContract,
    DatabaseContract,
    FeedContract,
    OpenedArchives,
    OpenedFeed,
    assert_agreement,
    own_registration,
)
from crm_core.testing.bulk import BulkFacts
from crm_core.testing.erasures import ErasureFacts
from crm_core.testing.histories import HistoryFacts
from crm_core.testing.lists import ListFacts
from crm_core.testing.machine import DatabasesAgree
from crm_core.testing.pairs import Pair
from crm_core.testing.ranges import RangeFacts
from crm_core.testing.records import RecordFacts
from tests.adapters.postgres.on_postgres import OnPostgres, emptied
from tests.examples.invoices.crm_invoices import register_invoices


@pytest.fixture(scope="module", autouse=True)
def _registered() -> Iterator[None]:
    with own_registration():
        register_invoices()
        yield


@pytest.fixture(scope="module")
def url(_registered: None, new_database: Callable[[], str]) -> str:
    url = new_database()
    asyncio.run(migrate(url))
    with psycopg.connect(url) as connection:
        for number in (*USERS, DISABLED_USER):
            connection.execute(
                "insert into app_user (username, password_hash, is_active) values (%s, '!', %s)",
                (f"user {number}", number != DISABLED_USER),
            )
    return url


async def memory() -> MemoryDatabase:
    database = MemoryDatabase()
    for number in (*USERS, DISABLED_USER):
        await database.accounts.add_user(f"user {number}", "!")
    await database.accounts.change_user(DISABLED_USER, UserChange(is_active=False))
    return database


class TestInMemory(DatabaseContract):
    @asynccontextmanager
    async def open(self) -> AsyncIterator[Database]:
        yield await memory()


class TestTheFeedInMemory(FeedContract):
    @asynccontextmanager
    async def open_feed(self) -> AsyncIterator[OpenedFeed]:
        database = await memory()
        yield OpenedFeed(database, database.feed)


class TestArchivesOfMemory(ArchivesContract):
    @asynccontextmanager
    async def open(self) -> AsyncIterator[OpenedArchives]:
        database, empty = MemoryDatabase(), MemoryDatabase()
        for number in USERS:
            await database.accounts.add_user(f"user {number}", "!", groups=["Sales"])
        yield OpenedArchives(database, MemoryArchives(database), empty, MemoryArchives(empty), empty.accounts)


class TestInPostgres(OnPostgres, RecordFacts, ListFacts, RangeFacts, HistoryFacts, ErasureFacts, BulkFacts):
    """The facts that are stated of every resource; the others are tried on memory."""


def test_two_memories_agree() -> None:
    @asynccontextmanager
    async def two_memories() -> AsyncIterator[tuple[Database, Database]]:
        yield await memory(), await memory()

    assert_agreement(two_memories, settings=few(2))


def test_memory_and_postgres_agree(url: str) -> None:
    """The machine's steps alone: what stores usually get wrong does not depend on resources, and takes a while."""

    @asynccontextmanager
    async def pair() -> AsyncIterator[tuple[Database, Database]]:
        async with Pool(url) as pool, emptied(pool) as postgres:
            yield await memory(), postgres

    with asyncio.Runner() as runner:
        run_state_machine_as_test(lambda: DatabasesAgree(Pair(runner, pair)), settings=few(2))  # type: ignore[arg-type]  # any factory


def few(examples: int) -> hypothesis.settings:
    return hypothesis.settings(
        max_examples=examples,
        stateful_step_count=25,
        phases=[hypothesis.Phase.generate],
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
