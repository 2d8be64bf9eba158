"""Rows in the text format of COPY, and what makes a table fast after many came."""

from collections.abc import Sequence
from contextlib import suppress

from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from crm_adapters.postgres.connection.options import connect

_NULL = b"\\N"


def line(*cells: object) -> bytes:
    """Return a row in the text format of COPY."""
    return b"\t".join(map(_cell, cells)) + b"\n"


def _cell(value: object) -> bytes:
    if value is None:
        return _NULL
    return _escaped(value if isinstance(value, bytes) else str(value).encode())


def _escaped(cell: bytes) -> bytes:
    escaped = cell.replace(b"\\", b"\\\\") if b"\\" in cell else cell
    return escaped if cell.isalnum() else escaped.replace(b"\n", b"\\n").replace(b"\t", b"\\t").replace(b"\r", b"\\r")


async def analyze(conninfo: str, tables: Sequence[str]) -> None:
    """Run ANALYZE on tables, and flush the pending lists of their GIN indexes."""
    async with await connect(conninfo, autocommit=True) as connection:
        for table in tables:
            with suppress(InsufficientPrivilege):  # then autovacuum does it later
                await connection.execute(sql.SQL("vacuum (analyze) {}").format(sql.Identifier(table)))
