"""The change feed: is anything lost, doubled or out of order; how late is an event; and what the feed costs others.

``python -m tests.bench.feed [EVENTS [PART…]]`` runs all parts, or those that are named: order, delay, reading, waiters,
creates. EVENTS is how many there are for order (a tenth of it) and for reading; 1,000,000 by default.
"""

import asyncio
import pathlib
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from http import HTTPStatus
from itertools import pairwise
from typing import Any
from uuid import UUID

import httpx
import psutil
import psycopg
from psycopg.conninfo import make_conninfo

from crm_adapters.embedded.server import embedded_server
from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.feed import PostgresFeed
from crm_adapters.postgres.sql.migrations import migrate
from crm_core.resources import RESOURCES
from tests.bench.fairness import read_answer
from tests.bench.load import request
from tests.http.conftest import Server, serving
from tests.postgresql import maker_of_databases

WRITERS = 16
RECORDS = 2_000
PAGE_SIZES = (7, 100, 1_000)
WAITERS = 500
ALL = frozenset(RESOURCES)

#: Moves some records on under their locks, with an event for each, as the adapter's own statement does.
_MOVE = b"""
with put as (
    update moved set version = version + 1
    where id in (select id from moved where id = any(%(ids)s) order by id for update) returning id, version)
insert into event (resource, record, version, kind, actor_name, request_id, at, changes)
select 'lead', id, version, 'updated', '', '', clock_timestamp(), '{"name": {"from": "a", "to": "b"}}' from put
returning seq"""
_FILL = """
do $$ begin for i in 1..{count} loop
    insert into event (resource, record, version, kind, actor_name, request_id, at, changes) values (
        'client', gen_random_uuid(), 1, 'created', 'admin', 'a-request-of-36-characters-as-it-were', now(),
        json_build_object('name', json_build_object('from', repeat('x', 130), 'to', repeat('y', 130))));
    if i % 5 = 0 then commit; end if;
end loop; end $$"""


async def order(url: str, events: int) -> str:
    """Return what three readers missed, had twice or had out of order, of the events of 16 writers."""
    ids = await _moved_records(url)
    async with AsyncExitStack() as stack:
        pools = [await stack.enter_async_context(Pool(url, size=2)) for _ in PAGE_SIZES]
        feeds = [PostgresFeed(pool) for pool in pools]
        start = await feeds[0].newest()
        written, is_done = list[int](), asyncio.Event()
        readers = [
            asyncio.create_task(_read_all(feed, start, size, is_done))
            for feed, size in zip(feeds, PAGE_SIZES, strict=True)
        ]
        began = time.perf_counter()
        slow = [asyncio.create_task(_stay_open(url, ids)) for _ in range(2)]
        await asyncio.gather(*(_write(url, ids, written, events) for _ in range(WRITERS)), *slow)
        seconds = time.perf_counter() - began
        is_done.set()
        found = [await reader for reader in readers]
        for feed in feeds:
            await feed.close()
    with psycopg.connect(url) as connection:
        expected = set(connection.execute("select record, version from event where resource = 'lead'").fetchall())
    wrong = [
        f"{len(expected - set(each))} lost, {len(each) - len(set(each))} doubled, {_inversions(each)} out of order"
        for each in found
    ]
    alike = "all in one order" if all(each == found[0] for each in found) else "in different orders"
    return f"of {len(expected):,} at {len(expected) / seconds:,.0f}/s: {'; '.join(wrong)}; {alike}"


async def _moved_records(url: str) -> Sequence[UUID]:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("create table moved (id uuid primary key, version integer not null default 1)")
        count = (RECORDS,)
        made = "insert into moved (id) select gen_random_uuid() from generate_series(1, %s) returning id"
        return [id_ for (id_,) in await (await connection.execute(made, count)).fetchall()]


async def _write(url: str, ids: Sequence[UUID], written: list[int], events: int) -> None:
    draw = random.Random()  # noqa: S311  # no secret
    async with await psycopg.AsyncConnection.connect(f"{url}&options=-cdeadlock_timeout%3D20ms") as connection:
        while len(written) < events:
            made: list[int] = []
            try:
                for _ in range(draw.choice([1, 1, 1, 2, 3])):
                    some = {"ids": draw.sample(ids, draw.randint(1, 30))}
                    rows = await (await connection.execute(_MOVE, some, prepare=True)).fetchall()
                    made += [seq for (seq,) in rows]
                if draw.random() < 0.1:
                    await connection.rollback()
                else:
                    await connection.commit()
                    written += made
            except psycopg.errors.DeadlockDetected:
                await connection.rollback()


async def _stay_open(url: str, ids: Sequence[UUID]) -> None:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute(_MOVE, {"ids": ids[:2]})
        await asyncio.sleep(5)
        await connection.commit()


async def _read_all(feed: PostgresFeed, start: Any, size: int, is_done: asyncio.Event) -> list[tuple[UUID, int]]:
    found: list[tuple[UUID, int]] = []
    position = start
    while True:
        was_done = is_done.is_set()
        page = await feed.read(position, ALL, size)
        assert page is not None
        found += [(each.event.record, each.event.version) for each in page.events]
        position = page.next
        if not page.more:
            if was_done:
                return found
            await asyncio.sleep(0.01)


