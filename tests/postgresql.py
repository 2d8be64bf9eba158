"""A real PostgreSQL for the tests: the server, databases on it, and how to empty one."""

import contextlib
import itertools
import os
import pathlib
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg

from crm_adapters.embedded import cluster, server
from crm_core.resources import RESOURCES

#: What a power cut would destroy is not kept safe, and a hundred databases would have a vacuum begin each second.
_SETTINGS = ("fsync=off", "full_page_writes=off", "autovacuum=off")


@contextlib.contextmanager
def running(place: pathlib.Path) -> Iterator[str]:
    """Yield the URL of a running server: CRM_TEST_DATABASE_URL, or one of the wheel with its data below a folder."""
    if url := os.environ.get("CRM_TEST_DATABASE_URL"):
        yield url
        return
    place.mkdir(mode=0o700)
    layout = cluster.lay_out(place.resolve())
    with tempfile.TemporaryDirectory(prefix="crm-", dir="/tmp") as sockets:
        layout.account.own(pathlib.Path(sockets))
        settings = (*server.SETTINGS, *_SETTINGS, f"unix_socket_directories={sockets}")
        options = [part for setting in settings for part in ("-c", setting)]
        postgres = [str(layout.binaries / "postgres"), "-D", str(layout.cluster), "-p", cluster.PORT, *options]
        process = cluster.run(postgres, layout.account, layout.log)
        try:
            yield _with_database(process, f"postgresql://postgres@/postgres?host={sockets}&port={cluster.PORT}")
        finally:
            process.send_signal(signal.SIGQUIT)  # at once: to write down all databases would take seconds
            process.wait(20)


def _with_database(process: "subprocess.Popen[bytes]", url: str) -> str:
    for _ in range(1_500):
        assert process.poll() is None, "postgres ended early"
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(url, autocommit=True) as connection:
            connection.execute("create database crm template template0 encoding 'UTF8'")
            return url.replace("/postgres?", "/crm?")
        time.sleep(0.02)  # another process has no event to wait for
    raise AssertionError("postgres did not get ready")


def maker_of_databases(server_url: str) -> Callable[..., str]:
    """Return what makes a database on a server, empty or a copy of another one, and returns its URL."""
    numbers = itertools.count(1)

    def make(template: str = "template0") -> str:
        name = f"crm_test_{os.getpid()}_{next(numbers)}"
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f"create database {name} template {template}".encode())
            # Those about durability start a server of their own.
            connection.execute(f"alter database {name} set synchronous_commit = off".encode())
        return server_url.replace("/crm?", f"/{name}?")

    return make


def empty(url: str) -> None:
    """Take all records away."""
    with psycopg.connect(url, autocommit=True) as connection:
        empty_on(connection)


def empty_on(connection: psycopg.Connection[Any]) -> None:
    """Take all records away."""
    connection.execute(emptying())


def emptying() -> bytes:
    """The statements that take all records away. To truncate takes longer, as it makes new files for every index."""
    mutable = (*reversed(list(RESOURCES)), "event", "lead_stay", "delivery", "endpoint", "receipt", "import_run")
    return "; ".join(f"delete from {table}" for table in mutable).encode()
