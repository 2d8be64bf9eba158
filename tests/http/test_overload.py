"""A database that cannot keep up: who comes too many is told so soon, and the process is known to live."""

import json
import pathlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.http.conftest import Server, serving

#: What is promised for whoever finds all connections in use; tested with ten times that.
PROMISED = 1.5
CONNECTIONS = 16


@pytest.fixture(scope="module")
def database(migrated_database: Callable[[], str]) -> str:
    return migrated_database()


@pytest.fixture(scope="module")
def loaded(database: str, place: pathlib.Path) -> Iterator[Server]:
    # Statements wait for as long as the test needs, where they would give up after two seconds.
    patient = make_conninfo(database, options="-c lock_timeout=60s -c statement_timeout=60s")
    with serving(patient, place / "loaded") as running:
        yield running


def ask(port: int, path: str, token: str = "") -> tuple[int, str | None, bytes, float]:
    began = time.perf_counter()
    connection = HTTPConnection("127.0.0.1", port, timeout=30 * PROMISED)
    connection.request("GET", path, headers={"Authorization": f"Token {token}"} if token else {})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers["Retry-After"], body, time.perf_counter() - began


def test_with_all_connections_in_use_others_are_refused_soon_and_health_is_well(loaded: Server, database: str) -> None:
    api = loaded.api()
    with ThreadPoolExecutor(4 * CONNECTIONS) as threads, psycopg.connect(database) as other:
        other.execute("lock table client in access exclusive mode")
        holding = [
            threads.submit(ask, loaded.port, f"/api/clients/?limit=10&name={n}", api.token) for n in range(CONNECTIONS)
        ]
        until_all_wait(database)
        refused = [threads.submit(ask, loaded.port, "/api/services/", api.token) for _ in range(2 * CONNECTIONS)]
        health = ask(loaded.port, "/healthz")
        answers = [each.result() for each in refused]
        other.rollback()
        held = [each.result() for each in holding]

    assert health[0] == 200
    assert {(status, wait) for status, wait, _, _ in answers} == {(503, "1")}
    assert {status for status, *_ in held} == {200}
    assert json.loads(answers[0][2]) == {"detail": "Service temporarily unavailable, try again later."}
    print(f"refused after {max(taken for *_, taken in answers):.2f} s, health after {health[3]:.3f} s")
    assert max(taken for *_, taken in answers) < 10 * PROMISED
    assert ask(loaded.port, "/api/clients/", api.token)[0] == 200


def until_all_wait(database: str) -> None:
    """Wait until every connection of the pool waits for the lock."""
    deadline = time.monotonic() + 10 * PROMISED
    with psycopg.connect(database, autocommit=True) as connection:
        query = "select count(*) from pg_locks where not granted and relation = 'client'::regclass"
        while connection.execute(query).fetchall() != [(CONNECTIONS,)]:
            assert time.monotonic() < deadline
            time.sleep(0.01)  # another process has no event to wait for
