"""What is MariaDB's own: deadlocks, waits, cancelled and lost statements, large texts, other processes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import pytest

from crm_core import UnavailableError
from crm_core.resources import CLIENTS
from crm_core.testing.scene import Scene, at_once

pytest.importorskip("asyncmy", reason="asyncmy is missing: make adapters installs it")

from tests.mariadb.commits import take_turn
from tests.mariadb.connection import Pool, Session
from tests.mariadb.database import MariadbDatabase
from tests.mariadb.opened import opened


@pytest.fixture
def run(mariadb: Mapping[str, str]) -> Callable[[Callable[[Pool, Scene], Awaitable[None]]], None]:
    """Run a function with the connections to an empty database, and a scene on it."""

    async def facts(test: Callable[[Pool, Scene], Awaitable[None]]) -> None:
        async with opened(mariadb) as stores:
            await stores.add_users()
            await test(stores.pool, Scene(stores.database))

    return lambda test: asyncio.run(facts(test))


@asynccontextmanager
async def another(pool: Pool, lock_wait: int = 5) -> AsyncIterator[Pool]:
    """Connections of another process."""
    other = Pool(pool.address, lock_wait=lock_wait)
    yield other
    await other.close()


Run = Callable[[Callable[[Pool, Scene], Awaitable[None]]], None]


def test_of_two_transactions_that_wait_for_each_other_both_succeed(run: Run) -> None:
    async def test(pool: Pool, _: Scene) -> None:
        both_hold, holding = asyncio.Event(), set[str]()

        async def lock(first: str, second: str) -> int:
            async def work(session: Session) -> int:
                await take_turn(session, first)
                holding.add(first)
                if len(holding) > 1:
                    both_hold.set()
                await both_hold.wait()
                await take_turn(session, second)
                return await session.run("update feed set forgotten = forgotten + 1")

            return await pool.run("write", work)

        await asyncio.gather(lock("records", "claims"), lock("claims", "records"))
        assert await pool.run("read", lambda session: session.rows("select forgotten from feed")) == [(2,)]

    run(test)


def test_a_change_that_waits_too_long_for_its_turn_raises_unavailable_error(run: Run) -> None:
    async def test(pool: Pool, scene: Scene) -> None:
        async with another(pool, lock_wait=1) as impatient:
            other = Scene(MariadbDatabase(impatient))

            async def hold(session: Session) -> None:
                await take_turn(session, "records")
                with pytest.raises(UnavailableError):
                    await other.create(CLIENTS, name="a")

            await pool.run("write", hold)
            assert await other.create(CLIENTS, name="a") in await scene.found(CLIENTS)

    run(test)


def test_after_a_cancelled_statement_the_next_one_gets_its_own_answer(run: Run) -> None:
    async def test(pool: Pool, _: Scene) -> None:
        sleeping = asyncio.ensure_future(pool.run("read", lambda session: session.rows("select sleep(0.2), 'old'")))
        done, _pending = await asyncio.wait([sleeping], timeout=0.1)
        sleeping.cancel()
        await asyncio.wait([sleeping])

        assert not done
        assert sleeping.cancelled()
        assert await pool.run("read", lambda session: session.rows("select 'new'")) == [("new",)]

    run(test)


def test_a_server_that_ends_a_connection_is_unavailable_once_and_idle_ones_are_replaced(run: Run) -> None:
    async def test(pool: Pool, scene: Scene) -> None:
        async with another(pool) as killer:

            async def end(session: Session) -> None:
                [(number,)] = await session.rows("select connection_id()")
                await killer.run("write", lambda other: other.run("kill %s", number))
                await session.rows("select 1")

            with pytest.raises(UnavailableError):
                await pool.run("read", end)
            await scene.found(CLIENTS)
            [(number,)] = await pool.run("read", lambda session: session.rows("select connection_id()"))
            await killer.run("write", lambda other: other.run("kill %s", number))
            assert await scene.found(CLIENTS) == []

    run(test)


def test_what_is_larger_than_a_packet_raises_unavailable_error_and_writes_nothing(run: Run) -> None:
    async def test(pool: Pool, scene: Scene) -> None:
        [(before,)] = await pool.run("read", lambda session: session.rows("select @@global.max_allowed_packet"))
        await pool.run("write", lambda session: session.run("set global max_allowed_packet = 65536"))
        try:
            async with another(pool) as small:
                narrow = Scene(MariadbDatabase(small))
                with pytest.raises(UnavailableError):
                    await narrow.create(CLIENTS, name="a", list_of_notes=[{"note": "x" * 5_000}] * 20)
                assert await narrow.found(CLIENTS) == []
        finally:
            await pool.run("write", lambda session: session.run("set global max_allowed_packet = %s", before))
        made = await scene.create(CLIENTS, name="a", list_of_notes=[{"note": "x" * 5_000}] * 20)
        assert await scene.found(CLIENTS) == [made]

    run(test)


def test_a_row_that_does_not_fit_raises_unavailable_error_and_is_not_cut(run: Run) -> None:
    async def test(pool: Pool, _: Scene) -> None:
        with pytest.raises(UnavailableError):
            await pool.run("write", lambda session: session.run("insert into follower values (%s, '')", "x" * 256))
        assert await pool.run("read", lambda session: session.rows("select * from follower")) == []

    run(test)


def test_changes_of_two_processes_have_the_turn_one_after_the_other_and_feeds_see_both(run: Run) -> None:
    async def test(pool: Pool, scene: Scene) -> None:
        async with another(pool) as second:
            other = MariadbDatabase(second)
            start = await other.feed.newest()
            waiting = asyncio.ensure_future(other.feed.wait(start))
            ids = await at_once(*(Scene(db).create(CLIENTS, name="a") for db in (scene.db, other) * 5))
            await asyncio.wait_for(waiting, 30)

            page = await other.feed.read(start, {"client"}, 100)
            assert page is not None
            assert {each.event.record for each in page.events} == set(ids)

    run(test)
