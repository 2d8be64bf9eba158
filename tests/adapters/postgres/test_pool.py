"""The pool: several hosts, what holds in its sessions, and what it gives up after a failover."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from crm_adapters.postgres.connection.options import SETTINGS, connect, parameters
from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.connection.session import Connection, fetch
from crm_core.errors import UnavailableError

WRITE = b"update app_user set email = '' returning id"


def run(url: str, fact: Callable[[Pool], Awaitable[None]], size: int = 2) -> None:
    async def with_pool() -> None:
        async with Pool(url, size=size) as pool:
            await fact(pool)

    asyncio.run(with_pool())


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("postgresql://user@one/crm", None),
        ("postgresql://user@one,two/crm", "read-write"),
        ("postgresql://user@one:1,two:2/crm?target_session_attrs=any", "any"),
        ("postgresql:///crm?hostaddr=10.0.0.1,10.0.0.2", "read-write"),
        ("host=one,two dbname=crm", "read-write"),
    ],
)
def test_of_several_hosts_the_one_that_takes_writes_is_looked_for_unless_the_url_says_otherwise(
    url: str, wanted: str | None
) -> None:
    assert parameters(url).get("target_session_attrs") == wanted


def test_what_the_url_says_of_patience_is_kept() -> None:
    known = parameters("postgresql://one/crm?connect_timeout=9&application_name=mine")

    assert (known["connect_timeout"], known["application_name"]) == ("9", "mine")


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


def test_a_statement_cancelled_when_it_is_first_run_spoils_no_connection(new_database: Callable[[], str]) -> None:
    async def scenario() -> int:
        cancelled = 0
        async with Pool(new_database(), size=1) as pool:
            for number in range(30):
                asked = asyncio.create_task(pool.fetch(b"select pg_sleep(0), %d" % number, {}))
                for _ in range(number % 10):
                    await asyncio.sleep(0)
                asked.cancel()
                cancelled += (await asyncio.gather(asked, return_exceptions=True)) != [[("", number)]]
                assert await pool.fetch(b"select 'another', %d" % number, {}) == [("another", number)]
        return cancelled

    assert asyncio.run(scenario()) > 10
