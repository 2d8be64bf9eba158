"""MemoryArchives: the contract."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from crm_adapters.memory import MemoryArchives, MemoryDatabase
from crm_core.testing import USERS, ArchivesContract, OpenedArchives


class TestMemoryArchives(ArchivesContract):
    @asynccontextmanager
    async def open(self) -> AsyncIterator[OpenedArchives]:
        database, empty = MemoryDatabase(), MemoryDatabase()
        for number in USERS:
            await database.accounts.add_user(f"user {number}", "!", groups=["Sales"])
        yield OpenedArchives(database, MemoryArchives(database), empty, MemoryArchives(empty), empty.accounts)
