"""A real PostgreSQL for the tests: the server, databases on it, and how to empty one."""

import contextlib
import itertools
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import psycopg

from crm_adapters.embedded.server import embedded_server
from crm_core.resources import RESOURCES


@contextlib.contextmanager
def running(place: pathlib.Path) -> Iterator[str]:
    """Yield the URL of a running server: CRM_TEST_DATABASE_URL, or an embedded one with its data below a folder."""
    if url := os.environ.get("CRM_TEST_DATABASE_URL"):
        yield url
        return
    with embedded_server(place) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            # No test pulls the plug on this server, and a hundred databases would have a vacuum begin each second.
            for setting in ("full_page_writes = off", "autovacuum_naptime = '3min'"):
                connection.execute(f"alter system set {setting}".encode())
            connection.execute("select pg_reload_conf()")
        yield url


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
