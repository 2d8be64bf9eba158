"""The connection class of this adapter, and a function that runs one statement on any connection."""

from collections.abc import Sequence
from typing import TypeAlias

from psycopg import AsyncConnection, sql
from psycopg.abc import AdaptContext
from psycopg.adapt import Buffer, Loader
from psycopg.pq import Format, TransactionStatus
from psycopg.pq.abc import PGconn
from psycopg.rows import AsyncRowFactory, tuple_row

from crm_adapters.postgres.connection.options import SET_LOCAL, is_pooled
from crm_adapters.postgres.connection.prepared_statements import Params, PreparedStatements, Row
from crm_adapters.postgres.connection.timeout_connection import TimeoutConnection

__all__ = ["Connection", "Params", "Row", "Session", "fetch"]

Connection: TypeAlias = AsyncConnection[Row]


class _JsonBytes(Loader):
    """Loads JSON as the bytes that are stored."""

    def load(self, data: Buffer) -> bytes:
        """Return the bytes as they came."""
        return bytes(data)


class _JsonBytesBinary(_JsonBytes):
    format = Format.BINARY


class Session(TimeoutConnection):
    """A connection of this adapter, in autocommit mode: JSON comes back as bytes, and statements are prepared."""

    def __init__(self, pgconn: PGconn, row_factory: AsyncRowFactory[Row] = tuple_row) -> None:
        super().__init__(pgconn, row_factory)
        self.statements = PreparedStatements()
        _load_json_as_bytes(self)


def _load_json_as_bytes(context: AdaptContext) -> None:
    context.adapters.register_loader("json", _JsonBytes)
    context.adapters.register_loader("json", _JsonBytesBinary)


async def fetch(connection: Connection, statement: bytes | sql.Composed, params: Params) -> Sequence[Row]:
    """Run one statement and return its rows; none if it returns none.

    Args:
        connection: any connection; one that is not a Session keeps its own settings.
        statement: bytes are prepared once per connection; a Composed is planned for its values at each call.
        params: the values by name.
    """
    if isinstance(connection, Session) and isinstance(statement, bytes) and not is_pooled(connection):
        return await connection.statements.run(connection, statement, params)
    cursor = connection.cursor(binary=True)
    if not isinstance(connection, Session):
        _load_json_as_bytes(cursor)  # only for this cursor: the connection belongs to the caller
    if is_pooled(connection) and connection.autocommit and _is_idle(connection):
        async with connection.pipeline():  # one transaction, in one round trip
            await connection.execute(SET_LOCAL)
            await cursor.execute(statement, params)
    else:
        await cursor.execute(statement, params, prepare=isinstance(statement, bytes))
    return await cursor.fetchall() if cursor.description else ()


def _is_idle(connection: Connection) -> bool:
    return connection.info.transaction_status == TransactionStatus.IDLE
