"""One server for all tests of the folder, which are skipped where there can be none."""

from collections.abc import Iterator, Mapping

import pytest

from tests.mariadb import server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[Mapping[str, str]]:
    """How to reach the server."""
    if reason := server.missing():
        pytest.skip(reason)
    with server.running() as address:
        yield address