def _inversions(found: Sequence[tuple[UUID, int]]) -> int:
    versions: defaultdict[UUID, list[int]] = defaultdict(list)
    for record, version in found:
        versions[record].append(version)
    return sum(later <= earlier for each in versions.values() for earlier, later in pairwise(each))


async def delay(url: str) -> str:
    """Return how late events come, of this process and of another, beside a transaction open in another database."""
    ids = await _moved_records(url)
    async with (
        Pool(url) as pool,
        await psycopg.AsyncConnection.connect(make_conninfo(url, dbname="postgres")) as other,
        await psycopg.AsyncConnection.connect(url, autocommit=True) as writer,
    ):
        await other.execute("select pg_current_xact_id()")
        feed = PostgresFeed(pool)
        own = [await _delay(feed, writer, ids, feed.wake) for _ in range(200)]
        others = [await _delay(feed, writer, ids, lambda: None) for _ in range(100)]
        await feed.close()
    return ", ".join(
        f"{name} p50 {statistics.median(each):.0f} ms, p99 {statistics.quantiles(each, n=100)[98]:.0f} ms"
        for name, each in (("of this process", own), ("of others", others))
    )


async def _delay(
    feed: PostgresFeed, writer: psycopg.AsyncConnection, ids: Sequence[UUID], wake: Callable[[], None]
) -> float:
    position = await feed.newest()
    waiting = asyncio.create_task(feed.wait(position))
    await asyncio.sleep(random.uniform(0.03, 0.2))  # noqa: S311  # no secret
    await writer.execute(_MOVE, {"ids": [ids[0]]})
    began = time.perf_counter()
    wake()
    await waiting
    page = await feed.read(position, ALL, 10)
    assert page is not None
    assert page.events
    return (time.perf_counter() - began) * 1_000


def reading(url: str, server: Server, events: int) -> str:
    """Return how long catching up takes over HTTP, and by how much the worker grew."""
    api = server.api()
    cursor = api.get("/api/changes/", params={"after": "now"}).json()["next"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_FILL.format(count=events).encode())
        connection.execute("vacuum analyze event")
    client = httpx.Client(base_url=server.client.base_url, headers={"Authorization": f"Token {api.token}"}, timeout=60)
    found = []
    with client, psycopg.connect(url) as connection:
        for name, read in (("pages", _read_pages), ("a stream", _read_stream)):
            before, used, began = _resident(server), _seconds_of_both(server, connection), time.perf_counter()
            total = read(client, cursor)
            seconds, grown = time.perf_counter() - began, (_resident(server) - before) / 2**20
            worker, database = (
                (after - first) / total * 1e6
                for first, after in zip(used, _seconds_of_both(server, connection), strict=True)
            )
            found.append(
                f"{total:,} events by {name} in {seconds:.1f} s, so 1,000,000 in {seconds / total * 1e6:.1f} s, of "
                f"which the worker computed {worker:.1f} s and PostgreSQL {database:.1f} s; "
                f"the server grew by {grown:.1f} MB"
            )
    return "\n         ".join(found)


def _read_pages(client: httpx.Client, cursor: str) -> int:
    total, more = 0, True
    while more:
        body = client.get("/api/changes/", params={"after": cursor, "limit": "1000"}).content
        total += body.count(b'{"id":"')
        cursor = body[body.rindex(b'"next":"') + 8 :].partition(b'"')[0].decode()
        more = body.endswith(b"true}")
    return total


def _read_stream(client: httpx.Client, cursor: str) -> int:
    total, rest, headers = 0, b"", {"Accept": "text/event-stream"}
    with client.stream("GET", "/api/changes/", params={"after": cursor, "limit": "1000"}, headers=headers) as answer:
        for piece in answer.iter_bytes():
            body, _, rest = (rest + piece).rpartition(b"\n\n")
            total += body.count(b'data: {"id":"')
            if b"event: caught-up" in body:
                break
    return total


def _seconds_of_both(server: Server, connection: psycopg.Connection) -> tuple[float, float]:
    """The processor time so far of the workers, and of PostgreSQL's processes that are there."""
    postmaster = psutil.Process(connection.info.backend_pid).parent()
    assert postmaster is not None
    times = [each.cpu_times() for each in postmaster.children()]
    return _processor_seconds(server), sum(each.user + each.system for each in times)


def _processor_seconds(server: Server) -> float:
    times = [each.cpu_times() for each in psutil.Process(server.process.pid).children(recursive=True)]
    return sum(each.user + each.system for each in times)


def _resident(server: Server) -> int:
    main = psutil.Process(server.process.pid)
    return int(sum(each.memory_info().rss for each in (main, *main.children(recursive=True))))


