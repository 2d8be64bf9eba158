"""An answer that does not come is given up in time; a frozen server is tried in ``faults/``."""

import asyncio
import time
from collections.abc import Callable

import psycopg
import pytest

from crm_adapters.postgres.connection.pool import Pool
from crm_core.errors import UnavailableError

SLEEP = b"set statement_timeout = 0; select pg_sleep(60)"


def test_an_answer_that_does_not_come_is_given_up_and_the_pool_goes_on(new_database: Callable[[], str]) -> None:
    async def scenario() -> float:
        async with Pool(new_database(), size=1) as pool:
            began = time.monotonic()
            with pytest.raises(UnavailableError) as raised:
                async with pool.connect(answer_timeout=0.2) as connection:
                    await connection.execute(SLEEP)
            took = time.monotonic() - began
            assert isinstance(raised.value.__cause__, psycopg.errors.ConnectionTimeout)
            assert await pool.fetch(b"select 1", {}) == [(1,)]
            return took

    took = asyncio.run(scenario())
    print(f"given up after {took:.2f} s of 0.2 s")
    assert took < 2


def test_what_was_waited_for_in_vain_is_not_asked_again(new_database: Callable[[], str]) -> None:
    asked = []

    async def scenario() -> None:
        async with Pool(new_database(), size=1) as pool:

            async def ask(connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
                asked.append(connection)
                connection.answer_timeout = 0.2  # type: ignore[attr-defined]  # it is the pool's own kind
                await connection.execute(SLEEP)

            with pytest.raises(UnavailableError):
                await pool.reading(ask)

    asyncio.run(scenario())
    assert len(asked) == 1


def test_a_server_that_was_away_for_long_is_used_as_soon_as_it_is_asked_for(
    new_database: Callable[[], str], postgres_url: str
) -> None:
    url = new_database()
    name = url.rpartition("/crm_test")[2].partition("?")[0]

    async def scenario() -> float:
        async with Pool(url, size=1) as pool:
            assert await pool.fetch(b"select 1", {}) == [(1,)]
            rule(postgres_url, name, allow=False)
            deadline = time.monotonic() + 4  # by itself the pool would next look after 8 s
            while time.monotonic() < deadline:
                with pytest.raises(UnavailableError):
                    await pool.fetch(b"select 1", {})
            rule(postgres_url, name, allow=True)
            began = time.monotonic()
            assert await pool.fetch(b"select 1", {}) == [(1,)]
            return time.monotonic() - began

    print(f"used again after {asyncio.run(scenario()):.2f} s")


def rule(postgres_url: str, name: str, *, allow: bool) -> None:
    """Let nobody connect to a database any more, or again."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"alter database crm_test{name} allow_connections {allow}".encode())
        connection.execute(
            f"select pg_terminate_backend(pid) from pg_stat_activity where datname = 'crm_test{name}'".encode()
        )
