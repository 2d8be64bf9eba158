"""The pool of connections, and how it recovers when the server closes them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Final, Self, TypeVar

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from crm_adapters.postgres.connection.errors import translated
from crm_adapters.postgres.connection.options import parameters
from crm_adapters.postgres.connection.recent_connections import RecentConnections
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

_NOT_OPEN: Final = (
    "this pool is not open: use it inside `async with Pool(url)`, or open it by `portal.open(lambda: Pool(url))`"
)
_ELSEWHERE: Final = (
    "this pool was opened in another event loop: open one in each, or make the calls in a crm_core.embedding.Portal"
)


class Pool:
    """A bounded pool of connections whose sessions are set up for this adapter; open within ``async with``.

    Args:
        conninfo: a libpq URL or connection string.
        size: the most connections.
        target_session_attrs: which of several hosts to connect to, unless the URL says so itself.
    """

    def __init__(self, conninfo: str, *, size: int = POOL_SIZE, target_session_attrs: str = "read-write") -> None:
        self.conninfo = conninfo
        self._loop: asyncio.AbstractEventLoop | None = None
        self._checking: asyncio.Future[None] | None = None
        self._pool: AsyncConnectionPool[Session] = AsyncConnectionPool(
            connection_class=Session,
            kwargs={
                "autocommit": True,
                "prepare_threshold": None,
                **parameters(conninfo, target_session_attrs=target_session_attrs),
            },
            min_size=min(2, size),
            max_size=size,
            max_waiting=_MAX_WAITING_PER_CONNECTION * size,
            timeout=MAX_CONNECTION_WAIT,
            reconnect_timeout=MAX_RECONNECT,
            configure=begin_session,
            open=False,
        )
        self._recent = RecentConnections(self._pool)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Start connecting; does not wait until a server answers."""
        self._loop = asyncio.get_running_loop()
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Close all connections."""
        if self._checking is not None:
            await asyncio.gather(self._checking, return_exceptions=True)
        await self._recent.close()
        await self._pool.close()

    def figures(self) -> Mapping[str, int]:
        """Return how many connections are used and idle, and how many requests wait for one."""
        now = self._pool.get_stats()
        idle = now["pool_available"] + self._recent.idle
        return {"used": now["pool_size"] - idle, "idle": idle, "awaited": now["requests_waiting"]}

    def connect(self, answer_timeout: float = ANSWER_TIMEOUT) -> AbstractAsyncContextManager[Connection]:
        """Lend a connection. If it breaks, the pool checks the others, which a restart of the server breaks too.

        If its server has become read-only, as after a failover, all connections are replaced.

        Args:
            answer_timeout: seconds that each answer may take.
        """
        return _Loan(self, answer_timeout)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection for a transaction of your own, which is committed at the end of the block.

        ``PostgresDatabase.on(connection)`` changes records in it. Errors of your own statements stay psycopg's; JSON
        comes as bytes, and a statement may take STATEMENT_TIMEOUT. Raises UnavailableError if there is no connection.
        """
        async with _Loan(self, ANSWER_TIMEOUT, translates=False) as connection, transaction(connection):
            try:
                yield connection
            finally:
                connection.row_factory = tuple_row

    async def lend(self, answer_timeout: float) -> Session:
        """Return a connection, which the caller gives back by ``take_back``. Raises UnavailableError.

        Raises RuntimeError if the pool was never opened, or in another event loop, whose connections stay there.
        """
        if asyncio.get_running_loop() is not self._loop:
            raise RuntimeError(_NOT_OPEN if self._loop is None else _ELSEWHERE)
        with translated():
            connection = await self._recent.take()
        connection.answer_timeout = answer_timeout
        return connection

    async def take_back(self, connection: Session, error: BaseException | None) -> None:
        """Take a connection back, with the error that ended its use."""
        connection.answer_timeout = ANSWER_TIMEOUT
        if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
            await connection.close()
            self._repair(self._pool.drain)
        elif connection.broken:
            self._repair(self._pool.check)
        await self._recent.give_back(connection)

    def _repair(self, connections: Callable[[], Awaitable[None]]) -> None:
        if self._checking is None or self._checking.done():
            self._checking = asyncio.ensure_future(self._replace(connections))

    async def _replace(self, connections: Callable[[], Awaitable[None]]) -> None:
        await self._recent.release()
        await connections()

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


class _Loan:
    """A connection that is lent for a block.

    psycopg's own context would end a transaction, too. In autocommit mode there is none, and to ask for that takes a
    quarter of the time of a statement.
    """

    def __init__(self, pool: Pool, answer_timeout: float, *, translates: bool = True) -> None:
        self._pool = pool
        self._answer_timeout = answer_timeout
        self._translates = translates

    async def __aenter__(self) -> Connection:
        self._connection = await self._pool.lend(self._answer_timeout)
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._pool.take_back(self._connection, error)
        if self._translates and isinstance(error, psycopg.Error):
            with translated():
                raise error


def _lost_connection(error: BaseException | None) -> bool:
    """Return whether the server closed the connection, as when it restarts; a time limit does not count."""
    return (
        isinstance(error, psycopg.OperationalError)
        and not isinstance(error, PoolTimeout | TooManyRequests | psycopg.errors.ConnectionTimeout)
        and (error.sqlstate is None or error.sqlstate.startswith("57P"))
    )
