"""The change feed when its database is restored, copied or taken over: nothing is missed in silence."""

import asyncio
import pathlib
import subprocess
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import pytest

from crm_adapters.postgres.accounts import PostgresAccounts
from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.connection.session import Connection
from crm_adapters.postgres.feed import PostgresFeed
from crm_adapters.postgres.records.database import PostgresDatabase
from crm_adapters.postgres.records.replica import Replica
from crm_adapters.postgres.sql.migrations import migrate
from crm_core.errors import CursorGoneError
from crm_core.model.accounts import Actor, Caller, User
from crm_core.model.plain_values import parse_json
from crm_core.resources import CLIENTS
from crm_core.use_cases import accounts as log_in
from crm_core.use_cases import caller, changes, records
from tests.faults.servers import OLDER, SECONDS, Postgres, primary, running, standby, until, upgradable, upgrade

T = TypeVar("T")


def who() -> Caller:
    return caller(Actor(user=User(id=1, username="admin"), is_superuser=True))


def on(server: Postgres, act: Callable[[PostgresDatabase, PostgresFeed], Awaitable[T]]) -> T:
    """Do something as a new process on a server's database."""

    async def run() -> T:
        async with Pool(server.url("crm")) as pool:
            feed = PostgresFeed(pool)
            database = PostgresDatabase(pool, wake_feed=feed.wake)
            try:
                return await act(database, feed)
            finally:
                await database.close()
                await feed.close()

    return asyncio.run(run())


def write(server: Postgres, *names: str) -> None:
    async def act(database: PostgresDatabase, _: PostgresFeed) -> None:
        for name in names:
            await records.create(database, who(), CLIENTS, {"name": name})

    on(server, act)


def end(server: Postgres) -> str:
    """The cursor at the end."""

    async def act(_: PostgresDatabase, feed: PostgresFeed) -> str:
        return (await changes.read(feed, who(), {"after": "now"})).next

    return on(server, act)


def names_after(server: Postgres, cursor: str) -> Sequence[object]:
    """The names of the clients that were created after a cursor, read two at a time."""

    async def act(_: PostgresDatabase, feed: PostgresFeed) -> Sequence[object]:
        found: list[object] = []
        after, more = cursor, True
        while more:
            page = await changes.read(feed, who(), {"after": after, "limit": "2"})
            found += [each.entry.event.changes["name"] for each in page.changes]
            after, more = page.next, page.more
        return [change["to"] for change in found if isinstance(change, dict)]

    return on(server, act)


@contextmanager
def filled(folder: pathlib.Path) -> Iterator[Postgres]:
    with primary(folder, "fsync=off") as server:
        prepare(server)
        yield server


def prepare(server: Postgres) -> None:
    asyncio.run(migrate(server.url("crm")))
    server.execute("insert into app_user (username, password_hash) values ('admin', '!')", "crm")


@pytest.mark.parametrize("burnt", [0, 3_000], ids=["into a younger server", "into an older server"])
def test_after_a_dump_and_restore_an_old_cursor_goes_on_and_a_lost_one_is_gone(
    folder: pathlib.Path, burnt: int
) -> None:
    with filled(folder / f"first-{burnt}") as first, primary(folder / f"second-{burnt}", "fsync=off") as second:
        spend_transactions(first, 1_000)
        spend_transactions(second, burnt)
        write(first, "a", "b")
        early = end(first)
        write(first, "c")
        dump_and_restore(first, second, folder / f"dump-{burnt}")
        write(first, "lost")
        lost = end(first)

        write(second, "before anybody read")
        assert names_after(second, early) == ["c", "before anybody read"]
        write(second, "d")
        assert names_after(second, early) == ["c", "before anybody read", "d"]
        with pytest.raises(CursorGoneError):
            names_after(second, lost)


def spend_transactions(server: Postgres, count: int) -> None:
    """Have a server count so many transactions of something else."""
    loop = f"do $$ begin for i in 1..{count} loop perform pg_current_xact_id(); commit; end loop; end $$"
    server.execute(loop)


def dump_and_restore(source: Postgres, target: Postgres, file: pathlib.Path) -> None:
    binaries = source.layout.binaries
    dump = [str(binaries / "pg_dump"), "--format=custom", "--file", str(file), source.url("crm")]
    restore = [str(binaries / "pg_restore"), "--no-owner", "--dbname", target.url("crm"), str(file)]
    for command in (dump, restore):
        subprocess.run(command, check=True, timeout=SECONDS)


def test_a_standby_that_was_behind_and_takes_over_refuses_cursors_of_what_it_never_had(folder: pathlib.Path) -> None:
    """A restored physical copy is the same: its history ends earlier, and goes on in another way."""
    with filled(folder / "primary") as main, standby(main, folder / "standby", "fsync=off") as copy:
        write(main, "a")
        early = end(main)
        write(main, "b")
        [(position,)] = main.execute("select pg_current_wal_lsn()")
        until(lambda: copy.execute(f"select pg_last_wal_replay_lsn() >= '{position}'") == [(True,)], "it has b")
        copy.stop()
        write(main, "lost")
        lost = end(main)
        main.kill()
        copy.start("fsync=off")
        copy.promote()
        until(lambda: copy.execute("select pg_is_in_recovery()") == [(False,)], "it is the primary")

        write(copy, "c")
        assert names_after(copy, early) == ["b", "c"]
        write(copy, "d")
        with pytest.raises(CursorGoneError):
            names_after(copy, lost)
        assert names_after(copy, early) == ["b", "c", "d"]


