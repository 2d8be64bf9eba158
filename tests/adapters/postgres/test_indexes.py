"""Indexes of attributes are built and dropped as the definitions say."""

import asyncio

import psycopg

from crm_adapters.postgres.sql.indexes import follow_definitions
from crm_core.resources import ATTRIBUTES
from crm_core.testing.scene import Scene, fact
from tests.adapters.postgres.on_postgres import OnPostgres


class TestIndexedAttributes(OnPostgres):
    @fact
    async def test_an_indexed_attribute_has_its_own_index_until_it_is_dropped(self, scene: Scene) -> None:
        id_ = await scene.create(ATTRIBUTES, "client", name="größe", label="x", type="number", is_indexed=True)
        name = f"attribute_{id_.hex}"

        await self.settled(name, there=True)
        assert name in await self.plan("select id from client where crm_number(attributes, 'größe') > 5")

        await scene.patch(ATTRIBUTES, id_, is_indexed=False)
        await self.settled(name, there=False)

    async def settled(self, name: str, *, there: bool) -> None:
        """The database builds and drops beside its work; another call of the same finds it busy or done."""
        async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as connection:
            async with asyncio.timeout(30):
                while True:
                    await follow_definitions(self.url)
                    cursor = await connection.execute("select count(*) > 0 from pg_class where relname = %s", (name,))
                    if await cursor.fetchone() == (there,):
                        return

    async def plan(self, statement: str) -> str:
        async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as connection:
            await connection.execute("analyze client")
            await connection.execute("set enable_seqscan = off")
            cursor = await connection.execute(f"explain {statement}".encode())
            return "\n".join(line for (line,) in await cursor.fetchall())
