"""Schemathesis finds nothing in little time; ``tests/faults/test_schemathesis.py`` gives it more."""

import pathlib
from collections.abc import Callable, Iterator

import pytest

from tests.http.conftest import PostgresPeople, Server, serving
from tests.schemathesis_runs import define_attributes, run

#: Some cases of operations without bodies: who may not is refused before a body is read (``test_routes.py``), and
#: to draw one takes most of the time.
SOME = ("--phases", "examples,fuzzing", "-n", "1", "--include-method", "GET", "--include-method", "DELETE")


@pytest.fixture(scope="module")
def served(
    migrated_database: Callable[[], str], place: pathlib.Path, password_hash: str
) -> Iterator[tuple[Server, str]]:
    """A server of its own, with a user who may do nothing."""
    url = migrated_database()
    with serving(url, place / "schemathesis") as server:
        define_attributes(server)
        PostgresPeople(url, password_hash).add("nobody")
        yield server, server.api().as_user("nobody").token


def test_nothing_is_found_as_administrator(served: tuple[Server, str]) -> None:
    server, _ = served
    result = run(server, server.api().token, "--phases", "examples,fuzzing,stateful", "-n", "1", knows_attributes=True)
    assert result.code == 0, result.output


def test_nothing_is_found_at_the_edges_of_values(served: tuple[Server, str]) -> None:
    server, _ = served
    options = ("--phases", "coverage", "--include-path-regex", "^/api/(cohorts|me)/")
    result = run(server, server.api().token, *options, knows_attributes=True)
    assert result.code == 0, result.output


def test_nothing_is_found_without_permissions(served: tuple[Server, str]) -> None:
    server, nobody = served
    result = run(server, nobody, *SOME)
    assert result.code == 0, result.output


def test_nothing_is_found_without_a_token(served: tuple[Server, str]) -> None:
    server, _ = served
    result = run(server, "", *SOME)
    assert result.code == 0, result.output
