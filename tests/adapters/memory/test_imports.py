"""MemoryImportRuns: the contract; and undoing what the history does not tell any more."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

from crm_adapters.memory import MemoryDatabase
from crm_core.resources import CLIENTS
from crm_core.testing import USERS, ImportRunsContract, OpenedImports
from crm_core.testing.imports import Importer
from crm_core.use_cases import imports


@asynccontextmanager
async def opened() -> AsyncIterator[OpenedImports]:
    database = MemoryDatabase()
    for number in USERS:
        await database.accounts.add_user(f"user {number}", "!")
    yield OpenedImports(database, database.imports)


class TestMemoryImportRuns(ImportRunsContract):
    @asynccontextmanager
    async def open_imports(self) -> AsyncIterator[OpenedImports]:
        async with opened() as both:
            yield both


def test_changes_that_the_history_does_not_tell_any_more_stay() -> None:
    async def scenario() -> None:
        async with opened() as both:
            importer = Importer(both)
            latest, earlier = [await importer.create(CLIENTS, name=name) for name in "ab"]
            table = [["id", "name"], [str(latest), "A"], [str(earlier), "B"], ["", "C"]]
            run = await importer.load(table, upsert_by="id")
            await importer.patch(CLIENTS, earlier, name="by hand")
            await importer.db.fold(datetime.now(UTC) + timedelta(days=1), UUID(int=0))

            undo = await imports.start_undo(importer.stores.runs, importer.who, run.id)
            undo = await importer.go_on(undo)
            assert (undo.report.reversed, undo.report.kept) == (1, 1)
            assert list((await importer.refused(undo)).values()) == [": The history of this change is no longer kept."]
            assert undo.report.notes == ("Changes of the run that are no longer in the history, and stay: 1.",)
            assert await importer.names() == ["A", "by hand"]

    asyncio.run(scenario())
