"""The pool: lost hosts, the settings of its sessions, and the connections that it replaces after a failover."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from crm_adapters.postgres.connection.options import connect
from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.connection.session import SETTINGS, Connection, fetch
from crm_core.errors import UnavailableError

WRITE = b"update app_user set email = '' returning id"


def run(url: str, fact: Callable[[Pool], Awaitable[None]], size: int = 2) -> None:
    async def with_pool() -> None:
        async with Pool(url, size=size) as pool:
            await fact(pool)

    asyncio.run(with_pool())


def test_a_host_that_is_gone_is_passed_over(url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    known = conninfo_to_dict(url)
    both = make_conninfo(url, host=f"127.0.0.1,{known['host']}", port=f"{port},{known.get('port', 5432)}")

    async def fact(pool: Pool) -> None:
        assert await pool.fetch(WRITE, {})
        async with await connect(both) as connection:
            assert await fetch(connection, WRITE, {})

    run(both, fact)


def test_our_settings_hold_but_for_those_of_the_urls_options(url: str) -> None:
    names = [name for name in SETTINGS if name != "timezone"]

    async def fact(pool: Pool) -> None:
        rows = await pool.fetch(
            b"select current_setting(name) from unnest(%(names)s::text[]) as name", {"names": names}
        )
        assert [setting for (setting,) in rows] == ["42s", *(SETTINGS[name] for name in names[1:])]

    run(make_conninfo(url, options="-c statement_timeout=42s"), fact)


def test_connections_to_a_server_that_only_reads_now_are_given_up(url: str) -> None:
    async def only_read(connection: Connection) -> None:
        await connection.execute("set default_transaction_read_only = on")

    async def fact(pool: Pool) -> None:
        async with pool.connect() as one, pool.connect() as two:
            await asyncio.gather(only_read(one), only_read(two))
        with pytest.raises(UnavailableError):
            await pool.fetch(WRITE, {})
        assert pool._checking is not None
        await pool._checking
        async with pool.connect() as one, pool.connect() as two:
            assert await fetch(one, WRITE, {})
            assert await fetch(two, WRITE, {})

    run(url, fact)


def test_a_pool_that_is_not_open_in_this_event_loop_says_so(url: str) -> None:
    pool = Pool(url)
    with pytest.raises(RuntimeError, match="this pool is not open"):
        asyncio.run(pool.fetch(WRITE, {}))
    with asyncio.Runner() as opening:
        opening.run(pool.open())
        with asyncio.Runner() as another, pytest.raises(RuntimeError, match="opened in another event loop"):
            another.run(pool.fetch(WRITE, {}))
        opening.run(pool.close())
