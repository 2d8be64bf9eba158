"""The migrations, and the schema that they make."""

import asyncio
import json
from collections.abc import Callable

import psycopg
import pytest

from crm_adapters import json_documents
from crm_adapters.postgres.sql.migrations import UnfitDatabaseError, migrate, pending, steps
from crm_core.errors import InvalidError
from crm_core.model.records import Key
from crm_core.resources import CLIENTS, RESOURCES, SERVICES
from crm_core.testing.machine import USERS
from crm_core.testing.scene import Scene, fact
from tests.adapters.postgres.on_postgres import OnPostgres


class TestTheSchema(OnPostgres):
    @fact
    async def test_every_stored_document_is_its_entity_encoded(self, scene: Scene) -> None:
        for name, id_ in (await scene.one_of_each()).items():
            document = await scene.db.get(Key(name, id_))
            assert document is not None
            assert json_documents.encode(json_documents.decode(name, document.body)) == document.body
            assert list(json.loads(document.body)) == list(RESOURCES[name].fields)

    @fact
    async def test_every_change_has_its_event_in_order(self, scene: Scene) -> None:
        client = await scene.create(CLIENTS, name="a")
        await scene.patch(CLIENTS, client, name="b")
        await scene.patch(CLIENTS, client, name="b")
        await scene.delete(CLIENTS, client)

        async with await psycopg.AsyncConnection.connect(self.url) as connection:
            cursor = await connection.execute(
                "select resource, version, kind, actor, actor_name, request_id, changes -> 'name'"
                " from event where record = %s order by seq",
                (client,),
            )
            events = await cursor.fetchall()
        by = (USERS[0], "tester", "a test")
        assert events == [
            ("client", 1, "created", *by, {"to": "a"}),
            ("client", 2, "updated", *by, {"from": "a", "to": "b"}),
            ("client", 3, "deleted", *by, {"from": "b"}),
        ]

    @fact
    async def test_a_refused_write_leaves_no_event(self, scene: Scene) -> None:
        with pytest.raises(InvalidError):
            await scene.create(SERVICES, name="x", client="00000000-0000-0000-0000-000000000000")

        async with await psycopg.AsyncConnection.connect(self.url) as connection:
            cursor = await connection.execute("select count(*) from event")
            assert await cursor.fetchone() == (0,)

    @fact
    async def test_the_database_itself_refuses_what_breaks_its_rules(self, scene: Scene) -> None:
        made = await scene.one_of_each()
        stranger = "00000000-0000-0000-0000-000000000000"
        for statement, error in (
            (f"delete from client where id = '{made['client']}'", psycopg.errors.ForeignKeyViolation),
            (
                (
                    f"insert into enrollment_detail (id, version, document) select '{stranger}', 1,"
                    f" replace(document::text, id::text, '{stranger}')::json from enrollment_detail"
                ),
                psycopg.errors.UniqueViolation,
            ),
            ("""update client set document = '{"id": "x"}'""", psycopg.errors.NotNullViolation),
            (
                'update client set document = replace(document::text, \'"name":"Ä"\', \'"name":""\')::json',
                psycopg.errors.CheckViolation,
            ),
        ):
            async with await psycopg.AsyncConnection.connect(self.url) as connection:
                with pytest.raises(error):
                    await connection.execute(statement.encode())

    @fact
    async def test_columns_are_what_the_document_says_whatever_a_statement_sets(self, scene: Scene) -> None:
        made = await scene.one_of_each()
        async with await psycopg.AsyncConnection.connect(self.url) as connection:
            await connection.execute("update client set name = 'other', attributes = '{}', created_by = null")
            cursor = await connection.execute(
                "select name = document ->> 'name', attributes = (document -> 'attributes')::jsonb,"
                " created_by = (document ->> 'created_by')::bigint, created_at = crm_moment(document ->> 'created_at')"
                " from client where id = %s",
                (made["client"],),
            )
            assert await cursor.fetchone() == (True,) * 4

    @fact
    async def test_a_document_belongs_to_the_row_with_its_id(self, scene: Scene) -> None:
        await scene.one_of_each()
        for table in RESOURCES:
            other = "replace(document::text, id::text, gen_random_uuid()::text)::json"
            async with await psycopg.AsyncConnection.connect(self.url) as connection:
                with pytest.raises(psycopg.errors.NotNullViolation):
                    await connection.execute(f"update {table} set document = {other}".encode())

    @fact
    async def test_every_reference_and_filter_has_an_index_that_begins_with_it(self) -> None:
        async with await psycopg.AsyncConnection.connect(self.url) as connection:
            cursor = await connection.execute(
                "select relname, pg_get_indexdef(indexrelid, 1, true) from pg_index join pg_class on oid = indrelid"
            )
            first = set(await cursor.fetchall())
        for resource in RESOURCES.values():
            exact = [name for name, how in resource.filters.items() if how == "exact"]
            for name in (*resource.references, *exact):
                # Few enough to be read whole: what users define, not what they enter.
                if (resource.name, name) not in {("attribute", "is_required"), ("webhook", "is_active")}:
                    assert (resource.name, name) in first, (resource.name, name)


def test_migrations_are_applied_once_however_many_apply_them(new_database: Callable[[], str]) -> None:
    url = new_database()

    async def at_once() -> list[int]:
        return [len(applied) for applied in await asyncio.gather(*(migrate(url) for _ in range(4)))]

    assert sorted(asyncio.run(at_once())) == [0, 0, 0, len(steps())]


def test_pending_migrations_are_known(new_database: Callable[[], str]) -> None:
    url = new_database()

    async def names() -> object:
        async with await psycopg.AsyncConnection.connect(url) as connection:
            return list(await pending(connection))

    assert asyncio.run(names()) == list(steps())
    asyncio.run(migrate(url))
    assert asyncio.run(names()) == []


def test_a_database_that_does_not_know_all_letters_is_refused(
    postgres_url: str, new_database: Callable[[], str]
) -> None:
    url = new_database()
    name = url.partition("/crm_test")[2].partition("?")[0]
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"drop database crm_test{name}".encode())
        connection.execute(
            f"create database crm_test{name} template template0 locale_provider libc locale 'C'".encode()
        )

    with pytest.raises(UnfitDatabaseError):
        asyncio.run(migrate(url))
