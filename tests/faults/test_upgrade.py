"""F18: data of every earlier schema is kept by an upgrade, also by one that is killed half-way."""

import asyncio
import os
import pathlib
import subprocess
from collections.abc import Callable, Iterator

import psycopg
import pytest

from crm_adapters.postgres.sql import migrations
from crm_core.resources import RESOURCES
from tests.faults.installation import CRM, SECONDS, Installation
from tests.faults.servers import until

STEPS = migrations.steps()
#: What earlier schemas have too.
TABLES = ["app_user", "membership", "group_permission", "token", *RESOURCES, "event"]


@pytest.fixture(scope="module")
def today(place: pathlib.Path, new_database: Callable[[], str]) -> Iterator[Installation]:
    """An installation of today with records of every kind."""
    with Installation(place / "today", new_database()) as installation:
        assert crm(installation.database_url, "demo", "--clients", "100", "--leads", "200").wait(SECONDS) == 0
        installation.api().make("/api/webhooks/", name="w", model="Lead", url="https://a.example/")
        with psycopg.connect(installation.database_url) as connection:  # an upgrade does not know who created it
            known, unknown = '"created_by":1', '"created_by":null'
            connection.execute(b"update webhook set document = replace(document::text, %s, %s)::json", (known, unknown))
        yield installation


@pytest.mark.parametrize("released", range(1, len(STEPS)), ids=STEPS[:-1])
def test_data_of_an_earlier_schema_survives_a_migration_that_is_killed_half_way(
    today: Installation,
    new_database: Callable[[], str],
    folder: pathlib.Path,
    released: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = new_database()
    with monkeypatch.context() as earlier:
        earlier.setattr(migrations, "steps", lambda: STEPS[:released])
        asyncio.run(migrations.migrate(url))
    copy(today.database_url, url)
    kill_half_way(url)
    assert applied(url) == list(STEPS[:released])
    assert crm(url, "migrate").wait(SECONDS) == 0
    assert applied(url) == list(STEPS)
    assert contents(url) == contents(today.database_url)
    with Installation(folder / "data", url) as upgraded:
        api = upgraded.api()
        assert api.get("/api/leads/").json() == today.api().get("/api/leads/").json()
        lead = api.make("/api/leads/", name="new")
        assert api.patch(f"/api/leads/{lead['id']}/", {"name": "changed"}).status_code == 200


def crm(url: str, *words: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([CRM, *words], env=os.environ | {"CRM_DATABASE_URL": url})


def copy(source: str, target: str) -> None:
    """Take rows to where not all of today's columns are."""
    with psycopg.connect(source) as here, psycopg.connect(target) as there:
        for table in ["group_permission", "membership", "token", "app_user"]:
            there.execute(f"delete from {table}".encode())
        for table in TABLES:
            names = columns(there, table)
            with (
                here.cursor().copy(f"copy (select {names} from {table}) to stdout".encode()) as rows,
                there.cursor().copy(f"copy {table} ({names}) from stdin".encode()) as into,
            ):
                for row in rows:
                    into.write(row)
        there.execute(b"select setval(pg_get_serial_sequence('event', 'seq'), (select max(seq) from event))")
        if "secret" not in columns(there, "webhook"):  # nor had its document what later steps add to its end
            there.execute(
                b"""update webhook set document = regexp_replace(document::text, ',"disabled_reason":.*', '}')::json"""
            )


def columns(connection: psycopg.Connection, table: str) -> str:
    """Those that are not generated from others."""
    found = connection.execute(
        b"select column_name from information_schema.columns where table_name = %s and is_generated = 'NEVER'", (table,)
    )
    return ", ".join(name for (name,) in found)


def kill_half_way(url: str) -> None:
    """Let a migration run until it would note its first step as done, and kill it there."""
    with psycopg.connect(url) as holder, psycopg.connect(url, autocommit=True) as watcher:
        holder.execute("lock table migration in share mode")
        migrating = crm(url, "migrate")
        waiting = b"select 1 from pg_locks where relation = 'migration'::regclass and not granted"
        until(lambda: watcher.execute(waiting).fetchone() is not None, "the migration is half-way")
        migrating.kill()
        migrating.wait(SECONDS)


def applied(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [name for (name,) in connection.execute("select name from migration order by name")]


def contents(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Every record, and every event."""
    with psycopg.connect(url) as connection:
        records = {
            table: connection.execute(f"select id, document::text from {table} order by id".encode()).fetchall()
            for table in RESOURCES
        }
        events = connection.execute(b"select record, version, kind, at, changes::text from event order by seq")
        return records | {"event": events.fetchall()}
