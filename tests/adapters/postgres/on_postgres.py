"""Facts about a PostgresDatabase: what several test modules begin with."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.records.database import PostgresDatabase
from crm_core.ports import Database
from crm_core.testing.scene import Facts
from tests.postgresql import empty


@asynccontextmanager
async def emptied(url: str) -> AsyncIterator[PostgresDatabase]:
    empty(url)
    pool = Pool(url)
    await pool.open()
    database = PostgresDatabase(pool)
    yield database
    await database.close()
    await pool.close()


class OnPostgres(Facts):
    """Facts about a PostgresDatabase on its own pool."""

    url: str

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _database(cls, url: str) -> None:
        cls.url = url

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Database]:
        async with emptied(self.url) as database:
            yield database
