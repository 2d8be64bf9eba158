"""Connections that belong to the caller: blocking or not, with row factories, cursors and adapters of their own."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final
from weakref import WeakKeyDictionary

import psycopg
from psycopg import AsyncConnection, AsyncCursor, Cursor, sql
from psycopg.adapt import AdaptersMap
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from crm_adapters.postgres.connection.prepared_statements import Params, Row
from crm_adapters.postgres.connection.session import Session, fetch, load_json_as_bytes

#: How values are converted, whatever the connection's owner has changed: Django converts times and JSON itself.
_ADAPTERS: Final = AdaptersMap(psycopg.adapters)
_ISOLATION: Final = b"select current_setting('transaction_isolation')"
#: Savepoints of a connection are inside each other, so two that are made at once would end in the wrong order.
_turns: Final[WeakKeyDictionary[AsyncConnection[Any], asyncio.Lock]] = WeakKeyDictionary()


class _OwnCursor(Cursor[Row]):
    @property
    def adapters(self) -> AdaptersMap:
        return _ADAPTERS


class _OwnAsyncCursor(AsyncCursor[Row]):
    @property
    def adapters(self) -> AdaptersMap:
        return _ADAPTERS


class _OnlyJson:
    """What ``load_json_as_bytes`` changes."""

    adapters = _ADAPTERS
    connection = None


load_json_as_bytes(_OnlyJson())


class LentConnection:
    """A connection of the caller, inside the caller's own transaction. It stays as it is.

    Args:
        connection: the connection; a blocking one blocks, so that a call on it never waits for the event loop.
    """

    def __init__(self, connection: AsyncConnection[Any] | psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._is_checked = False

    async def run(self, statement: bytes | sql.Composed, params: Params) -> Sequence[Row]:
        """Run one statement and return its rows; none if it returns none. Raises ValueError for an unfit connection."""
        if not self._is_checked:
            await self._check()
        return await self._run(statement, params, is_prepared=isinstance(statement, bytes))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Run a block inside a savepoint; blocks that begin meanwhile wait for their turn."""
        await self.run(b"select", {})  # the first block of an idle connection would be the outermost, and commit
        if isinstance(self._connection, psycopg.Connection):
            with self._connection.transaction():
                yield
        else:
            async with _turns.setdefault(self._connection, asyncio.Lock()), self._connection.transaction():
                yield

    async def pieces(self, statement: bytes, params: Params, size: int) -> AsyncIterator[Sequence[Row]]:
        """Yield the rows of a statement some at a time, so that not all of them are in memory."""
        await self.run(b"select", {})
        await self._run(b"declare crm_pieces cursor for " + statement, params, is_prepared=False)
        while rows := await self._run(b"fetch forward %d from crm_pieces" % size, {}, is_prepared=False):
            yield rows
        await self._run(b"close crm_pieces", {}, is_prepared=False)

    async def _run(self, statement: bytes | sql.Composed, params: Params, *, is_prepared: bool) -> Sequence[Row]:
        if isinstance(self._connection, psycopg.Connection):
            cursor = _OwnCursor(self._connection, row_factory=tuple_row)
            cursor.format = psycopg.pq.Format.BINARY
            cursor.execute(statement, params, prepare=is_prepared)
            return cursor.fetchall() if cursor.description else ()
        if is_prepared and isinstance(self._connection, Session) and not self._connection.is_pooled:
            async with self._connection.lock:  # as a cursor has it; psycopg would prepare nothing there
                return await fetch(self._connection, statement, params)
        waiting = _OwnAsyncCursor(self._connection, row_factory=tuple_row)
        waiting.format = psycopg.pq.Format.BINARY
        await waiting.execute(statement, params, prepare=is_prepared)
        return await waiting.fetchall() if waiting.description else ()

    async def _check(self) -> None:
        """Raise ValueError unless there is a transaction, or will be, that sees what others commit meanwhile."""
        is_idle = self._connection.info.transaction_status == TransactionStatus.IDLE
        if is_idle and self._connection.autocommit:
            raise ValueError("this connection has no transaction: begin one, and use PostgresDatabase.on inside it")
        [(isolation,)] = await self._run(_ISOLATION, {}, is_prepared=False)  # psycopg begins a transaction here
        if isolation != "read committed":
            text = f"this transaction is {isolation.upper()}: PostgresDatabase.on works in READ COMMITTED only"
            raise ValueError(text)
        self._is_checked = True
