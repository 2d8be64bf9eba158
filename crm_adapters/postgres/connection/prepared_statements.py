"""Sends statements by the protocol of libpq, each prepared when it is first run.

A psycopg cursor parses a statement and looks up its types each time. Without a cursor, point reads are 1.45 times as
fast. This is the only module that uses psycopg's internals (``generators``, ``Transformer``).
"""

import itertools
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final, TypeAlias

from psycopg import AsyncConnection, generators
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGresult

Row: TypeAlias = tuple[Any, ...]
Params: TypeAlias = Mapping[str, object]

_PARAMETER: Final = re.compile(rb"%\((\w+)\)([sb])")
#: Named statements of one connection; further ones share the unnamed statement, which the server replaces each time.
_MAX_PREPARED: Final = 500


class PreparedStatements:
    """The prepared statements of one connection, which must be in autocommit mode: this class begins no transaction."""

    def __init__(self) -> None:
        self._names: dict[tuple[bytes, tuple[int, ...]], bytes] = {}
        self._numbers = itertools.count()

    async def run(self, connection: AsyncConnection[Row], statement: bytes, params: Params) -> Sequence[Row]:
        """Run a statement and return its rows; none if it returns none.

        Args:
            connection: the connection; not kept here, so that the two form no cycle.
            statement: SQL with ``%(name)s`` placeholders for parameters in text format and ``%(name)b`` for binary.
            params: the values by name.
        """
        text, formats = _numbered(statement)
        transformer = Transformer(connection)
        values = transformer.dump_sequence([params[name] for name in formats], list(formats.values()))
        prepared = await self._prepare(connection, statement, text, transformer.types or ())
        connection.pgconn.send_query_prepared(prepared, values, transformer.formats, Format.BINARY)
        result = await _result(connection)
        transformer.set_pgresult(result)
        return transformer.load_rows(0, result.ntuples, tuple)

    async def _prepare(
        self, connection: AsyncConnection[Row], statement: bytes, text: bytes, types: tuple[int, ...]
    ) -> bytes:
        """Return the name of the statement for parameters of these types, prepared if it was not yet."""
        name = self._names.get((statement, types))
        if name is None:
            # A name is never used twice: a call cancelled here leaves a statement that only the server knows.
            name = b"crm_%d" % next(self._numbers) if len(self._names) < _MAX_PREPARED else b""
            connection.pgconn.send_prepare(name, text, types)
            await _result(connection)
            if name:
                self._names[statement, types] = name
        return name


async def _result(connection: AsyncConnection[Row]) -> PGresult:
    results: Sequence[PGresult] = await connection.wait(generators.execute(connection.pgconn))
    [result] = results
    if result.status not in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
        raise error_from_result(result)
    return result


@cache
def _numbered(statement: bytes) -> tuple[bytes, Mapping[str, PyFormat]]:
    """Return a statement with libpq's numbered parameters, and the formats of its parameters by name, in order."""
    formats = {name.decode(): PyFormat(letter.decode()) for name, letter in _PARAMETER.findall(statement)}
    numbers = {name.encode(): b"$%d" % number for number, name in enumerate(formats, 1)}
    return _PARAMETER.sub(lambda match: numbers[match[1]], statement).replace(b"%%", b"%"), formats
