"""Diagnostics of database servers."""

import asyncio
from collections.abc import Callable

import pytest

from crm_adapters.postgres.diagnostics import examine, hosts, role, seconds_behind
from crm_adapters.postgres.sql.migrations import steps


def test_a_migrated_server_is_fit_and_lacks_nothing(url: str) -> None:
    found = asyncio.run(examine(url))

    assert (found.unfit, found.pending, found.is_pooled) == ("", [], False)
    assert found.version >= 150_000
    assert found.settings["fsync"] in {"on", "off"}
    assert abs(found.clock_ahead) < 5  # it is this machine's own clock


def test_an_empty_database_lacks_every_migration(new_database: Callable[[], str]) -> None:
    assert list(asyncio.run(examine(new_database())).pending) == list(steps())


@pytest.mark.parametrize(
    ("url", "names"),
    [
        ("postgresql://one/crm", ["one:5432"]),
        ("postgresql://one:1,two:2/crm", ["one:1", "two:2"]),
        ("postgresql://one,two/crm?port=7", ["one:7", "two:7"]),
    ],
)
def test_each_host_of_a_url_is_named_with_its_port(url: str, names: list[str]) -> None:
    assert list(hosts(url)) == names
    assert all("target_session_attrs=any" in conninfo for conninfo in hosts(url).values())


def test_a_server_that_takes_writes_is_the_primary_and_no_replica(url: str) -> None:
    assert asyncio.run(role(url)) == "primary"
    assert asyncio.run(role("postgresql://127.0.0.1:1/crm")) == "gone"
    assert asyncio.run(seconds_behind(url, url)) is None
