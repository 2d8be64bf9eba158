"""The table of keys by which duplicates are found, which triggers keep whoever writes."""

import psycopg

from crm_core.resources import CLIENTS
from crm_core.testing.scene import Scene, fact
from tests.adapters.postgres.on_postgres import OnPostgres

_OTHERS = (
    "insert into likeness select 'client', 'n' || number, gen_random_uuid() from generate_series(1, 3000) as number"
)
_READ = "select seq_tup_read from pg_stat_xact_user_tables where relname = 'likeness'"


class TestTheTableOfKeys(OnPostgres):
    @fact
    async def test_a_delete_and_a_new_name_read_the_keys_of_their_record_alone(self, scene: Scene) -> None:
        await scene.create(CLIENTS, name="x")
        async with await psycopg.AsyncConnection.connect(self.url) as connection:
            await connection.execute(_OTHERS)
            await connection.execute("update client set document = replace(document::text, '\"x\"', '\"y\"')::json")
            await connection.execute("delete from client")
            [read] = await (await connection.execute(_READ)).fetchone() or [None]
            await connection.rollback()

        assert read == 0
