"""One server for all tests of the folder, which are skipped where there can be none."""

import asyncio
from collections.abc import Iterator, Mapping

import pytest

from tests.mariadb import server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[Mapping[str, str]]:
    """How to reach a database of the server."""
    from tests.mariadb.opened import prepared  # noqa: PLC0415  # where there is no driver, tests are skipped before

    if reason := server.missing():
        pytest.skip(reason)
    with server.running() as address:
        yield asyncio.run(prepared(address))
