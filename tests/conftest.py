"""What several rings share: one real PostgreSQL for a test process, with databases on it, and one real S3.

A server's module is imported by the fixture that starts it: ``core/`` runs without psycopg and boto3.
"""

import asyncio
import functools
import gc
import pathlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import hypothesis
import pytest

if TYPE_CHECKING:
    from tests.seaweedfs import S3

hypothesis.settings.register_profile("crm", deadline=None, derandomize=True, max_examples=60)
hypothesis.settings.load_profile("crm")


def pytest_collection_finish() -> None:
    """Leave what the tests are made of to itself: looking through it for garbage took a tenth of their time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def place() -> Iterator[pathlib.Path]:
    """A folder that PostgreSQL's own user can enter, which pytest's are not when root runs the tests."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="crm-tests-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_url(place: pathlib.Path) -> Iterator[str]:
    """A running PostgreSQL: CRM_TEST_DATABASE_URL, or an embedded one of this test process's own."""
    from tests import postgresql

    with postgresql.running(place / "data") as url:
        yield url


@pytest.fixture(scope="session")
def s3(place: pathlib.Path) -> "Iterator[S3]":
    """A running S3 server, with its credentials where boto3 looks for them."""
    from tests import seaweedfs

    with seaweedfs.running(place / "s3") as server, pytest.MonkeyPatch.context() as environment:
        for name, value in seaweedfs.CREDENTIALS.items():
            environment.setenv(name, value)
        yield server


@pytest.fixture(scope="session")
def new_database(postgres_url: str) -> Callable[..., str]:
    """Makes an empty database on that server and gives its URL."""
    from tests import postgresql

    return postgresql.maker_of_databases(postgres_url)


@pytest.fixture(scope="session")
def migrated_database(new_database: Callable[..., str]) -> Callable[[], str]:
    """Makes a database with all tables, as a copy of one that is migrated once, which takes ten times as long."""
    from crm_adapters.postgres.sql.migrations import migrate

    asyncio.run(migrate(template := new_database()))
    return functools.partial(new_database, urlsplit(template).path.strip("/"))
