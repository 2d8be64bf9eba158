"""The pool of connections, and what is done when a server hangs up."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, Self, TypeVar

import psycopg
from psycopg import sql
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from crm_adapters.postgres.connection.errors import translated
from crm_adapters.postgres.connection.options import begin_session, parameters
from crm_adapters.postgres.connection.session import Connection, Params, Row, Session, fetch
from crm_adapters.postgres.connection.timeouts import PATIENCE
from crm_core.errors import UnavailableError

T = TypeVar("T")

#: Seconds after which a connection that cannot be made is given up; the next request begins anew. The pool would wait
#: twice as long each time, and be the last to notice that a server is back.
_RECONNECT_SECONDS: Final = 0.2
#: Seconds that a request waits while all connections are looked at.
_CHECK_SECONDS: Final = 1.0


class Pool:
    """A bounded pool of connections whose sessions are set up for this adapter; open within ``async with``.

    Args:
        conninfo: a libpq URL or connection string.
        size: the most connections.
        wanted: which of several hosts is connected to (``target_session_attrs``), where the URL does not say.
    """

    def __init__(self, conninfo: str, *, size: int = 16, wanted: str = "read-write") -> None:
        self.conninfo = conninfo
        self._checking: asyncio.Future[None] | None = None
        self._pool: AsyncConnectionPool[Session] = AsyncConnectionPool(
            connection_class=Session,
            kwargs={"autocommit": True, **parameters(conninfo, wanted=wanted)},
            min_size=min(2, size),
            max_size=size,
            max_waiting=16 * size,
            timeout=1.0,
            reconnect_timeout=_RECONNECT_SECONDS,
            configure=begin_session,
            open=False,
        )

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Start connecting; does not wait until a server answers."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Close all connections."""
        if self._checking is not None:
            await asyncio.gather(self._checking, return_exceptions=True)
        await self._pool.close()

    def figures(self) -> Mapping[str, int]:
        """How many connections are used and idle, and how many requests wait for one."""
        now = self._pool.get_stats()
        idle = now["pool_available"]
        return {"used": now["pool_size"] - idle, "idle": idle, "awaited": now["requests_waiting"]}

    @asynccontextmanager
    async def connect(self, patience: float = PATIENCE) -> AsyncIterator[Connection]:
        """Lend a connection. One found broken makes the pool check the others, which a restart will have broken too.

        One to a server that only reads now, as after a failover, is given up with all others.

        Args:
            patience: seconds that each answer may take.
        """
        with translated():
            async with self._pool.connection() as connection:
                connection.patience = patience
                try:
                    yield connection
                except psycopg.errors.ReadOnlySqlTransaction:
                    await connection.close()
                    self._look_after(self._pool.drain)
                    raise
                finally:
                    connection.patience = PATIENCE
                    if connection.broken:
                        self._look_after(self._pool.check)

    def _look_after(self, connections: Callable[[], Awaitable[None]]) -> None:
        if self._checking is None or self._checking.done():
            self._checking = asyncio.ensure_future(connections())

    async def fetch(self, statement: bytes | sql.Composed, params: Params) -> Sequence[Row]:
        """Run one statement on any connection."""
        async with self.connect() as connection:
            return await fetch(connection, statement, params)

    async def reading(self, read_: Callable[[Connection], Awaitable[T]]) -> T:
        """Read something on any connection, and once more if that was lost, as all are when a server restarts."""
        try:
            async with self.connect() as connection:
                return await read_(connection)
        except UnavailableError as error:
            if not _lost_connection(error.__cause__):
                raise
        self._look_after(self._pool.check)
        assert self._checking is not None  # noqa: S101  # it is under way
        await asyncio.wait({self._checking}, timeout=_CHECK_SECONDS)
        async with self.connect() as connection:
            return await read_(connection)

    async def fetch_again(self, statement: bytes | sql.Composed, params: Params) -> Sequence[Row]:
        """As fetch, for statements that only read."""
        return await self.reading(lambda connection: fetch(connection, statement, params))


def _lost_connection(error: BaseException | None) -> bool:
    """Whether the server hung up, as one does that restarts; waiting in vain for it is another matter."""
    return (
        isinstance(error, psycopg.OperationalError)
        and not isinstance(error, PoolTimeout | TooManyRequests | psycopg.errors.ConnectionTimeout)
        and (error.sqlstate is None or error.sqlstate.startswith("57P"))
    )
