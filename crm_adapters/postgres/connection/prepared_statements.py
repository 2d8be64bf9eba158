"""Sends statements by the protocol of libpq, each prepared when it is first run.

A psycopg cursor parses a statement and looks up its types each time. Without a cursor, point reads are 1.45 times as
fast. This is the only module that uses psycopg's internals (``generators``, ``Transformer``).
"""

import itertools
import re
import struct
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple, TypeAlias

from psycopg import AsyncConnection, abc, generators
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import InvalidSqlStatementName, error_from_result
from psycopg.pq import ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGresult

from crm_adapters.postgres.connection.binary_arrays import TYPES, ElementType, write_array

Row: TypeAlias = tuple[Any, ...]
Params: TypeAlias = Mapping[str, object]

#: A parameter: its name, its format, and the type of its elements where it is an array of a known type.
_PARAMETER: Final = re.compile(rb"%%\((\w+)\)([sb])(?:(?<=b)(?=::(%b)\[\]))?" % "|".join(TYPES).encode())
#: Named statements of one connection; further ones share the unnamed statement, which the server replaces each time.
_MAX_PREPARED: Final = 500


class _Parameter(NamedTuple):
    """How a parameter is sent; ``of`` is the type of the elements of an array."""

    format: PyFormat
    of: ElementType | None


class _Dumped(NamedTuple):
    """Parameters as libpq sends them: the oids of their types, their values and formats."""

    types: tuple[int, ...]
    values: Sequence[abc.Buffer | None]
    formats: Sequence[Format]


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
        try:
            return await self._run(connection, statement, params)
        except InvalidSqlStatementName:  # the owner of a transaction has run DEALLOCATE ALL or DISCARD ALL
            self._names.clear()
            if connection.info.transaction_status != TransactionStatus.IDLE:
                raise
            return await self._run(connection, statement, params)

    async def _run(self, connection: AsyncConnection[Row], statement: bytes, params: Params) -> Sequence[Row]:
        text, parameters = _numbered(statement)
        transformer = Transformer(connection)
        dumped = _dumped(transformer, parameters, params)
        prepared = await self._prepare(connection, statement, text, dumped.types)
        connection.pgconn.send_query_prepared(prepared, dumped.values, dumped.formats, Format.BINARY)
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
def _numbered(statement: bytes) -> tuple[bytes, Mapping[str, _Parameter]]:
    """Return a statement with libpq's numbered parameters, and its parameters by name, in order."""
    found = _PARAMETER.findall(statement)
    types = {name: TYPES[of.decode()] for name, _, of in found if of}
    parameters = {name.decode(): _Parameter(PyFormat(letter.decode()), types.get(name)) for name, letter, _ in found}
    numbers = {name.encode(): b"$%d" % number for number, name in enumerate(parameters, 1)}
    return _PARAMETER.sub(lambda match: numbers[match[1]], statement).replace(b"%%", b"%"), parameters


def _dumped(transformer: abc.Transformer, parameters: Mapping[str, _Parameter], params: Params) -> _Dumped:
    """Return the values of the parameters as libpq sends them."""
    arrays = {name: written for name, each in parameters.items() if (written := _as_array(each.of, params[name]))}
    others = [None if name in arrays else params[name] for name in parameters]
    values = list(transformer.dump_sequence(others, [each.format for each in parameters.values()]))
    types, formats = list(transformer.types or ()), list(transformer.formats or ())
    for index, name in enumerate(parameters):
        if name in arrays:
            types[index], values[index], formats[index] = arrays[name]
    return _Dumped(tuple(types), values, formats)


def _as_array(of: ElementType | None, value: object) -> tuple[int, bytes, Format] | None:
    """Return the oid, the bytes and the format of an array; None for what psycopg must find out the type of."""
    if of is None or not isinstance(value, list):
        return None
    try:
        return of.array_oid, write_array(of, value), Format.BINARY
    except (TypeError, AttributeError, struct.error):
        return None
