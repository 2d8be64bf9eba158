"""MemoryImportRuns: the contract."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from crm_adapters.memory import MemoryDatabase
from crm_core.testing import USERS, ImportRunsContract, OpenedImports


class TestMemoryImportRuns(ImportRunsContract):
    @asynccontextmanager
    async def open_imports(self) -> AsyncIterator[OpenedImports]:
        database = MemoryDatabase()
        for number in USERS:
            await database.accounts.add_user(f"user {number}", "!")
        yield OpenedImports(database, database.imports)
