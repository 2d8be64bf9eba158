"""A real standby: read from by those who find there what they wrote, and promoted when its primary dies."""

import asyncio
import json
import logging
import pathlib
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import NamedTuple
from uuid import UUID

import pytest

from crm_adapters.postgres.accounts import PostgresAccounts
from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.connection.timeouts import MAX_REPLICA_LAG, REPLICA_ANSWER_LIFETIME
from crm_adapters.postgres.records.database import PostgresDatabase
from crm_adapters.postgres.records.replica import Replica
from crm_adapters.postgres.sql.migrations import migrate
from crm_core.engine.queries import Page
from crm_core.errors import NotAuthenticatedError
from crm_core.model.accounts import Caller
from crm_core.resources import CLIENTS
from crm_core.use_cases import accounts as log_in
from crm_core.use_cases import records
from tests.faults.servers import Postgres, primary, standby, until
from tests.http.conftest import Api, Server, serving

PROMISED = MAX_REPLICA_LAG + REPLICA_ANSWER_LIFETIME


@pytest.fixture(scope="module")
def folder() -> Iterator[pathlib.Path]:
    made = pathlib.Path(tempfile.mkdtemp(prefix="crm-faults-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def main(folder: pathlib.Path) -> Iterator[Postgres]:
    with primary(folder / "primary", "fsync=off") as server:
        asyncio.run(migrate(server.url("crm")))
        yield server


@pytest.fixture(scope="module")
def copy(main: Postgres, folder: pathlib.Path) -> Iterator[Postgres]:
    with standby(main, folder / "standby", "fsync=off") as server:
        yield server


class Process:
    """What one `crm serve` has of its own."""

    def __init__(self, main: Postgres, copy: Postgres) -> None:
        self.pool = Pool(main.url("crm"))
        self.replica = Replica(copy.url("crm"), self.pool)
        self.database = PostgresDatabase(self.pool, replica=self.replica)
        self.accounts = PostgresAccounts(self.pool, replica=self.replica)

    async def caller(self, token: str) -> Caller:
        return await log_in.authenticate(self.accounts, token)

    async def name(self, token: str, id_: UUID) -> str:
        """Of a client, as a request with this token shows it."""
        document = await records.get(self.database, await self.caller(token), CLIENTS, id_)
        return str(json.loads(document.body)["name"])

    async def listed(self, token: str, name: str) -> int:
        """How many clients of a name a request with this token finds."""
        query = {"name": name, "limit": "1"}
        _, page = await records.find(self.database, await self.caller(token), CLIENTS, query)
        assert isinstance(page, Page)
        return len(json.loads(b"[%b]" % page.body))

    async def reads_from_replica(self) -> None:
        async with asyncio.timeout(60):
            while not self.replica._is_up:  # noqa: ASYNC110  # nothing tells when
                await asyncio.sleep(0.05)


class Scene(NamedTuple):
    """Two processes, the tokens of two users, and a client `old`, which both servers have."""

    here: Process
    elsewhere: Process
    writer: str
    other: str
    client: UUID

    async def write(self, name: str) -> None:
        who = await self.here.caller(self.writer)
        await records.patch(self.here.database, who, CLIENTS, self.client, {"name": name})


@asynccontextmanager
async def opened(main: Postgres, copy: Postgres) -> AsyncIterator[Scene]:
    here, elsewhere = Process(main, copy), Process(main, copy)
    async with here.pool, elsewhere.pool, here.replica, elsewhere.replica:
        writer, other = [await token_of_new_user(here.accounts) for _ in range(2)]
        who = await here.caller(writer)
        client, _ = await records.create(here.database, who, CLIENTS, {"name": "old"})
        await here.reads_from_replica()
        await elsewhere.reads_from_replica()
        await asyncio.to_thread(caught_up, main, copy)
        yield Scene(here, elsewhere, writer, other, client)


def run(main: Postgres, copy: Postgres, fact: Callable[[Scene], Awaitable[None]]) -> None:
    async def state() -> None:
        async with opened(main, copy) as scene:
            await fact(scene)

    asyncio.run(state())


async def token_of_new_user(accounts: PostgresAccounts) -> str:
    id_ = await accounts.add_user(f"user {time.time_ns()}", "!", is_superuser=True)
    assert id_ is not None
    token = await log_in.issue_token(accounts, id_)
    assert token is not None
    return token


def caught_up(main: Postgres, copy: Postgres) -> None:
    [(position,)] = main.execute("select pg_current_wal_lsn()")
    until(lambda: copy.execute(f"select pg_last_wal_replay_lsn() >= '{position}'") == [(True,)], "it caught up")


def test_who_wrote_reads_it_at_every_process_while_others_may_read_what_was(main: Postgres, copy: Postgres) -> None:
    async def fact(scene: Scene) -> None:
        copy.execute("select pg_wal_replay_pause()")
        try:
            await scene.write("brand new")
            for process in (scene.elsewhere, scene.here):
                assert await process.name(scene.writer, scene.client) == "brand new"
                assert await process.listed(scene.writer, "brand new") == 1
                assert await process.name(scene.other, scene.client) == "old"  # so it came from the replica
                assert await process.listed(scene.other, "brand new") == 0
        finally:
            copy.execute("select pg_wal_replay_resume()")
        await asyncio.to_thread(caught_up, main, copy)
        assert await scene.elsewhere.name(scene.other, scene.client) == "brand new"

    run(main, copy, fact)


def test_a_thousand_writes_are_each_read_at_another_process_at_once(main: Postgres, copy: Postgres) -> None:
    async def fact(scene: Scene) -> None:
        for number in range(1000):
            await scene.write(f"name {number}")
            assert await scene.elsewhere.name(scene.writer, scene.client) == f"name {number}"

    run(main, copy, fact)


def test_a_revoked_token_ends_although_the_replica_still_has_it(main: Postgres, copy: Postgres) -> None:
    async def fact(scene: Scene) -> None:
        copy.execute("select pg_wal_replay_pause()")
        try:
            await log_in.log_out(scene.here.accounts, scene.other)
            with pytest.raises(NotAuthenticatedError):
                await scene.elsewhere.caller(scene.other)
        finally:
            copy.execute("select pg_wal_replay_resume()")

    run(main, copy, fact)


def test_a_replica_too_far_behind_is_left_alone_which_is_said_once(
    main: Postgres, copy: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    async def fact(scene: Scene) -> None:
        copy.execute("select pg_wal_replay_pause()")
        try:
            await scene.write("new")
            began = time.monotonic()
            while await scene.elsewhere.name(scene.other, scene.client) == "old":
                assert time.monotonic() - began < 10 * PROMISED
            print(f"read from the primary after {time.monotonic() - began:.1f} s; {PROMISED:.0f} s are promised")
        finally:
            copy.execute("select pg_wal_replay_resume()")
        await scene.elsewhere.reads_from_replica()

    with caplog.at_level(logging.INFO):
        run(main, copy, fact)
    assert len([line for line in caplog.messages if line.startswith("reading from the primary")]) == 1


def test_without_its_replica_everything_is_read_from_the_primary_and_later_from_it_again(
    main: Postgres, copy: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    async def fact(scene: Scene) -> None:
        copy.kill()
        try:
            for _ in range(20):
                assert await scene.here.name(scene.other, scene.client) == "old"
            assert not scene.here.replica._is_up
        finally:
            copy.start("fsync=off")
        await scene.here.reads_from_replica()
        assert await scene.here.name(scene.other, scene.client) == "old"
        assert scene.here.replica._is_up

    with caplog.at_level(logging.INFO):
        run(main, copy, fact)
    assert len([line for line in caplog.messages if line.startswith("reading from the primary")]) == 1


def test_servers_with_a_replica_read_there_and_show_each_client_what_it_wrote(
    main: Postgres, copy: Postgres, folder: pathlib.Path
) -> None:
    main.execute("create database served template template0")
    url, replica = main.url("served"), {"CRM_DATABASE_REPLICA_URL": copy.url("served")}
    # Of one row, no index is used.
    scans = "select coalesce(sum(seq_scan + idx_scan), 0)::int from pg_stat_user_tables where relname = 'client'"
    with serving(url, folder / "a", **replica) as one, serving(url, folder / "b", **replica) as two:
        api = one.api()
        other = Api(two.client.request, api.token)
        id_ = api.make("/api/clients/", name="x")["id"]
        until(
            lambda: other.get(f"/api/clients/{id_}/").is_success and copy.execute(scans, "served") > [(0,)], "it reads"
        )
        for number in range(200):
            assert api.patch(f"/api/clients/{id_}/", {"name": f"name {number}"}).status_code == 200
            assert other.get(f"/api/clients/{id_}/").json()["name"] == f"name {number}"
            assert [each["name"] for each in other.get("/api/clients/").json()] == [f"name {number}"]


class Load:
    """Clients that create records at two servers, and what they were answered."""

    def __init__(self, servers: Sequence[Server]) -> None:
        token = servers[0].api().token
        self._apis = [Api(server.client.request, token) for server in servers]
        self._is_over = threading.Event()
        self.acknowledged: dict[str, float] = {}
        self.statuses: Counter[int] = Counter()

    @contextmanager
    def running(self) -> Iterator[None]:
        with ThreadPoolExecutor(8) as threads:
            clients = [threads.submit(self._create, api) for api in self._apis for _ in range(4)]
            try:
                yield
            finally:
                self._is_over.set()
        for client in clients:
            client.result()

    def _create(self, api: Api) -> None:
        while not self._is_over.wait(0.01):
            answer = api.post("/api/clients/", {"name": "x"})
            self.statuses[answer.status_code] += 1
            if answer.status_code == 201:
                self.acknowledged[answer.json()["id"]] = time.monotonic()


@pytest.mark.parametrize("seed", range(3))
def test_after_a_failover_all_that_was_acknowledged_is_there_and_nobody_was_told_of_a_defect(
    folder: pathlib.Path, seed: int
) -> None:
    place = folder / f"failover {seed}"
    place.mkdir()
    with primary(place / "dying") as dying, standby(dying, place / "promoted") as promoted:
        # What is acknowledged is on the standby's disk from now on.
        dying.execute("alter system set synchronous_standby_names = '*'")
        dying.execute("select pg_reload_conf()")
        until(lambda: dying.execute("select sync_state from pg_stat_replication") == [("sync",)], "it is synchronous")
        url = f"postgresql://postgres@127.0.0.1:{dying.port},127.0.0.1:{promoted.port}/crm"
        with serving(url, place / "one") as one, serving(url, place / "two") as two:
            load = Load([one, two])
            with load.running():
                until(lambda: len(load.acknowledged) > 200, "writes are acknowledged")
                dying.kill()
                died = time.monotonic()
                promoted.promote()
                until(lambda: max(load.acknowledged.values()) > died + 1, "writes are acknowledged again")
        there = {str(id_) for (id_,) in promoted.execute("select id from client", "crm")}
    lost = load.acknowledged.keys() - there
    first = min(at for at in load.acknowledged.values() if at > died + 0.05) - died
    print(
        f"{len(load.acknowledged)} writes acknowledged, {len(lost)} lost, statuses {dict(load.statuses)};"
        f" served again {first:.1f} s after the primary died"
    )
    assert not lost
    assert load.statuses.keys() <= {201, 503}
