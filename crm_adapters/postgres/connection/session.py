"""Sessions: the connection class of this adapter, its settings and transactions, and how it runs one statement.

It also works behind a transaction pooler such as PgBouncer, and gives up a server that neither answers nor closes the
connection: a server cancels a statement that takes too long, but not when it is frozen or cut off from the network. TCP
alone would wait for a quarter of an hour, and a Unix socket forever.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol, TypeAlias, TypeVar

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.abc import AdaptContext, PQGen
from psycopg.adapt import Buffer, Loader
from psycopg.pq import TransactionStatus
from psycopg.pq.abc import PGconn
from psycopg.rows import AsyncRowFactory, tuple_row
from psycopg.types.string import ByteaBinaryLoader

from crm_adapters.postgres.connection.prepared_statements import Params, PreparedStatements, Row
from crm_adapters.postgres.connection.timeouts import (
    ANSWER_TIMEOUT,
    IDLE_IN_TRANSACTION_TIMEOUT,
    LOCK_TIMEOUT,
    STATEMENT_TIMEOUT,
)

__all__ = [
    "SETTINGS",
    "SET_LOCAL",
    "Connection",
    "Params",
    "Reading",
    "Row",
    "Session",
    "TimeoutConnection",
    "begin_session",
    "fetch",
    "is_behind_pooler",
    "is_pooled",
    "transaction",
]

Connection: TypeAlias = AsyncConnection[Row]
#: Runs a read function on a connection that the pool or the replica lends.
Reading: TypeAlias = Callable[[Callable[[Connection], Awaitable[Any]]], Awaitable[Any]]


T = TypeVar("T")


class TimeoutConnection(AsyncConnection[tuple[Any, ...]]):
    """A connection that closes its own socket when an answer takes longer than ``answer_timeout`` seconds."""

    answer_timeout = ANSWER_TIMEOUT

    async def wait(self, gen: PQGen[T], *given: Any, **named: Any) -> T:
        """Wait for the server, as every operation does. Raises ConnectionTimeout when it does not answer."""
        timer = asyncio.get_running_loop().call_later(self.answer_timeout, _hang_up, self.pgconn.socket)
        try:
            return await super().wait(gen, *given, **named)
        except psycopg.OperationalError as error:
            if timer.when() <= asyncio.get_running_loop().time():
                raise psycopg.errors.ConnectionTimeout("the server does not answer") from error
            raise
        finally:
            timer.cancel()


def _hang_up(descriptor: int) -> None:
    """Shut down a socket as if the server had, so that the waiting task continues and closes the connection."""
    with socket.socket(fileno=os.dup(descriptor)) as ours:
        ours.shutdown(socket.SHUT_RDWR)


#: The settings for every statement of a request.
SETTINGS: Final[Mapping[str, str]] = {
    "statement_timeout": f"{STATEMENT_TIMEOUT}s",
    "lock_timeout": f"{LOCK_TIMEOUT}s",
    "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_TIMEOUT}s",
    "timezone": "UTC",
    "jit": "off",
}


_SET: Final = b"""
select set_config(name, setting, false) from unnest(%(names)s::text[], %(settings)s::text[]) as own (name, setting)"""


SET_LOCAL: Final = (
    "select " + ", ".join(f"set_config('{name}', '{setting}', true)" for name, setting in SETTINGS.items())
).encode()


async def is_behind_pooler(connection: Connection) -> bool:
    """Return whether a pooler such as PgBouncer answers, which lends a server for one transaction at a time."""
    cursor = await connection.execute("select pg_backend_pid()", prepare=False)
    return await cursor.fetchone() != (connection.info.backend_pid,)


async def begin_session(connection: "Session") -> None:
    """Apply our settings to a new connection: for all of its life, or behind a pooler, in each transaction.

    Settings in the URL's ``options`` stay as they are.
    """
    connection.is_pooled = await is_behind_pooler(connection)
    if connection.is_pooled:
        return
    options = connection.info.get_parameters().get("options", "")
    settings = {name: setting for name, setting in SETTINGS.items() if f"{name}=" not in options}
    params = {"names": list(settings), "settings": list(settings.values())}
    await connection.execute(_SET, params, prepare=False)


def is_pooled(connection: Connection) -> bool:
    """Return whether the connection goes through a pooler, so that nothing of a session outlives its transaction."""
    return connection.is_pooled if isinstance(connection, Session) else connection.prepare_threshold is None


@asynccontextmanager
async def transaction(connection: Connection) -> AsyncIterator[None]:
    """Run a transaction with our settings."""
    async with connection.transaction():
        if is_pooled(connection):
            await connection.execute(SET_LOCAL)
        yield


class _JsonBytes(Loader):
    """Loads JSON in text format as the bytes that are stored."""

    def load(self, data: Buffer) -> bytes:
        """Return the bytes as they came."""
        return bytes(data)


class Session(TimeoutConnection):
    """A connection of this adapter, in autocommit mode: JSON comes back as bytes, and statements are prepared.

    It has no ``prepare_threshold``, so psycopg prepares none, not even for ``executemany`` or ``prepare=True`` in a
    transaction of an embedder: after a ROLLBACK, DROP or ALTER it would deallocate all, also ours.
    """

    def __init__(self, pgconn: PGconn, row_factory: AsyncRowFactory[Row] = tuple_row) -> None:
        super().__init__(pgconn, row_factory)
        self.is_pooled: bool = False
        self.statements: PreparedStatements = PreparedStatements()
        load_json_as_bytes(self)


def load_json_as_bytes(context: AdaptContext) -> None:
    """Have JSON loaded as the bytes that are stored."""
    context.adapters.register_loader("json", _JsonBytes)
    context.adapters.register_loader("json", ByteaBinaryLoader)


class Runs(Protocol):
    """A connection that runs statements in its own way."""

    async def run(self, statement: bytes | sql.Composed, params: Params) -> Sequence[Row]:
        """Run one statement and return its rows; none if it returns none."""
        ...


async def fetch(connection: Connection | Runs, statement: bytes | sql.Composed, params: Params) -> Sequence[Row]:
    """Run one statement and return its rows; none if it returns none.

    Args:
        connection: any connection.
        statement: bytes are prepared once per connection; a Composed is planned for its values at each call.
        params: the values by name.
    """
    if isinstance(connection, Session) and isinstance(statement, bytes) and not is_pooled(connection):
        return await connection.statements.run(connection, statement, params)
    if not isinstance(connection, AsyncConnection):
        return await connection.run(statement, params)
    cursor = connection.cursor(binary=True)
    if is_pooled(connection) and connection.autocommit and _is_idle(connection):
        async with connection.pipeline():  # one transaction, in one round trip
            await connection.execute(SET_LOCAL)
            await cursor.execute(statement, params)
    else:
        await cursor.execute(statement, params, prepare=isinstance(statement, bytes))
    return await cursor.fetchall() if cursor.description else ()


def _is_idle(connection: Connection) -> bool:
    return connection.info.transaction_status == TransactionStatus.IDLE
