"""Facts about a PostgresDatabase: what several test modules begin with."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.records.database import PostgresDatabase
from crm_core.ports import Database
from crm_core.testing.scene import Facts, OnOneLoop, awaited
from tests.postgresql import emptying


@asynccontextmanager
async def emptied(pool: Pool) -> AsyncIterator[PostgresDatabase]:
    await empty(pool)
    database = PostgresDatabase(pool)
    yield database
    await database.close()


async def empty(pool: Pool) -> None:
    """Take all records away."""
    async with pool.connect() as connection:
        await connection.execute(emptying())


class OnOnePool(OnOneLoop):
    """A class of tests that share a pool, as a connection reads much of the catalogs before it does anything."""

    url: str
    pool: Pool

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _pool(cls, url: str, _run_on_one_loop: None) -> Iterator[None]:
        cls.url, cls.pool = url, Pool(url)
        cls.runner.run(awaited(cls.pool.open()))
        yield
        cls.runner.run(awaited(cls.pool.close()))


class OnPostgres(OnOnePool, Facts):
    """Facts about a PostgresDatabase."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Database]:
        async with emptied(self.pool) as database:
            yield database
