"""PostgresImportRuns: the contract."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest

from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.imports import PostgresImportRuns
from crm_adapters.postgres.records.database import PostgresDatabase
from crm_core.testing import ImportRunsContract, OpenedImports
from tests.postgresql import empty


class TestPostgresImportRuns(ImportRunsContract):
    url: str

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _database(cls, url: str) -> None:
        cls.url = url

    @asynccontextmanager
    async def open_imports(self) -> AsyncIterator[OpenedImports]:
        empty(self.url)
        with psycopg.connect(self.url) as connection:
            connection.execute("truncate import_run cascade")
        async with Pool(self.url) as pool:
            database = PostgresDatabase(pool)
            yield OpenedImports(database, PostgresImportRuns(pool))
            await database.close()
