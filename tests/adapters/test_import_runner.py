"""ImportRunner: it carries out runs until it is stopped, and nothing that fails ends it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from uuid import UUID

import attrs
import pytest

from crm_adapters.memory import MemoryAccounts, MemoryDatabase, MemoryImportRuns
from crm_adapters.memory.accounts import utc_now
from crm_core.engine.decision_runs import Decide
from crm_core.engine.receipts import Document
from crm_core.errors import InUseError, NotFoundError, UnavailableError
from crm_core.imports.options import read_options
from crm_core.imports.runs import BATCH_ROWS, ImportRun, State
from crm_core.model.accounts import SYSTEM, Actor, User
from crm_core.model.permissions import PERMISSIONS
from crm_core.model.records import Key
from crm_core.ports import AfterCommit
from crm_core.resources import CLIENTS, Resource
from crm_core.testing import own_registration
from crm_core.testing.imports import Table, Tables, rows
from crm_core.use_cases import ImportRunner, ImportStores, caller, import_requests, imports
from crm_core.use_cases.records import create
from tests.examples.invoices.crm_invoices import INVOICES, register_invoices

ROWS = BATCH_ROWS + 1


class Referred(MemoryDatabase):
    """Records to which a table of no resource refers, once it has a name, as foreign keys of PostgreSQL can."""

    table: str | None = None

    async def change(self, decide: Decide) -> Document | None:
        if self.table is not None:
            raise InUseError.by_table(self.table)
        return await super().change(decide)

    async def foreign_referrer(self, keys: Collection[Key]) -> str | None:
        return self.table if keys else None


class Work:
    """A database in memory with a user, and files that are sent."""

    def __init__(self, after_commit: AfterCommit = lambda _: None) -> None:
        self.accounts = MemoryAccounts()
        self.database = Referred(self.accounts, after_commit=after_commit)
        self.tables = Tables()
        self.stores = ImportStores(self.database, self.database.imports, self.tables)

    async def send(self, table: Table, resource: Resource = CLIENTS) -> ImportRun:
        id_ = await self.accounts.add_user(f"user {len(table)}", "!", is_superuser=True)
        assert id_
        actor = await self.accounts.actor_of(id_)
        assert actor
        self.tables.files["a"] = table
        options = read_options({"format": "csv"})
        return await imports.start(self.stores, caller(actor), resource, "a", options, keep=True)

    async def state(self, run: ImportRun) -> State:
        return (await imports.get(self.stores.runs, run.id)).state


@asynccontextmanager
async def running(runner: ImportRunner) -> AsyncIterator[None]:
    """Let a runner run for as long as the block, then stop it and wait for its end."""
    task = asyncio.create_task(runner.run())
    async with asyncio.timeout(60):
        yield
        runner.stop()
        await task


async def until(is_reached: Callable[[], Awaitable[bool]]) -> None:
    while not await is_reached():  # noqa: ASYNC110  # the store has no events
        await asyncio.sleep(0)


def test_a_stopped_runner_ends_after_its_batch_and_another_goes_on_at_once() -> None:
    async def main() -> None:
        work = Work(after_commit=lambda _: runner.stop())
        runner = ImportRunner(work.stores, work.accounts)
        run = await work.send(rows(ROWS))
        async with asyncio.timeout(60):
            await runner.run()
        stopped = await imports.get(work.stores.runs, run.id)
        assert (stopped.state, stopped.row, len(work.database.events)) == ("writing", BATCH_ROWS + 1, BATCH_ROWS)

        ended = await ImportRunner(work.stores, work.accounts).run_next()
        assert ended
        assert (ended.state, ended.report.created, len(work.database.events)) == ("done", ROWS, ROWS)

    asyncio.run(main())


def test_a_runner_that_is_woken_begins_at_once_and_carries_out_all_runs() -> None:
    async def main() -> None:
        work = Work()
        runner = ImportRunner(work.stores, work.accounts, poll=3_600)
        async with running(runner):
            await asyncio.sleep(0)
            sent = [await work.send(rows(count)) for count in (1, 2)]
            runner.wake()

            async def are_done() -> bool:
                return [await work.state(run) for run in sent] == ["done", "done"]

            await until(are_done)

    asyncio.run(main())


def test_no_error_ends_a_runner() -> None:
    class Failing(MemoryImportRuns):
        def __init__(self) -> None:
            super().__init__(utc_now)
            self.errors = [UnavailableError(), ValueError("x")]

        async def claim_next(self, claim: UUID, seconds: float) -> ImportRun | None:
            if self.errors:
                raise self.errors.pop()
            return await super().claim_next(claim, seconds)

    async def main() -> None:
        work = Work()
        work.database.imports = runs = Failing()
        work.stores = ImportStores(work.database, runs, work.tables)
        run = await work.send(rows(1))
        runner = ImportRunner(work.stores, work.accounts)
        async with running(runner):

            async def is_done() -> bool:
                runner.wake()  # or it would wait some seconds after each error
                return await work.state(run) == "done"

            await until(is_done)

    asyncio.run(main())


def test_a_run_that_fails_whatever_is_tried_keeps_no_other_waiting() -> None:
    async def main() -> None:
        work = Work()
        broken, sound = [await work.send(rows(count)) for count in (1, 2)]

        async def carry_out(run: ImportRun, claim: UUID, _: asyncio.Event) -> ImportRun:
            if run.id == broken.id:
                await work.stores.runs.release(run.id, claim)
                raise UnavailableError
            return run

        runner = ImportRunner(work.stores, work.accounts, carry_out=carry_out)
        with pytest.raises(UnavailableError):
            await runner.run_next()
        tried = await runner.run_next()
        assert tried
        assert tried.id == sound.id
        assert await work.state(broken) == "checking"

    asyncio.run(main())


def test_a_batch_that_does_not_end_in_time_is_given_up_and_its_run_is_free() -> None:
    class Hanging(Tables):
        def __init__(self) -> None:
            super().__init__()
            self.is_asked = asyncio.Event()

        @asynccontextmanager
        async def written(self, content: AsyncIterator[bytes]) -> AsyncIterator[str]:
            async with super().written(content) as path:
                self.is_asked.set()
                await asyncio.Event().wait()
                yield path

    async def main() -> None:
        work = Work()
        await work.send(rows(1))
        hanging = Hanging()
        stores = ImportStores(work.database, work.stores.runs, hanging)
        async with running(ImportRunner(stores, work.accounts, grace=0)):
            await hanging.is_asked.wait()
        ended = await ImportRunner(work.stores, work.accounts).run_next()
        assert ended
        assert ended.state == "done"

    asyncio.run(main())


INVOICE: Table = [["number", "amount", "client"], ["7", "1.00", "Acme"]]
MISSING = ("", "unregistered", 1, ((0, "This belongs to invoice, which no package registers here."),))


def without_package(work: Work) -> ImportRunner:
    """Return a runner of a process in which a package is missing that was there when runs were begun."""
    database = MemoryDatabase(work.accounts)
    database.events += work.database.events
    return ImportRunner(ImportStores(database, work.stores.runs, work.tables), work.accounts)


def test_a_run_ends_if_the_package_of_its_resource_is_missing() -> None:
    async def main() -> None:
        with own_registration():
            register_invoices()
            work = Work()
            await work.send(INVOICE, INVOICES)
        ended = await without_package(work).run_next()
        assert ended
        assert ended.state == "refused"
        assert [attrs.astuple(each) for each in ended.report.problems] == [MISSING]
        assert await without_package(work).run_next() is None

    asyncio.run(main())


def test_an_undo_ends_if_the_package_of_its_resource_is_missing() -> None:
    async def main() -> None:
        with own_registration():
            register_invoices()
            work = Work()
            await create(work.database, caller(SYSTEM), CLIENTS, {"name": "Acme"})
            await work.send(INVOICE, INVOICES)
            run = await ImportRunner(work.stores, work.accounts).run_next()
            assert run
            assert run.state == "done"
            actor = await work.accounts.actor_of(run.user)
            assert actor
            await imports.start_undo(work.stores.runs, caller(actor), run.id, queue=True)
        ended = await without_package(work).run_next()
        assert ended
        assert ended.state == "refused"
        assert [attrs.astuple(each) for each in ended.report.problems] == [MISSING]

    asyncio.run(main())


@pytest.mark.parametrize("dry_run", [True, False])
def test_an_undo_ends_if_records_of_a_package_that_is_missing_refer_to_its_records(dry_run: bool) -> None:  # noqa: FBT001  # a parameter
    async def main() -> None:
        work = Work()
        await work.send(rows(1))
        run = await ImportRunner(work.stores, work.accounts).run_next()
        assert run
        actor = await work.accounts.actor_of(run.user)
        assert actor
        await imports.start_undo(work.stores.runs, caller(actor), run.id, dry_run=dry_run, queue=True)
        work.database.table = "invoice"
        ended = await ImportRunner(work.stores, work.accounts).run_next()
        assert ended
        assert ended.state == "refused"
        reason = "This record is referred to by the table invoice, which is of no resource here."
        assert [attrs.astuple(each) for each in ended.report.problems] == [("", "in_use", 1, ((0, reason),))]

    asyncio.run(main())


def test_the_list_of_imports_leaves_out_those_of_a_package_that_is_missing() -> None:
    async def main() -> None:
        with own_registration():
            register_invoices()
            work = Work()
            run = await work.send(INVOICE, INVOICES)
        who = caller(Actor(user=User(id=run.user, username="ann"), permissions=frozenset(PERMISSIONS)))
        assert (await import_requests.find(work.stores.runs, who, {})).imports == []
        with pytest.raises(NotFoundError):
            await import_requests.status(work.stores.runs, who, run.id)

    asyncio.run(main())
