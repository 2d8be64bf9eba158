"""Reads that concurrent requests share, when the server closes their connections."""

import psycopg

from crm_core.model.records import Key
from crm_core.resources import CLIENTS, SERVICES
from crm_core.rules.needs import Needs, Search
from crm_core.testing.scene import Scene, fact
from tests.adapters.postgres.on_postgres import OnPostgres


class TestLostConnections(OnPostgres):
    @fact
    async def test_reads_survive_a_server_that_hangs_up(self, scene: Scene) -> None:
        client = await scene.create(CLIENTS, name="a")
        key, search = Key("client", client), Search("service", (("client", client),))
        for read in (
            lambda: scene.db.get(key),
            lambda: scene.found(CLIENTS),
            lambda: scene.found(SERVICES, client=str(client)),
            lambda: scene.db.known(Needs(counts=frozenset({search}), catalogs={"client": None})),
        ):
            await read()
            async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as connection:
                await connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where datname = current_database() and application_name = 'crm'"
                )
            await read()
