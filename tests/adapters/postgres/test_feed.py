"""PostgresFeed: the contract, and what is PostgreSQL's own."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.feed import PostgresFeed
from crm_adapters.postgres.records.database import PostgresDatabase
from crm_core.model.feed import MAX_FEED_BYTES
from crm_core.resources import CLIENTS, SERVICES, TRANSFER_REQUESTS
from crm_core.testing import FeedContract, OpenedFeed
from crm_core.testing.feeds import Follower, versions
from crm_core.testing.replay import all_names
from crm_core.testing.scene import Scene, fact
from tests.adapters.postgres.on_postgres import OnOnePool, empty


@asynccontextmanager
async def opened(pool: Pool) -> AsyncIterator[OpenedFeed]:
    await empty(pool)
    feed = PostgresFeed(pool)
    database = PostgresDatabase(pool, wake_feed=feed.wake)
    yield OpenedFeed(database, feed)
    await database.close()
    await feed.close()


class TestPostgresFeed(OnOnePool, FeedContract):
    @asynccontextmanager
    async def open_feed(self) -> AsyncIterator[OpenedFeed]:
        async with opened(self.pool) as both:
            yield both


class Writer:
    """A transaction of an embedder that is open for as long as the test likes."""

    def __init__(self, connection: psycopg.AsyncConnection) -> None:
        self.connection = connection
        self.scene = Scene(PostgresDatabase.on(connection))


@asynccontextmanager
async def writer(url: str) -> AsyncIterator[Writer]:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        yield Writer(connection)


class TestOnPostgres(OnOnePool):
    @pytest.fixture
    def follower(self) -> Iterator[Follower]:
        yield from map(Follower, self.opened(opened(self.pool)))

    @fact
    async def test_an_earlier_transaction_that_writes_a_record_later_comes_later(self, follower: Follower) -> None:
        """A rename of a service touches its transfers, against a PATCH of one: the record's versions ascend."""
        ids = await follower.one_of_each()
        start = await follower.feed.newest()
        async with writer(self.url) as early:
            await early.scene.create(CLIENTS, name="takes the earlier transaction id")
            await follower.patch(TRANSFER_REQUESTS, ids["transfer_request"], cohort_request="by a later transaction")
            middle = await follower.after(start)
            await early.scene.patch(SERVICES, ids["service"], name="renamed")
            await early.connection.commit()

        found = await follower.after(start)
        own = [each.event.version for each in found if each.event.record == ids["transfer_request"]]
        assert own == [2, 3]
        assert versions(found)[: len(middle)] == versions(middle)

    @fact
    async def test_a_transaction_that_stays_open_delays_only_its_own_events(self, follower: Follower) -> None:
        start = await follower.feed.newest()
        async with writer(self.url) as slow:
            late = await slow.scene.create(CLIENTS, name="late")
            early = await follower.create(CLIENTS, name="early")
            position = (await follower.feed.read(start, all_names(), 10) or pytest.fail("unknown")).next
            assert versions(await follower.after(start)) == [(early, 1, "created")]
            await slow.connection.commit()
        assert versions(await follower.after(position)) == [(late, 1, "created")]
        assert versions(await follower.after(start)) == [(early, 1, "created"), (late, 1, "created")]

    @fact
    async def test_a_transaction_open_in_another_database_delays_nothing(self, follower: Follower) -> None:
        start = await follower.feed.newest()
        elsewhere = make_conninfo(self.url, dbname="postgres")
        async with await psycopg.AsyncConnection.connect(elsewhere) as other:
            await other.execute("select pg_current_xact_id()")
            waiting = asyncio.create_task(follower.feed.wait(start))
            client = await follower.create(CLIENTS, name="a")
            async with asyncio.timeout(2):
                await waiting
            assert versions(await follower.after(start)) == [(client, 1, "created")]

    @fact
    async def test_what_is_rolled_back_never_comes_and_a_savepoint_s_rest_does(self, follower: Follower) -> None:
        start = await follower.feed.newest()
        async with writer(self.url) as embedder:
            await embedder.scene.create(CLIENTS, name="lost")
            await follower.feed.newest()
            await embedder.connection.rollback()
            kept = await embedder.scene.create(CLIENTS, name="kept")
            with suppress(ZeroDivisionError):
                async with embedder.connection.transaction():
                    await embedder.scene.create(CLIENTS, name="lost too")
                    raise ZeroDivisionError
            other = await embedder.scene.create(CLIENTS, name="kept too")
            await embedder.connection.commit()

        found = await follower.after(start)
        assert versions(found) == [(kept, 1, "created"), (other, 1, "created")]
        assert len({each.transaction for each in found}) == 1

    @fact
    async def test_a_commit_of_another_process_is_seen_soon(self, follower: Follower) -> None:
        start = await follower.feed.newest()
        waiting = asyncio.create_task(follower.feed.wait(start))
        await asyncio.sleep(0)
        async with writer(self.url) as other:
            await other.scene.create(CLIENTS, name="a")
            await other.connection.commit()
        began = time.monotonic()
        async with asyncio.timeout(5):
            await waiting
        print(f"the commit of another process was seen after {(time.monotonic() - began) * 1000:.0f} ms")
        assert len(await follower.after(start)) == 1

    @fact
    async def test_nobody_who_reads_makes_no_ticks(self, follower: Follower) -> None:
        before = await follower.feed.newest()
        for name in "abc":
            await follower.create(CLIENTS, name=name)
        with psycopg.connect(self.url) as connection:
            assert connection.execute("select max(id) from tick").fetchone() == (before.tick,)

    @fact
    async def test_a_commit_of_thousands_is_read_page_by_page(self, follower: Follower) -> None:
        start = await follower.feed.newest()
        with psycopg.connect(self.url) as connection:
            connection.execute(
                "insert into event (resource, record, version, kind, actor_name, request_id, at, changes)"
                " select 'client', gen_random_uuid(), 1, 'created', '', '', now(), '{}' from generate_series(1, 12000)"
            )
        found = await follower.after(start, 700)
        assert len({each.event.record for each in found}) == len(found) == 12_000
        assert [each.position.place for each in found] == sorted(each.position.place or (0, 0) for each in found)
        page = await follower.feed.read(start, {"lead"}, 10)
        assert page is not None
        assert (page.events, page.more) == ([], True)

    @fact
    async def test_a_page_ends_before_eight_megabytes(self, follower: Follower) -> None:
        start = await follower.feed.newest()
        notes = [{"note": hashlib.sha512(bytes([number])).hexdigest() * 78} for number in range(90)]
        for number in range(12):
            await follower.create(CLIENTS, name=str(number), list_of_notes=notes)

        position, sizes, more = start, [], True
        while more:
            page = await follower.feed.read(position, all_names(), 1_000)
            assert page is not None
            sizes.append(sum(len(each.body) for each in page.events))
            position, more = page.next, page.more
        assert len(sizes) > 1
        assert max(sizes) <= MAX_FEED_BYTES

    @fact
    async def test_after_a_restore_into_another_server_the_old_cursor_goes_on(self, follower: Follower) -> None:
        """The transaction ids of the events belong to another server, whose ids were higher or lower than these."""
        start = await follower.feed.newest()
        before = [await follower.create(CLIENTS, name=name) for name in "abc"]
        for shift in (1_000_000, -700):
            first = (await follower.after(start))[0].position
            with psycopg.connect(self.url) as connection:  # as a restore leaves it: all ids are another server's
                connection.execute("update event set xid = (greatest(3, xid::text::bigint + %s))::text::xid8", (shift,))
                connection.execute(
                    "update tick set system_identifier = 1, snapshot = ("
                    "(pg_snapshot_xmin(snapshot)::text::bigint + %(s)s) || ':' ||"
                    " (pg_snapshot_xmax(snapshot)::text::bigint + %(s)s) || ':')::pg_snapshot where id > 2",
                    {"s": max(shift, -700)},
                )
            early = await follower.create(CLIENTS, name="before anybody read")
            await follower.feed.newest()
            late = await follower.create(CLIENTS, name="after that")

            rest = [(id_, 1, "created") for id_ in (*before[1:], early, late)]
            assert versions(await follower.after(first, 2)) == rest
            await follower.patch(CLIENTS, early, name="again")
            assert versions(await follower.after(first)) == [*rest, (early, 2, "updated")]
            start = (await follower.after(start))[-1].position
            before = [await follower.create(CLIENTS, name=name) for name in "abc"]
