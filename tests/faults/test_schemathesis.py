"""Schemathesis finds nothing in all phases over all operations, whoever asks."""

import pathlib
from collections.abc import Callable, Iterator

import pytest

from tests.http.conftest import PostgresPeople, Server, password_hash, serving
from tests.schemathesis_runs import define_attributes, run

__all__ = ["password_hash"]


@pytest.fixture
def served(new_database: Callable[[], str], place: pathlib.Path, password_hash: str) -> Iterator[tuple[Server, str]]:
    """A server of its own, with a user who may do nothing."""
    url = new_database()
    with serving(url, place / "schemathesis") as server:
        define_attributes(server)
        PostgresPeople(url, password_hash).add("nobody")
        yield server, server.api().as_user("nobody").token


@pytest.mark.parametrize("who", ["administrator", "nobody", "stranger"])
def test_nothing_is_found(served: tuple[Server, str], who: str) -> None:
    server, nobody = served
    token = {"administrator": server.api().token, "nobody": nobody, "stranger": ""}[who]
    result = run(server, token, "-n", "30", knows_attributes=who == "administrator")
    assert result.code == 0, result.output
