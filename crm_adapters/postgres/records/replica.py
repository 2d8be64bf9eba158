"""Replica reads with read-your-writes consistency."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from typing import Final, NamedTuple, Self, TypeAlias, TypeVar
from uuid import UUID
from weakref import WeakKeyDictionary

from psycopg.errors import QueryCanceled, SerializationFailure

from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.connection.session import Connection, Row, fetch, is_pooled, transaction
from crm_adapters.postgres.connection.timeouts import MAX_REPLICA_LAG, REPLICA_ANSWER_LIFETIME
from crm_adapters.postgres.records.loader import Loader
from crm_adapters.postgres.sql import indexes
from crm_adapters.postgres.sql.statements import query
from crm_core.errors import UnavailableError
from crm_core.model.records import Key
from crm_core.resources import RESOURCES

logger: Final = logging.getLogger("crm.postgres")

T = TypeVar("T")

#: A record's id, and the user who asks for it.
_Lookup: TypeAlias = tuple[UUID | int, int]
_LoadRows: TypeAlias = Callable[[list[_Lookup]], Awaitable[Mapping[_Lookup, Row]]]

PRIMARY_IS_AT: Final = b"select (pg_current_wal_lsn() - '0/0')::bigint"
_NEXT_TRANSACTION: Final = b"select pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
#: The position is read after the snapshot, so it covers all that the snapshot shows.
REPLICA_IS_AT: Final = b"""
select
    pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
    coalesce((pg_last_wal_replay_lsn() - '0/0')::bigint, 0)
where pg_is_in_recovery()"""


class _Observed(NamedTuple):
    """The state of a connection's server at a time (monotonic seconds): it had all transactions before ``finished``."""

    at: float
    finished: int


class Replica:
    """One replica, or several behind one URL; use it within ``async with``.

    Processes share no state: a user's last transaction is read with their credentials from the primary (`note`), and
    the server of each connection is asked which transactions it has.

    Args:
        conninfo: a libpq URL or connection string.
        primary: the pool for all other reads.
    """

    def __init__(self, conninfo: str, primary: Pool) -> None:
        self._pool = Pool(conninfo, target_session_attrs="standby")
        self._primary = primary
        self._written: dict[int, int] = {}
        self._observed: WeakKeyDictionary[Connection, _Observed] = WeakKeyDictionary()
        self._positions: deque[tuple[float, int]] = deque(maxlen=8)
        self._rows = {name: Loader(self._load_rows(name)) for name in RESOURCES}
        self._notes_writes = self._is_up = False
        self._watching: asyncio.Task[None] | None = None

    @property
    def notes_writes(self) -> bool:
        """Return whether users' last transactions are known, and must be passed to `note` from now on."""
        return self._notes_writes

    def note(self, user: int, written: int) -> None:
        """Remember the last transaction in which a user wrote."""
        self._written[user] = max(written, self._written.get(user, 0))

    async def __aenter__(self) -> Self:
        await self._pool.open()
        self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self._pool.close()

    async def row(self, key: Key, reader: int) -> Row | None:
        """Return a record's row for a user; concurrent calls share one query."""
        return await self._rows[key.resource].load((key.id, reader))

    def _load_rows(self, resource: str) -> _LoadRows:
        async def load(wanted: list[_Lookup]) -> Mapping[_Lookup, Row]:
            params = {"ids": list({id_ for id_, _ in wanted})}
            readers = {reader for _, reader in wanted}
            found = await self.reading(readers, lambda each: fetch(each, query("read_records", resource), params))
            rows = {row[0]: row for row in found}
            return {(id_, reader): rows[id_] for id_, reader in wanted if id_ in rows}

        return load

    async def reading(self, readers: Collection[int], read_: Callable[[Connection], Awaitable[T]]) -> T:
        """Read for some users: on the replica if it has all that they wrote, else on the primary."""
        if all(reader in self._written for reader in readers):
            after = max(self._written[reader] for reader in readers)
            if found := await self.having(after, read_):
                return found[0]
        return await self._primary.reading(read_)

    async def having(self, after: int, read_: Callable[[Connection], Awaitable[T]]) -> tuple[T] | tuple[()]:
        """Read on the replica if it has a transaction and all before it, and is not too far behind; else return ()."""
        if not self._is_up:
            return ()
        try:
            async with self._pool.connect() as connection, _one_server(connection):
                return (await read_(connection),) if await self._has(connection, after) else ()
        except UnavailableError as error:
            # A statement that took too long, or conflicted with the replay, does not mean that the replica is gone.
            if not isinstance(error.__cause__, QueryCanceled | SerializationFailure):
                self._stop_using()
            return ()

    def _forget_from(self, following: int) -> None:
        """Forget transactions that the primary has not begun: a restored server counts its own from a lower number."""
        if any(written >= following for written in self._written.values()):
            self._written = {user: written for user, written in self._written.items() if written < following}
            self._positions.clear()

    def _stop_using(self) -> None:
        if self._is_up:
            self._is_up = False
            logger.warning("reading from the primary: the replica is not there, or too far behind")

    async def _watch(self) -> None:
        """Record the primary's position every second, and read from the replica as soon as possible."""
        while True:
            with _logged_errors():
                now = time.monotonic()
                [(position,)] = await self._primary.fetch(PRIMARY_IS_AT, {})
                self._positions.append((now, position))
                [(following,)] = await self._primary.fetch(_NEXT_TRANSACTION, {})
                self._forget_from(following)
                if not self._is_up:
                    await self._try_using()
            await asyncio.sleep(REPLICA_ANSWER_LIFETIME)

    async def _try_using(self) -> None:
        if not self._notes_writes:
            await indexes.build_written(self._primary.conninfo)
            async with self._primary.connect() as connection:
                self._notes_writes = await indexes.has_written(connection)
        async with self._pool.connect() as connection:
            self._observed[connection] = await self._ask(connection)
        self._is_up = self._notes_writes
        if self._is_up:
            logger.info("reading from the replica")

    async def _has(self, connection: Connection, after: int) -> bool:
        """Return whether the server of a connection has all up to a transaction. Raises UnavailableError if it lags.

        Behind a pooler each transaction may have another server, so nothing is remembered there.
        """
        observed = None if is_pooled(connection) else self._observed.get(connection)
        if observed is None or time.monotonic() - observed.at > REPLICA_ANSWER_LIFETIME or observed.finished <= after:
            self._observed[connection] = observed = await self._ask(connection)
        return observed.finished > after

    async def _ask(self, connection: Connection) -> _Observed:
        now = time.monotonic()
        while self._positions and now - self._positions[0][0] > MAX_REPLICA_LAG:
            self._positions.popleft()
        rows = await fetch(connection, REPLICA_IS_AT, {})
        if not rows or not self._positions or rows[0][1] < self._positions[0][1]:
            raise UnavailableError
        return _Observed(now, rows[0][0])


def _one_server(connection: Connection) -> AbstractAsyncContextManager[None]:
    """Keep one server of a pooler for the question and the read that follows."""
    return transaction(connection) if is_pooled(connection) else nullcontext()


@contextmanager
def _logged_errors() -> Iterator[None]:
    """Log errors and go on, so that the replica is tried again in a second."""
    try:
        yield
    except UnavailableError:
        pass
    except Exception:
        logger.exception("the replica could not be read")
