"""A resource of a package of its own has all that the CRM's own resources have."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import psycopg
import pytest

from crm_adapters.memory import MemoryDatabase
from crm_adapters.postgres.sql.migrations import migrate
from crm_core.model.accounts import UserChange
from crm_core.ports import Database
from crm_core.testing import DISABLED_USER, USERS, DatabaseContract, assert_agreement, own_registration
from tests.adapters.postgres.on_postgres import emptied
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


class TestInPostgres(DatabaseContract):
    url: str

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _database(cls, url: str) -> None:
        cls.url = url

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Database]:
        async with emptied(self.url) as database:
            yield database


def test_memory_and_postgres_agree(url: str) -> None:
    @asynccontextmanager
    async def pair() -> AsyncIterator[tuple[Database, Database]]:
        async with emptied(url) as postgres:
            yield await memory(), postgres

    assert_agreement(pair)