def test_after_a_dump_and_restore_the_replica_is_used_again_by_who_wrote_before(folder: pathlib.Path) -> None:
    """The transactions in which they wrote have numbers that the new server has not reached."""
    with (
        filled(folder / "old") as old,
        primary(folder / "new", "fsync=off") as new,
        standby(new, folder / "standby", "fsync=off") as copy,
    ):
        spend_transactions(old, 100_000)
        write(old, "a")
        dump_and_restore(old, new, folder / "dump")
        asyncio.run(migrate(new.url("crm")))
        assert asyncio.run(reads_of_writer(new, copy)) == "standby"


def test_who_catches_up_reads_what_a_replica_has_there_and_the_rest_from_the_primary(folder: pathlib.Path) -> None:
    """A cursor that the replica does not know yet, or only in part, is not gone: nothing is lost."""
    with filled(folder / "main") as main, standby(main, folder / "copy", "fsync=off") as copy:
        start = end(main)
        write_with_ticks(main, "abc")
        asyncio.run(catch_up(main, copy, start))
        until(lambda: scans_of_events(copy) > 0, "the replica was read")


def write_with_ticks(server: Postgres, names: str) -> str:
    """Create clients, and return the cursor after the last but one."""
    cursors = []
    for name in names:
        cursors.append(end(server))
        write(server, name)
    end(server)
    return cursors[-1]


async def catch_up(main: Postgres, copy: Postgres, start: str) -> None:
    async with Pool(main.url("crm")) as pool, Replica(copy.url("crm"), pool) as replica, asyncio.timeout(SECONDS):
        while not replica._is_up:  # noqa: ASYNC110  # nothing tells when
            await asyncio.sleep(0.05)
        feed = PostgresFeed(pool, replica)
        assert await names_one_by_one(feed, start) == list("abc")
        copy.execute("select pg_wal_replay_pause()")
        late = await asyncio.to_thread(write_with_ticks, main, "defg")
        assert await names_one_by_one(feed, start) == list("abcdefg")
        assert await names_one_by_one(feed, late) == ["g"]
        copy.execute("select pg_wal_replay_resume()")
        await feed.close()


async def names_one_by_one(feed: PostgresFeed, cursor: str) -> Sequence[object]:
    """The names of the clients that were created after a cursor, one on a page."""
    await feed.newest()
    found: list[object] = []
    more = True
    while more:
        page = await changes.read(feed, who(), {"after": cursor, "limit": "1"})
        found += [parse_json(each.entry.body)["changes"]["name"]["to"] for each in page.changes]
        cursor, more = page.next, page.more
    return found


def scans_of_events(server: Postgres) -> int:
    """How often the events of a server were looked through."""
    statement = "select seq_scan + idx_scan from pg_stat_user_tables where relname = 'event'"
    [(count,)] = server.execute(statement, "crm")
    assert isinstance(count, int)
    return count


@pytest.mark.skipif(not OLDER.exists(), reason="there is no PostgreSQL 15 here: apt-get install postgresql-15")
def test_after_pg_upgrade_from_an_older_major_version_cursors_go_on(folder: pathlib.Path) -> None:
    old, new = upgradable(folder / "older")
    with running(old):
        old.execute("create database crm template template0")
        prepare(old)
        spend_transactions(old, 1_000)
        start = end(old)
        late = write_with_ticks(old, "abc")
    upgrade(old, new)
    with running(new):
        assert names_after(new, start) == ["a", "b", "c"]
        write(new, "d")
        assert names_after(new, start) == ["a", "b", "c", "d"]
        assert names_after(new, late) == ["c", "d"]


async def reads_of_writer(main: Postgres, copy: Postgres) -> str:
    """Where a server of the user who wrote reads for them."""
    async with Pool(main.url("crm")) as pool:
        replica = Replica(copy.url("crm"), pool)
        accounts = PostgresAccounts(pool, replica=replica)
        async with replica, asyncio.timeout(SECONDS):
            token = await log_in.issue_token(accounts, 1)
            assert token is not None
            while not replica._is_up:  # noqa: ASYNC110  # nothing tells when
                await asyncio.sleep(0.05)
            found, attempts = False, 0
            while not found and attempts < 100:
                await log_in.authenticate(accounts, token)
                found = await replica.reading({1}, is_standby)
                attempts += 1
                await asyncio.sleep(0.05)
        await accounts.close()
    return "standby" if found else "primary"


async def is_standby(connection: Connection) -> bool:
    return await (await connection.execute("select pg_is_in_recovery()")).fetchone() == (True,)
