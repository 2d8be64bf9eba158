"""Statements sent by libpq's own protocol."""

import asyncio
from collections.abc import Callable

from crm_adapters.postgres.connection.pool import Pool


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
