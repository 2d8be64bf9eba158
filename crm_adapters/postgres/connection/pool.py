"""The pool of connections, and how it recovers when the server closes them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, Self, TypeVar

import psycopg
from psycopg import sql
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from crm_adapters.postgres.connection.errors import translated
from crm_adapters.postgres.connection.options import parameters
from crm_adapters.postgres.connection.session import Connection, Params, Row, Session, begin_session, fetch, transaction
from crm_adapters.postgres.connection.timeouts import (
    ANSWER_TIMEOUT,
    MAX_CHECK_WAIT,
    MAX_CONNECTION_WAIT,
    MAX_RECONNECT,
)
from crm_core.errors import UnavailableError

T = TypeVar("T")

#: The most connections of a pool by default.
POOL_SIZE: Final = 16
#: How many requests may wait for each connection of the pool; more are refused at once.
_MAX_WAITING_PER_CONNECTION: Final = 16


class Pool:
    """A bounded pool of connections whose sessions are set up for this adapter; open within ``async with``.

    Args:
        conninfo: a libpq URL or connection string.
        size: the most connections.
        target_session_attrs: which of several hosts to connect to, unless the URL says so itself.
    """

    def __init__(self, conninfo: str, *, size: int = POOL_SIZE, target_session_attrs: str = "read-write") -> None:
        self.conninfo = conninfo
        self._checking: asyncio.Future[None] | None = None
        self._pool: AsyncConnectionPool[Session] = AsyncConnectionPool(
            connection_class=Session,
            kwargs={"autocommit": True, **parameters(conninfo, target_session_attrs=target_session_attrs)},
            min_size=min(2, size),
            max_size=size,
            max_waiting=_MAX_WAITING_PER_CONNECTION * size,
            timeout=MAX_CONNECTION_WAIT,
            reconnect_timeout=MAX_RECONNECT,
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
        """Return how many connections are used and idle, and how many requests wait for one."""
        now = self._pool.get_stats()
        idle = now["pool_available"]
        return {"used": now["pool_size"] - idle, "idle": idle, "awaited": now["requests_waiting"]}

    @asynccontextmanager
    async def connect(self, answer_timeout: float = ANSWER_TIMEOUT) -> AsyncIterator[Connection]:
        """Lend a connection. If it breaks, the pool checks the others, which a restart of the server breaks too.

        If its server has become read-only, as after a failover, all connections are replaced.

        Args:
            answer_timeout: seconds that each answer may take.
        """
        with translated():
            async with self._lend(answer_timeout) as connection:
                yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection for a transaction of your own, which is committed at the end of the block.

        ``PostgresDatabase.on(connection)`` changes records in it. Errors of your own statements stay psycopg's; JSON
        comes as bytes, and a statement may take STATEMENT_TIMEOUT. Raises UnavailableError if there is no connection.
        """
        async with self._lend(ANSWER_TIMEOUT) as connection, transaction(connection):
            yield connection

    @asynccontextmanager
    async def _lend(self, answer_timeout: float) -> AsyncIterator[Session]:
        # The pool's own context would end a transaction, too. In autocommit mode there is none, and to ask for that
        # takes a quarter of the time of a statement.
        with translated():
            connection = await self._pool.getconn()
        connection.answer_timeout = answer_timeout
        try:
            yield connection
        except psycopg.errors.ReadOnlySqlTransaction:
            await connection.close()
            self._repair(self._pool.drain)
            raise
        finally:
            connection.answer_timeout = ANSWER_TIMEOUT
            if connection.broken:
                self._repair(self._pool.check)
            await self._pool.putconn(connection)

    def _repair(self, connections: Callable[[], Awaitable[None]]) -> None:
        if self._checking is None or self._checking.done():
            self._checking = asyncio.ensure_future(connections())

    async def fetch(self, statement: bytes | sql.Composed, params: Params) -> Sequence[Row]:
        """Run one statement on any connection and return its rows."""
        async with self.connect() as connection:
            return await fetch(connection, statement, params)

    async def reading(self, read_: Callable[[Connection], Awaitable[T]]) -> T:
        """Run a read function, and once more on another connection if the server closed the first one."""
        try:
            async with self.connect() as connection:
                return await read_(connection)
        except UnavailableError as error:
            if not _lost_connection(error.__cause__):
                raise
        self._repair(self._pool.check)
        assert self._checking is not None  # noqa: S101  # it is running
        await asyncio.wait({self._checking}, timeout=MAX_CHECK_WAIT)
        async with self.connect() as connection:
            return await read_(connection)

    async def fetch_again(self, statement: bytes | sql.Composed, params: Params) -> Sequence[Row]:
        """Run a statement that only reads, and once more if the connection was lost."""
        return await self.reading(lambda connection: fetch(connection, statement, params))


def _lost_connection(error: BaseException | None) -> bool:
    """Return whether the server closed the connection, as when it restarts; a time limit does not count."""
    return (
        isinstance(error, psycopg.OperationalError)
        and not isinstance(error, PoolTimeout | TooManyRequests | psycopg.errors.ConnectionTimeout)
        and (error.sqlstate is None or error.sqlstate.startswith("57P"))
    )
