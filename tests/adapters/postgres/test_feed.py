"""PostgresFeed: the contract, and what is PostgreSQL's own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.feed import PostgresFeed
from crm_adapters.postgres.records.database import PostgresDatabase
from crm_core.testing import FeedContract, OpenedFeed
from tests.postgresql import empty


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[OpenedFeed]:
    empty(url)
    async with Pool(url) as pool:
        feed = PostgresFeed(pool)
        database = PostgresDatabase(pool, feed=feed)
        yield OpenedFeed(database, feed)
        await database.close()
        await feed.close()


class TestPostgresFeed(FeedContract):
    url: str

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _database(cls, url: str) -> None:
        cls.url = url

    @asynccontextmanager
    async def open_feed(self) -> AsyncIterator[OpenedFeed]:
        async with opened(self.url) as both:
            yield both
