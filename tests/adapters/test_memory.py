"""The memory's database and accounts: the contract, the machine, and what is their own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hypothesis import HealthCheck, settings

from crm_adapters.memory import MemoryDatabase
from crm_core.ports import Database
from crm_core.testing.contract import DatabaseContract
from crm_core.testing.machine import USERS, assert_agreement


async def memory() -> MemoryDatabase:
    database = MemoryDatabase()
    for number in USERS:
        await database.accounts.add_user(f"user {number}", "!")
    return database


@asynccontextmanager
async def two_memories() -> AsyncIterator[tuple[Database, Database]]:
    yield await memory(), await memory()


class TestMemoryDatabase(DatabaseContract):
    @asynccontextmanager
    async def open(self) -> AsyncIterator[Database]:
        yield await memory()


def test_two_memories_agree() -> None:
    quick = settings(
        max_examples=12,
        stateful_step_count=25,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )

    assert_agreement(two_memories, settings=quick)
