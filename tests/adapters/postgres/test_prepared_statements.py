"""Statements sent by libpq's own protocol."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext

import pytest
from psycopg.rows import dict_row

from crm_adapters.postgres import PostgresDatabase
from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.connection.session import Connection
from crm_core.embedding import Crm
from crm_core.model.accounts import SYSTEM


def test_a_statement_cancelled_when_it_is_first_run_spoils_no_connection(new_database: Callable[[], str]) -> None:
    async def scenario() -> int:
        cancelled = 0
        async with Pool(new_database(), size=1) as pool:
            for number in range(30):
                asked = asyncio.create_task(pool.fetch(b"select pg_sleep(0), %d" % number, {}))
                for _ in range(number % 10):
                    await asyncio.sleep(0)
                asked.cancel()
                [answer] = await asyncio.gather(asked, return_exceptions=True)
                cancelled += answer != [("", number)]
                assert await pool.fetch(b"select 'another', %d" % number, {}) == [("another", number)]
        return cancelled

    assert asyncio.run(scenario()) > 10


def test_statements_of_others_and_a_drop_on_the_same_connection_leave_them_prepared(
    new_database: Callable[[], str],
) -> None:
    """After a DROP psycopg deallocates all statements, if it has prepared one by itself."""

    async def scenario() -> None:
        async with Pool(new_database(), size=1) as pool:
            assert await pool.fetch(b"select %(n)b::bigint", {"n": 1}) == [(1,)]
            async with pool.connect() as connection:
                for _ in range(9):
                    await connection.execute("select 1")
                await connection.execute("create table dropped ()")
                await connection.execute("drop table dropped")
                await connection.execute("select 1")
            assert await pool.fetch(b"select %(n)b::bigint", {"n": 2}) == [(2,)]

    asyncio.run(scenario())


async def _drop(connection: Connection) -> None:
    await connection.execute("create table dropped ()")
    await connection.execute("drop table dropped")


async def _prepare(connection: Connection) -> None:
    await connection.execute("select 1", prepare=True)


async def _execute_many(connection: Connection) -> None:
    async with connection.cursor() as cursor:
        await cursor.executemany("select %s::int", [[1], [2]])


async def _deallocate(connection: Connection) -> None:
    await connection.execute("deallocate all")


async def _set_row_factory(connection: Connection) -> None:
    connection.row_factory = dict_row  # type: ignore[assignment]  # as a user of another one has it


@pytest.mark.parametrize("do", [_drop, _prepare, _execute_many, _deallocate, _set_row_factory])
@pytest.mark.parametrize("is_committed", [True, False])
def test_whatever_a_transaction_of_an_embedder_does_the_pool_serves_its_connection_again(
    url: str, do: Callable[[Connection], Awaitable[None]], *, is_committed: bool
) -> None:
    async def scenario() -> None:
        async with Pool(url, size=1) as pool:
            database = PostgresDatabase(pool)
            crm = Crm(database).as_(SYSTEM)
            client = await crm.clients.create(name="before")
            with nullcontext() if is_committed else pytest.raises(ZeroDivisionError):
                async with pool.transaction() as connection:
                    await Crm(PostgresDatabase.on(connection)).as_(SYSTEM).clients.create(name="within")
                    await do(connection)
                    assert is_committed or 1 / 0
            assert (await crm.clients.change(client.id, name="after")).name == "after"
            await database.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("do", [_drop, _prepare, _execute_many])
def test_records_change_after_whatever_else_a_transaction_of_an_embedder_does(
    url: str, do: Callable[[Connection], Awaitable[None]]
) -> None:
    async def scenario() -> None:
        async with Pool(url, size=1) as pool, pool.transaction() as connection:
            crm = Crm(PostgresDatabase.on(connection)).as_(SYSTEM)
            client = await crm.clients.create(name="before")
            await do(connection)
            await _drop(connection)
            assert (await crm.clients.change(client.id, name="after")).name == "after"

    asyncio.run(scenario())
