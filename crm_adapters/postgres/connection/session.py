"""Connections as this adapter uses them: how rows come back, and a runner of single statements."""

import itertools
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final, TypeAlias

from psycopg import AsyncConnection, generators, sql
from psycopg.abc import AdaptContext
from psycopg.adapt import Buffer, Loader, PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.rows import AsyncRowFactory, tuple_row

from crm_adapters.postgres.connection.options import SET_LOCAL, is_pooled
from crm_adapters.postgres.connection.timeout_connection import TimeoutConnection

Row: TypeAlias = tuple[Any, ...]
Connection: TypeAlias = AsyncConnection[Row]
Params: TypeAlias = Mapping[str, object]


_PARAMETER: Final = re.compile(rb"%\((\w+)\)([sb])")
_MOST_PREPARED: Final = 500


class _JsonBytes(Loader):
    """JSON is passed on as the bytes it is stored as."""

    def load(self, data: Buffer) -> bytes:
        """The bytes as they came."""
        return bytes(data)


class _JsonBytesBinary(_JsonBytes):
    format = Format.BINARY


class Session(TimeoutConnection):
    """A connection of this adapter's own: JSON comes back as bytes, and a statement is prepared when it is first run.

    A cursor does for each statement what is the same each time; without one it takes half of the processor's time.
    Must be in autocommit mode: without a cursor nothing begins a transaction.
    """

    def __init__(self, pgconn: PGconn, row_factory: AsyncRowFactory[Row] = tuple_row) -> None:
        super().__init__(pgconn, row_factory)
        self._statements: dict[tuple[bytes, tuple[int, ...]], bytes] = {}
        self._numbers = itertools.count()
        _adapt(self)

    async def ask(self, statement: bytes, params: Params) -> Sequence[Row]:
        """Run a statement and give its rows, if it gives any."""
        text, formats = _numbered(statement)
        transformer = Transformer(self)
        values = transformer.dump_sequence([params[name] for name in formats], list(formats.values()))
        prepared = await self._prepare(statement, text, transformer.types or ())
        self.pgconn.send_query_prepared(prepared, values, transformer.formats, Format.BINARY)
        result = await self._result()
        transformer.set_pgresult(result)
        return transformer.load_rows(0, result.ntuples, tuple)

    async def _prepare(self, statement: bytes, text: bytes, types: tuple[int, ...]) -> bytes:
        """The name of a statement whose parameters have these types. The unnamed one has room for the latest only."""
        name = self._statements.get((statement, types))
        if name is None:
            # No name twice: whoever is cancelled here leaves a statement that only the server knows of.
            name = b"crm_%d" % next(self._numbers) if len(self._statements) < _MOST_PREPARED else b""
            self.pgconn.send_prepare(name, text, types)
            await self._result()
            if name:
                self._statements[statement, types] = name
        return name

    async def _result(self) -> PGresult:
        results: Sequence[PGresult] = await self.wait(generators.execute(self.pgconn))
        [result] = results
        if result.status not in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
            raise error_from_result(result)
        return result


@cache
def _numbered(statement: bytes) -> tuple[bytes, Mapping[str, PyFormat]]:
    """A statement with libpq's numbered parameters, and the names and formats that they had."""
    formats = {name.decode(): PyFormat(letter.decode()) for name, letter in _PARAMETER.findall(statement)}
    numbers = {name.encode(): b"$%d" % number for number, name in enumerate(formats, 1)}
    return _PARAMETER.sub(lambda found: numbers[found[1]], statement).replace(b"%%", b"%"), formats


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
    if isinstance(connection, Session) and isinstance(statement, bytes) and not is_pooled(connection):
        return await connection.ask(statement, params)
    cursor = connection.cursor(binary=True)
    if not isinstance(connection, Session):
        _adapt(cursor)  # a connection of somebody else's is left as it is
    if is_pooled(connection) and connection.autocommit and _is_idle(connection):
        async with connection.pipeline():  # one transaction, in one go
            await connection.execute(SET_LOCAL)
            await cursor.execute(statement, params)
    else:
        await cursor.execute(statement, params, prepare=isinstance(statement, bytes))
    return await cursor.fetchall() if cursor.description else ()
