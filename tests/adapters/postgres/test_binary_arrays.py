"""Arrays in PostgreSQL's binary format."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest

from crm_adapters.postgres.connection.binary_arrays import TYPES
from crm_adapters.postgres.connection.pool import Pool
from crm_core.errors import InvalidError

VALUES = {
    "boolean": [True, False, None],
    "bytea": [b"", b"\x00\xff"],
    "bigint": [-(2**63), 2**63 - 1],
    "smallint": [-1, 2**15 - 1],
    "integer": [-(2**31), None, 2**31 - 1],
    "text": ["", "é", "a,{}\"'", None],
    "float8": [-0.5, 1e300, 3],
    "timestamptz": [datetime(1, 1, 2, tzinfo=UTC), datetime(2026, 11, 26, 3, 19, 0, 1, tzinfo=UTC)],
    "uuid": [UUID(int=0), UUID(int=2**128 - 1)],
}


def test_every_type_arrives_as_it_was_sent(new_database: Callable[[], str]) -> None:
    async def scenario() -> None:
        async with Pool(new_database(), size=1) as pool:
            for name in TYPES:
                for values in (VALUES[name], []):
                    statement = b"select %%(values)b::%b[], %%(values)b::%b[]" % (name.encode(), name.encode())
                    assert await pool.fetch(statement, {"values": values}) == [(values, values)]

    asyncio.run(scenario())


def test_what_does_not_fit_is_refused_by_the_database(new_database: Callable[[], str]) -> None:
    async def scenario() -> None:
        async with Pool(new_database(), size=1) as pool:
            with pytest.raises(InvalidError):
                await pool.fetch(b"select %(values)b::integer[]", {"values": [2**31]})
            assert await pool.fetch(b"select %(values)b::text[]", {"values": [1, 2]}) == [(["1", "2"],)]

    asyncio.run(scenario())
