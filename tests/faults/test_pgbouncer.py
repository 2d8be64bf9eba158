"""PgBouncer in front, set up as docs/how-to/scale-out.md says.

It is an old version, which knows no prepared statements and refuses options.
"""

import asyncio
import logging
import pathlib
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import psycopg
import pytest

from crm_adapters.memory import RecordingSender
from crm_adapters.postgres.connection import options, session
from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.connection.session import fetch
from crm_adapters.postgres.outbox import PostgresOutbox
from crm_adapters.postgres.records.database import PostgresDatabase
from crm_adapters.postgres.sql import migrations
from crm_adapters.postgres.sql.indexes import follow_definitions
from crm_core.errors import UnavailableError
from crm_core.model.accounts import Actor, User
from crm_core.ports import Database
from crm_core.resources import ATTRIBUTES, CLIENTS, WEBHOOKS
from crm_core.testing.contract import DatabaseContract
from crm_core.testing.machine import DISABLED_USER, USERS
from crm_core.use_cases import records
from crm_core.use_cases.callers import caller
from crm_core.use_cases.delivery_worker import DeliveryWorker
from crm_core.webhooks.attempts import Attempt, Outcome
from tests.faults.servers import Postgres, pgbouncer, primary
from tests.http.conftest import Api, serving
from tests.postgresql import empty

SETTINGS = b"select name, setting from pg_settings where name = any(%(names)s) order by name"
IN_FORCE = [
    ("TimeZone", "UTC"),
    ("idle_in_transaction_session_timeout", "10000"),
    ("jit", "off"),
    ("lock_timeout", "2000"),
    ("statement_timeout", "5000"),
]
WHO = caller(Actor(user=User(id=1, username="user 1"), is_superuser=True))


@pytest.fixture(scope="module")
def folder() -> Iterator[pathlib.Path]:
    made = pathlib.Path(tempfile.mkdtemp(prefix="crm-faults-"))
    made.chmod(0o777)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def server(folder: pathlib.Path) -> Iterator[Postgres]:
    with primary(folder / "primary", "fsync=off") as running:
        yield running


@pytest.fixture(scope="module")
def pooled(server: Postgres, folder: pathlib.Path) -> Iterator[str]:
    """The URL of the pooler, through which the schema was made."""
    with pgbouncer(server, folder) as port:
        url = f"postgresql://postgres@127.0.0.1:{port}/crm"
        asyncio.run(migrations.migrate(url))
        with psycopg.connect(url) as connection:
            for number in (*USERS, DISABLED_USER):
                connection.execute(
                    "insert into app_user (username, password_hash, is_active) values (%s, '!', %s)",
                    (f"user {number}", number != DISABLED_USER),
                )
        yield url


class TestTheContract(DatabaseContract):
    """What every database does; whatever is done at once shares five sessions of the server's."""

    url: str

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _database(cls, pooled: str) -> None:
        cls.url = pooled

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Database]:
        empty(self.url)
        async with Pool(self.url) as pool:
            database = PostgresDatabase(pool)
            yield database
            await database.close()


def test_our_settings_hold_for_every_statement_and_are_left_nowhere(pooled: str) -> None:
    async def ask() -> None:
        params = {"names": [name for name, _ in IN_FORCE]}
        async with Pool(pooled) as pool:
            for _ in range(20):
                assert await pool.fetch(SETTINGS, params) == IN_FORCE
            async with pool.connect() as connection, session.transaction(connection):
                assert await fetch(connection, SETTINGS, params) == IN_FORCE
            with pytest.raises(UnavailableError):
                await pool.fetch(b"select pg_sleep(6)", {})
        async with await options.connect(pooled) as connection:
            cursor = await connection.execute("show statement_timeout")
            assert await cursor.fetchone() == ("0",)

    asyncio.run(ask())


def test_nobody_listens_through_it_and_that_is_said_once(
    pooled: str, server: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    async def listen() -> None:
        async with Pool(pooled) as pool:
            outbox = PostgresOutbox(pool)
            waiting = asyncio.create_task(outbox.wait_for_work())
            await asyncio.sleep(0)
            listening = outbox._listening
            assert listening is not None
            await asyncio.wait_for(listening, 30)
            waiting.cancel()
            await outbox.close()

    with caplog.at_level(logging.INFO):
        asyncio.run(listen())
    assert [line for line in caplog.messages if "pooler" in line] == [
        "behind a pooler: other processes' deliveries are looked for once a second"
    ]
    webhook_index = "select count(*) from pg_stat_activity where query ilike 'listen %'"
    assert server.execute(webhook_index) == [(0,)]


def test_one_builds_an_index_while_others_find_it_busy_and_the_lock_goes_with_its_holder(
    pooled: str, server: Postgres
) -> None:
    empty(pooled)

    async def build() -> None:
        async with Pool(pooled) as pool:
            database = PostgresDatabase(pool)
            sent = {"name": "size", "label": "Size", "type": "number", "is_indexed": True}
            await records.create(database, WHO, ATTRIBUTES, sent, parent="client")
            await asyncio.gather(*(follow_definitions(pooled) for _ in range(2)))
            await database.close()
            await follow_definitions(pooled)

    asyncio.run(build())
    there = (
        "select indisvalid from pg_index join pg_class on oid = indexrelid where relname ~ '^attribute_[0-9a-f]{32}$'"
    )
    assert server.execute(there, "crm") == [(True,)]
    assert server.execute("select count(*) from pg_locks where locktype = 'advisory'") == [(0,)]


def test_what_another_process_committed_is_delivered_after_the_next_poll(pooled: str) -> None:
    empty(pooled)

    async def deliver() -> float:
        sent = asyncio.Event()

        async def take(_: Attempt) -> Outcome:
            sent.set()
            return Outcome(status=200)

        async with Pool(pooled) as here, Pool(pooled) as elsewhere:
            outbox, database = PostgresOutbox(elsewhere), PostgresDatabase(here)
            hook = {"name": "x", "model": "Client", "url": "https://example.org/", "events": ["created"]}
            await records.create(database, WHO, WEBHOOKS, hook)
            working = DeliveryWorker(PostgresDatabase(elsewhere), outbox, RecordingSender(take))
            running = asyncio.create_task(working.run())
            began = time.monotonic()
            await records.create(database, WHO, CLIENTS, {"name": "a"})
            await asyncio.wait_for(sent.wait(), 30)
            took = time.monotonic() - began
            working.stop()
            await running
            await outbox.close()
            await database.close()
            return took

    print(f"delivered after {asyncio.run(deliver()):.2f} s; the poll comes once a second")


def test_two_processes_serve_through_it_as_one(pooled: str, folder: pathlib.Path) -> None:
    url = new_database(pooled, "served")
    with serving(url, folder / "one", "--workers", "2") as one, serving(url, folder / "two") as two:
        api = one.api()
        other = Api(two.client.request, api.token)
        made = [api.make("/api/clients/", name=f"client {number}")["id"] for number in range(20)]
        assert {each["id"] for each in other.get("/api/clients/").json()} == set(made)
        for version in range(20):
            assert other.patch(f"/api/clients/{made[0]}/", {"name": f"new {version}"}).status_code == 200
            assert api.get(f"/api/clients/{made[0]}/").json()["name"] == f"new {version}"


def new_database(pooled: str, name: str) -> str:
    with psycopg.connect(pooled, autocommit=True) as connection:
        connection.execute(f"create database {name} template template0".encode())
    return pooled.replace("/crm", f"/{name}")
