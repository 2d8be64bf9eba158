"""PostgresFeed: the change feed by ticks (decision 64; ``sql/feed.sql`` has the statements)."""

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple
from uuid import UUID

from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.connection.session import Connection, Row, fetch, transaction
from crm_adapters.postgres.records.loader import Loader
from crm_adapters.postgres.records.replica import Replica
from crm_adapters.postgres.sql.statements import query
from crm_core.errors import UnavailableError
from crm_core.model.feed import MAX_FEED_BYTES, FeedEvent, FeedPage, Position
from crm_core.resources import RESOURCES

logger: Final = logging.getLogger("crm.postgres")

#: Seconds between two ticks of a process.
TICK_INTERVAL: Final = 0.02
#: Seconds between two looks for commits of other processes, while somebody waits.
LOOK_INTERVAL: Final = 0.2
#: Events that a page looks at, and ticks that it passes, until it ends although it is not full.
_MAX_SCANNED: Final = 5_000
_MAX_TICKS: Final = 2_000
_TAG_BYTES: Final = 4
#: Bytes for which an event counts besides its changes and its cause: more than its other members take.
_BARE_BYTES: Final = 2_000
#: The cells of an event in the rows of ``read_feed``; those that say what the page is come after them.
_CELLS: Final = 8
_DELETED_AT_ONCE: Final = 10_000


class _Tick(NamedTuple):
    id: int
    tag: bytes


class _Wanted(NamedTuple):
    """A page, by which concurrent readers of the same page are known."""

    after: Position
    resources: frozenset[str]
    limit: int


class PostgresFeed:
    """The change feed in PostgreSQL (``crm_core.ports.Feed``), for all readers of a process.

    Those who wait hold no connection. Readers of the same page share one query.

    Args:
        pool: the connections; its owner opens and closes it.
        replica: where those who catch up read what it has by now.
    """

    def __init__(self, pool: Pool, replica: Replica | None = None) -> None:
        self._pool = pool
        self._replica = replica
        self._ticks: Loader[None, _Tick] = Loader(self._load_tick, max_concurrency=1)
        self._pages: Loader[_Wanted, FeedPage] = Loader(self._load_pages)
        self._ticked_at = -TICK_INTERVAL
        self._newest: _Tick | None = None
        self._has_commit = asyncio.Event()
        self._has_tick = asyncio.Event()
        self._waiting = 0
        self._watching: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Let those who wait look at once; called after each commit of this process."""
        self._has_commit.set()

    async def close(self) -> None:
        """Stop the background task. The owner of the pool closes the pool."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    async def oldest(self) -> Position:
        """Return the position before the oldest event that is kept."""
        [(id_, tag)] = await self._pool.fetch_again(query("oldest_tick"), {})
        return Position(id_, _short(tag))

    async def newest(self) -> Position:
        """Return a position after everything that is committed."""
        tick = await self._tick()
        return Position(tick.id, tick.tag)

    async def read(self, after: Position, resources: Collection[str], limit: int) -> FeedPage | None:
        """Return the events of some resources after a position."""
        is_at_end = self._newest is None or (after.place is None and after.tick >= self._newest.id)
        if is_at_end:
            await self._tick()
        wanted = _Wanted(after, frozenset(resources), limit)
        page = await self._pages.load(wanted)
        if is_at_end or page is None or page.more:
            return page
        if page.events:  # not to wait for another tick; what was committed since comes with the next page
            return page._replace(more=True)
        # Nothing up to the newest tick that was known: so look for what was committed since.
        if (await self._tick()).id == page.next.tick:
            return page
        return await self._pages.load(wanted._replace(after=page.next))

    async def wait(self, after: Position) -> None:
        """Wait until there is a tick after a position."""
        self._waiting += 1
        try:
            if self._watching is None or self._watching.done():
                self._watching = asyncio.create_task(self._watch())
            while after.place is None and self._newest is not None and after.tick >= self._newest.id:
                await self._has_tick.wait()
        finally:
            self._waiting -= 1

    async def forget(self, before: datetime) -> None:
        """Delete the ticks before the one that was the newest at this time."""
        params = {"before": before, "limit": _DELETED_AT_ONCE}
        while await self._pool.fetch(query("forget_ticks"), params):
            pass

    async def cursor(self, follower: str) -> str:
        """Return the cursor that a follower has saved."""
        rows = await self._pool.fetch_again(query("follower_cursor"), {"name": follower})
        return str(rows[0][0]) if rows else ""

    async def save_cursor(self, follower: str, cursor: str) -> None:
        """Save the cursor of a follower."""
        await self._pool.fetch(query("save_follower_cursor"), {"name": follower, "cursor": cursor})

    # Ticks

    async def _tick(self) -> _Tick:
        """Return the newest tick, after one was made of what was committed before this call."""
        tick = await self._ticks.load(None)
        if tick is None:
            raise UnavailableError
        return tick

    async def _load_tick(self, _: list[None]) -> Mapping[None, _Tick]:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._ticked_at + TICK_INTERVAL - loop.time()))
        began = loop.time()
        async with self._pool.connect() as connection:
            tick = await advance(connection)
        if tick != self._newest:  # a later one, or one of a database that was taken back
            self._newest, self._ticked_at = tick, began  # a look that found nothing delays no other
            self._has_tick.set()
            self._has_tick = asyncio.Event()
        return {None: tick}

    async def _watch(self) -> None:
        """Make ticks while somebody waits: at once after commits of this process, soon after those of others."""
        while self._waiting:
            self._has_commit.clear()
            try:
                await self._tick()
            except UnavailableError:
                await asyncio.sleep(LOOK_INTERVAL)
            try:
                async with asyncio.timeout(LOOK_INTERVAL):
                    await self._has_commit.wait()
            except TimeoutError:
                pass

    # Pages

    async def _load_pages(self, wanted: list[_Wanted]) -> Mapping[_Wanted, FeedPage]:
        pages = {each: await self._load_page(each) for each in wanted}
        return {each: page for each, page in pages.items() if page is not None}

    async def _load_page(self, wanted: _Wanted) -> FeedPage | None:
        """Return a page, from the replica if more follows there: what it lacks by now is read from the primary."""
        read_ = partial(_read, wanted=wanted)
        if self._replica is not None and self._is_behind(wanted.after):
            for page in await self._replica.having(0, read_):
                if page is not None and page.more:
                    return page
        return await self._pool.reading(read_)

    def _is_behind(self, after: Position) -> bool:
        """Return whether more follows than the latest batch, which the replica may not have yet."""
        return self._newest is not None and (after.place is not None or after.tick + 1 < self._newest.id)


