"""F20: the server is killed at random moments of an import, which goes on by itself each time."""

import pathlib
import random
import time
from collections.abc import Callable

import psycopg

from tests.faults.installation import Installation

KILLS = 20
ROWS = 20_000


def test_an_import_doubles_and_misses_nothing_after_twenty_kills(
    folder: pathlib.Path, new_database: Callable[[], str]
) -> None:
    url = new_database()
    names = [f"client {number}" for number in range(ROWS)]
    with Installation(folder / "data", url) as installation:
        file = {"file": ("a.csv", "\n".join(["name", *names]).encode())}
        assert installation.api().request("POST", "/api/clients/import/", files=file).status_code == 202
        for _ in range(KILLS):
            time.sleep(random.uniform(0.2, 4.0))  # noqa: S311  # a moment
            installation.kill_server()
            with psycopg.connect(url) as connection:  # a claim would last for a minute
                connection.execute("update import_run set claimed_until = now() where claimed_until > now()")
        deadline = time.monotonic() + 600
        while state_of(url) != "done":
            assert time.monotonic() < deadline
            time.sleep(0.5)  # another process has no event to wait for
    with psycopg.connect(url) as connection:
        found = connection.execute("select document ->> 'name' from client order by id").fetchall()
    assert [name for (name,) in found] == names


def state_of(url: str) -> str:
    with psycopg.connect(url) as connection:
        [(state,)] = connection.execute("select state from import_run").fetchall()
    return str(state)
