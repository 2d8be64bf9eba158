"""Connections as this adapter uses them: how rows come back, and a runner of single statements."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from psycopg import AsyncConnection, adapters, sql
from psycopg.abc import AdaptContext
from psycopg.adapt import Buffer, Loader
from psycopg.pq import Format

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


SESSION: Final = (
    "-c statement_timeout=5s -c lock_timeout=2s -c idle_in_transaction_session_timeout=10s -c timezone=UTC -c jit=off"
)


async def configure(connection: Connection) -> None:
    """Prepare a new connection: autocommit, and JSON as bytes."""
    await connection.set_autocommit(True)
    _adapt(connection)


def _adapt(context: AdaptContext) -> None:
    """Let JSON come back as bytes."""
    context.adapters.register_loader("json", _JsonBytes)
    context.adapters.register_loader("json", _JsonBytesBinary)


async def fetch(connection: Connection, statement: bytes | sql.Composed, params: Params) -> Sequence[Row]:
    """Run one statement and give its rows, if it gives any.

    One that is composed is planned anew for its values; one of bytes is planned once for a connection.
    """
    cursor = connection.cursor(binary=True)
    if connection.adapters.get_loader(_JSON, Format.BINARY) is not _JsonBytesBinary:
        _adapt(cursor)  # a connection of somebody else's is left as it is
    await cursor.execute(statement, params, prepare=isinstance(statement, bytes))
    return await cursor.fetchall() if cursor.description else ()