async def advance(connection: Connection) -> _Tick:
    """Make a tick if something was committed since the newest one, and return the newest.

    If the newest one was made by another server, a tick that closes its numbering is made first.
    """
    [(id_, tag, is_foreign)] = await fetch(connection, query("advance_feed"), {})
    if is_foreign:
        logger.warning("the database was restored from another server: the change feed goes on from there")
        async with transaction(connection):
            await connection.execute(query("lock_writers"))
            await connection.execute(query("close_era"))
        [(id_, tag, _)] = await fetch(connection, query("advance_feed"), {})
    return _Tick(id_, _short(tag))


async def _read(connection: Connection, wanted: _Wanted) -> FeedPage | None:
    after = wanted.after
    last, seq = after.place or (0, 0)
    scan = wanted.limit + 1 if wanted.resources >= RESOURCES.keys() else _MAX_SCANNED
    params = {
        "tick": after.tick,
        "tag": after.tag,
        "is_inside": after.place is not None,
        "last": last,
        "seq": seq,
        "resources": list(wanted.resources),
        "limit": wanted.limit,
        "most_bytes": MAX_FEED_BYTES,
        "bare_bytes": _BARE_BYTES,
        "scan": scan,
        "ticks": _MAX_TICKS,
    }
    rows = await fetch(connection, query("read_feed"), params)
    return _page(wanted, scan, rows) if rows[0][_CELLS] else None


def _page(wanted: _Wanted, scan: int, rows: Sequence[Row]) -> FeedPage:
    """Return the page of the rows of ``read_feed``."""
    head, *others = rows
    _, newest, scanned, found = head[_CELLS : _CELLS + 4]
    span_end, scan_end = head[_CELLS + 4 : _CELLS + 6], head[_CELLS + 6 :]
    events = [_event(*row[1:_CELLS]) for row in others]
    if found > len(events):
        return FeedPage(events, events[-1].position, more=True)
    if scanned == scan:
        return FeedPage(events, _position(*scan_end), more=True)
    if span_end[0] is None:
        return FeedPage(events, wanted.after, more=False)
    return FeedPage(events, Position(*span_end), more=span_end[0] < newest)


def _event(tick: int, tag: bytes, last: int, seq: int, transaction_id: str, resource: str, body: bytes) -> FeedEvent:
    return FeedEvent(Position(tick, tag, (last, seq)), resource, transaction_id, body)


def _position(tick: int, tag: bytes, last: int, seq: int) -> Position:
    return Position(tick, tag, (last, seq))


def _short(tag: UUID) -> bytes:
    return tag.bytes[:_TAG_BYTES]
