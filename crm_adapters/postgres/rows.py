"""Connections as this adapter uses them: how rows come back, and a runner of single statements."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from psycopg import AsyncConnection, adapters, sql
from psycopg.abc import AdaptContext
from psycopg.adapt import Buffer, Loader
from psycopg.pq import Format, TransactionStatus

from crm_adapters.postgres.sessions import SET_LOCAL, begin_session, is_pooled

Row: TypeAlias = tuple[Any, ...]
Connection: TypeAlias = AsyncConnection[Row]
Params: TypeAlias = Mapping[str, object]


_JSON: Final = adapters.types["json"].oid


class _JsonBytes(Loader):
    """JSON is passed on as the bytes it is stored as."""

    def load(self, data: Buffer) -> bytes:
        """The bytes as they came."""
        return bytes(data)


class _JsonBytesBinary(_JsonBytes):
    format = Format.BINARY


async def configure(connection: Connection) -> None:
    """Prepare a new connection: autocommit, JSON as bytes, and our settings."""
    await connection.set_autocommit(True)
    _adapt(connection)
    await begin_session(connection)


def _adapt(context: AdaptContext) -> None:
    """Let JSON come back as bytes."""
    context.adapters.register_loader("json", _JsonBytes)
    context.adapters.register_loader("json", _JsonBytesBinary)


def _is_idle(connection: Connection) -> bool:
    return connection.info.transaction_status == TransactionStatus.IDLE


async def fetch(connection: Connection, statement: bytes | sql.Composed, params: Params) -> Sequence[Row]:
    """Run one statement and give its rows, if it gives any.

    One that is composed is planned anew for its values; one of bytes is planned once for a connection.
    """
    cursor = connection.cursor(binary=True)
    if connection.adapters.get_loader(_JSON, Format.BINARY) is not _JsonBytesBinary:
        _adapt(cursor)  # a connection of somebody else's is left as it is
    if is_pooled(connection) and connection.autocommit and _is_idle(connection):
        async with connection.pipeline():  # one transaction, in one go
            await connection.execute(SET_LOCAL)
            await cursor.execute(statement, params)
    else:
        await cursor.execute(statement, params, prepare=isinstance(statement, bytes))
    return await cursor.fetchall() if cursor.description else ()
