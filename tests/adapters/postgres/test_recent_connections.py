"""Connections in front of psycopg's pool: which is lent, and when they go back to the pool."""

import asyncio
from collections.abc import Awaitable, Callable

from psycopg_pool import AsyncConnectionPool

from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.connection.recent_connections import RecentConnections
from crm_adapters.postgres.connection.session import Session

Fact = Callable[[RecentConnections, "AsyncConnectionPool[Session]"], Awaitable[None]]


def run(url: str, fact: Fact) -> None:
    """Try a fact on two connections."""

    async def scenario() -> None:
        kwargs = {"autocommit": True}
        pool = AsyncConnectionPool(url, connection_class=Session, kwargs=kwargs, open=False, min_size=2)
        async with pool:
            await pool.wait()
            recent = RecentConnections(pool)
            await fact(recent, pool)
            await recent.close()
            assert pool.get_stats()["pool_available"] == 2

    asyncio.run(scenario())


def test_the_connection_that_was_used_last_is_lent_first(url: str) -> None:
    async def fact(recent: RecentConnections, _: "AsyncConnectionPool[Session]") -> None:
        one, two = await recent.take(), await recent.take()
        for last, first in ((one, two), (two, one)):
            await recent.give_back(first)
            await recent.give_back(last)
            assert recent.idle == 2
            assert await recent.take() is last
            assert await recent.take() is first
        await recent.give_back(one)
        await recent.give_back(two)

    run(url, fact)


def test_a_connection_goes_to_those_who_wait(url: str) -> None:
    async def fact(recent: RecentConnections, _: "AsyncConnectionPool[Session]") -> None:
        one, two = await recent.take(), await recent.take()
        waiting = asyncio.create_task(recent.take())
        await asyncio.sleep(0)
        await recent.give_back(one)
        assert await waiting is one
        await recent.give_back(one)
        await recent.give_back(two)

    run(url, fact)


def test_idle_connections_go_back_to_the_pool_within_moments(url: str) -> None:
    async def fact(recent: RecentConnections, pool: "AsyncConnectionPool[Session]") -> None:
        connection = await recent.take()
        await recent.give_back(connection)
        assert pool.get_stats()["pool_available"] == 1
        async with asyncio.timeout(10):
            while recent.idle:  # noqa: ASYNC110  # a timer of the class's own has no event
                await asyncio.sleep(0.05)
        assert pool.get_stats()["pool_available"] == 2

    run(url, fact)


def test_a_connection_that_was_lent_when_the_others_went_back_goes_back_too(url: str) -> None:
    async def fact(recent: RecentConnections, pool: "AsyncConnectionPool[Session]") -> None:
        connection = await recent.take()
        await recent.release()
        await recent.give_back(connection)
        assert (recent.idle, pool.get_stats()["pool_available"]) == (0, 2)

    run(url, fact)


def test_a_pool_counts_connections_that_are_kept_for_the_next_caller_as_idle(url: str) -> None:
    async def scenario() -> None:
        async with Pool(url, size=1) as pool:
            await pool.fetch(b"select 1", {})
            assert pool.figures() == {"used": 0, "idle": 1, "awaited": 0}
            async with pool.connect():
                assert pool.figures() == {"used": 1, "idle": 0, "awaited": 0}

    asyncio.run(scenario())
