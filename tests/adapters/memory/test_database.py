"""The memory's database and accounts: the contract, the machine, and what is their own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from hypothesis import Phase, settings

from crm_adapters.memory import MemoryDatabase
from crm_core.engine.changes import Changes
from crm_core.engine.queries import Query
from crm_core.model.accounts import UserChange
from crm_core.ports import Database, DeliveryLog, ImportRuns
from crm_core.resources import ATTRIBUTES, CLIENTS, SERVICES
from crm_core.rules.needs import Known, Needs, Steps
from crm_core.testing.accounts import add_token
from crm_core.testing.contract import DatabaseContract
from crm_core.testing.machine import DISABLED_USER, USERS, assert_agreement
from crm_core.testing.scene import Scene

START = datetime(2026, 1, 1, tzinfo=UTC)


async def memory() -> MemoryDatabase:
    database = MemoryDatabase()
    for number in (*USERS, DISABLED_USER):
        await database.accounts.add_user(f"user {number}", "!")
    await database.accounts.change_user(DISABLED_USER, UserChange(is_active=False))
    return database


class TestMemoryDatabase(DatabaseContract):
    @asynccontextmanager
    async def open(self) -> AsyncIterator[Database]:
        yield await memory()


@asynccontextmanager
async def two_memories() -> AsyncIterator[tuple[Database, Database]]:
    yield await memory(), await memory()


def imports_of(database: Database) -> ImportRuns:
    assert isinstance(database, MemoryDatabase)
    return database.imports


def deliveries_of(database: Database) -> DeliveryLog:
    assert isinstance(database, MemoryDatabase)
    return database.outbox


def test_two_memories_agree() -> None:
    assert_agreement(
        two_memories,
        deliveries_of=deliveries_of,
        imports_of=imports_of,
        settings=settings(
            max_examples=5, stateful_step_count=30, phases=[Phase.generate], derandomize=True, database=None
        ),
    )


def test_events_are_kept_in_order() -> None:
    async def happened() -> list[tuple[str, int, str]]:
        scene = Scene(database := await memory())
        client = await scene.create(CLIENTS, name="a")
        service = await scene.create(SERVICES, name="s", client=client)
        await scene.patch(CLIENTS, client, name="b")
        await scene.patch(CLIENTS, client, name="b")
        await scene.delete(SERVICES, service)
        return [(event.resource, event.version, event.kind) for event in database.events]

    assert asyncio.run(happened()) == [
        ("client", 1, "created"),
        ("service", 1, "created"),
        ("client", 2, "updated"),
        ("service", 2, "deleted"),
    ]


def test_what_a_decision_knows_is_not_read_again() -> None:
    class CountingDatabase(MemoryDatabase):
        reads = 0

        def _read(self, needs: Needs) -> Known:
            self.reads += 1
            return super()._read(needs)

    def decide() -> Steps[Changes]:
        first = yield Needs(catalogs={"client": None})
        assert (yield Needs(catalogs={"client": 1})) == first
        return Changes()

    asyncio.run((database := CountingDatabase()).change(decide))

    assert database.reads == 1


def test_a_page_without_a_limit_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="limit"):
        asyncio.run(MemoryDatabase().page(Query(resource=CLIENTS)))


def test_a_token_comes_with_the_catalog_versions() -> None:
    async def versions() -> list[object]:
        scene = Scene(database := await memory())
        token = await add_token(database.accounts, USERS[0])
        before = await database.accounts.authenticate(token)
        await scene.create(ATTRIBUTES, "lead", name="n", label="l", type="text")
        after = await database.accounts.authenticate(token)
        return [before and before[1], after and after[1], (await scene.catalog("lead")).version]

    assert asyncio.run(versions()) == [
        {"client": 1, "service": 1, "lead": 1, "follow_up": 1},
        {"client": 1, "service": 1, "lead": 2, "follow_up": 1},
        2,
    ]
