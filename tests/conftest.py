"""What several rings share: one real PostgreSQL for a test process, with databases on it, and one real S3."""

import itertools
import os
import pathlib
import shutil
import tempfile
from collections.abc import Callable, Iterator

import hypothesis
import psycopg
import pytest

from crm_adapters.embedded.server import embedded_server
from crm_core.resources import RESOURCES
from tests import seaweedfs

hypothesis.settings.register_profile("crm", deadline=None, derandomize=True, max_examples=60)
hypothesis.settings.load_profile("crm")


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
    if url := os.environ.get("CRM_TEST_DATABASE_URL"):
        yield url
        return
    with embedded_server(place / "data") as url:
        yield url


@pytest.fixture(scope="session")
def s3(place: pathlib.Path) -> Iterator[seaweedfs.S3]:
    """A running S3 server, with its credentials where boto3 looks for them."""
    with seaweedfs.running(place / "s3") as server, pytest.MonkeyPatch.context() as environment:
        for name, value in seaweedfs.CREDENTIALS.items():
            environment.setenv(name, value)
        yield server


def empty(url: str) -> None:
    """Take all records away. Deleting is quicker than truncating, which makes new files for every index."""
    with psycopg.connect(url) as connection:
        for table in (*reversed(RESOURCES), "event", "delivery", "endpoint", "receipt"):
            connection.execute(f"delete from {table}".encode())


@pytest.fixture(scope="session")
def new_database(postgres_url: str) -> Callable[[], str]:
    """Makes an empty database on that server and gives its URL."""
    numbers = itertools.count(1)

    def make() -> str:
        name = f"crm_test_{os.getpid()}_{next(numbers)}"
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(f"create database {name} template template0".encode())
            # No test pulls the plug on this server; those about durability start their own.
            connection.execute(f"alter database {name} set synchronous_commit = off".encode())
        return postgres_url.replace("/crm?", f"/{name}?")

    return make
