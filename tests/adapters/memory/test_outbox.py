"""MemoryOutbox: the contract."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from crm_adapters.memory import MemoryAccounts, MemoryDatabase
from crm_core.testing.machine import USERS
from crm_core.testing.outboxes import Opened, OutboxContract


class TestMemoryOutbox(OutboxContract):
    ahead = timedelta()

    @asynccontextmanager
    async def open_both(self) -> AsyncIterator[Opened]:
        self.ahead = timedelta()
        accounts = MemoryAccounts()
        for number in USERS:
            await accounts.add_user(f"user {number}", "!")
        database = MemoryDatabase(accounts, clock=self.now)
        yield Opened(database, database.outbox)

    async def elapse(self, time: timedelta) -> None:
        self.ahead += time

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead
