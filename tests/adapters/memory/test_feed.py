"""MemoryFeed: the contract."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from crm_adapters.memory import MemoryDatabase
from crm_core.testing import USERS, FeedContract, OpenedFeed


class TestMemoryFeed(FeedContract):
    @asynccontextmanager
    async def open_feed(self) -> AsyncIterator[OpenedFeed]:
        database = MemoryDatabase()
        for number in USERS:
            await database.accounts.add_user(f"user {number}", "!")
        yield OpenedFeed(database, database.feed)
