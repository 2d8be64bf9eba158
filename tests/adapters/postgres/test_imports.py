"""PostgresImportRuns: the contract."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from crm_adapters.postgres.imports import PostgresImportRuns
from crm_core.testing import ImportRunsContract, OpenedImports
from tests.adapters.postgres.on_postgres import OnOnePool, emptied


class TestPostgresImportRuns(OnOnePool, ImportRunsContract):
    @asynccontextmanager
    async def open_imports(self) -> AsyncIterator[OpenedImports]:
        async with emptied(self.pool) as database:
            yield OpenedImports(database, PostgresImportRuns(self.pool))