async def waiters(url: str, server: Server) -> str:
    """Return what 500 waiting requests cost: reads of others, and statements a second."""
    api = server.api()
    read = request("GET", f"/api/clients/{api.make('/api/clients/', name='x')['id']}/", api.token)
    cursor = api.get("/api/changes/", params={"after": "now"}).json()["next"]
    wait = request("GET", f"/api/changes/?after={cursor}&wait=30", api.token)
    alone, (statements_alone, _) = await _p99(server.port, read), await _cost(url, server, 4)
    waiting = []
    for _ in range(WAITERS):  # at once they would be a flood, of which some are refused
        waiting.append(asyncio.create_task(_answered(server.port, wait)))
        await asyncio.sleep(0.01)
    await asyncio.sleep(2)
    statements, busy = await _cost(url, server, 9)  # three checks of who may wait
    beside = await _p99(server.port, read)
    woken = time.perf_counter()
    await asyncio.to_thread(api.make, "/api/clients/", name="wakes them")
    await asyncio.gather(*waiting)
    return (
        f"p99 of a GET {alone:.1f} ms alone, {beside:.1f} ms beside {WAITERS}; "
        f"{statements - statements_alone:.1f} statements and {busy * 1_000:.0f} ms of the worker a second; "
        f"all were answered {(time.perf_counter() - woken) * 1_000:.0f} ms after a change"
    )


async def _cost(url: str, server: Server, seconds: float) -> tuple[float, float]:
    """Return the statements, and the seconds of the worker, that a second takes."""
    before, used, began = _statements(url), _processor_seconds(server), time.perf_counter()
    await asyncio.sleep(seconds)
    taken = time.perf_counter() - began
    return (_statements(url) - before) / taken, (_processor_seconds(server) - used) / taken


async def _answered(port: int, sent: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    assert await read_answer(reader) == HTTPStatus.OK
    writer.close()


async def _p99(port: int, sent: bytes) -> float:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    taken = []
    for _ in range(300):
        began = time.perf_counter()
        writer.write(sent)
        assert await read_answer(reader) == HTTPStatus.OK
        taken.append((time.perf_counter() - began) * 1_000)
        await asyncio.sleep(0.005)
    writer.close()
    return statistics.quantiles(taken, n=100)[98]


def _statements(url: str) -> int:
    """How many transactions there were, which in autocommit are statements, without those of this process."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("select pg_stat_clear_snapshot()")
        query = "select xact_commit + xact_rollback from pg_stat_database where datname = current_database()"
        [(count,)] = connection.execute(query).fetchall()
        return int(count)


def creates(url: str) -> str:
    """Return what the index of the feed costs PostgreSQL when a record is created: with and without it, in turns."""
    taken: dict[bool, list[float]] = {True: [], False: []}
    insert = b"""
    with put as (
        insert into client (id, version, document) select id, 1, json_build_object(
            'id', id, 'name', 'a client with a name', 'attributes', json_build_object('city', 'Berlin'),
            'list_of_notes', json_build_array(), 'list_of_tasks', json_build_array(),
            'created_at', '2026-01-01T00:00:00Z', 'updated_at', '2026-01-01T00:00:00Z')
        from (select gen_random_uuid() as id) as made returning id)
    insert into event (resource, record, version, kind, actor_name, request_id, at, changes)
    select 'client', id, 1, 'created', 'admin', 'r', now(), '{"name": {"to": "x"}}' from put"""
    with psycopg.connect(url, autocommit=True) as connection:
        process = psutil.Process(connection.info.backend_pid)
        for number in range(12):
            has_index = number % 2 == 0
            connection.execute(
                b"create index if not exists event_xid on event (xid, seq)" if has_index else b"drop index event_xid"
            )
            before = process.cpu_times()
            for _ in range(2_000):
                connection.execute(insert, prepare=True)
            after = process.cpu_times()
            used = after.user + after.system - before.user - before.system
            taken[has_index].append(used / 2_000 * 1e6)
        connection.execute(b"create index if not exists event_xid on event (xid, seq)")
    with_index, without = statistics.median(taken[True]), statistics.median(taken[False])
    return f"a client and its event take PostgreSQL {with_index:.0f} µs with the index and {without:.0f} µs without"


def main() -> None:
    """Run the parts and print a line for each."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    parts = sys.argv[2:] or ["order", "delay", "reading", "waiters", "creates"]
    with tempfile.TemporaryDirectory(prefix="crm-bench-") as temporary:
        place = pathlib.Path(temporary)
        place.chmod(0o755)
        with embedded_server(place / "data") as server_url:
            new_database = maker_of_databases(server_url)
            for part in parts:
                url = new_database()
                asyncio.run(migrate(url))
                print(f"{part}: {run(part, url, place, events)}", flush=True)


def run(part: str, url: str, place: pathlib.Path, events: int) -> str:
    """Run one part on a database of its own."""
    if part == "order":
        return asyncio.run(order(url, events // 10))
    if part == "delay":
        return asyncio.run(delay(url))
    if part == "creates":
        return creates(url)
    with serving(url, place / part, CRM_ACCESS_LOG="0") as server:
        return reading(url, server, events) if part == "reading" else asyncio.run(waiters(url, server))


if __name__ == "__main__":
    main()
