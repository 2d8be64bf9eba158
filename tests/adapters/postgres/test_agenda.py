"""The table of tasks, which triggers keep whoever writes."""

from collections.abc import Sequence
from uuid import UUID

import psycopg

from crm_adapters.json_documents import encode
from crm_adapters.postgres.records.connected_database import ConnectedDatabase
from crm_core.resources import CLIENTS, LEADS
from crm_core.testing.machine import USERS, whole_agenda
from crm_core.testing.scene import Scene, fact
from crm_core.use_cases import records
from tests.adapters.postgres.on_postgres import OnPostgres

_RENAMED = """update client set document = replace(document::text, '"task":"a"', '"task":"other"')::json"""


class TestTheTableOfTasks(OnPostgres):
    @fact
    async def test_writes_of_others_count(self, scene: Scene) -> None:
        await scene.create(CLIENTS, name="x", list_of_tasks=[{"task": "a"}, {"task": "b"}])
        await self._run(_RENAMED)
        assert [b'"other"' in each.task for each in await whole_agenda(scene.db, scene.who, {})].count(True) == 1

        await self._run(
            "update client set document = replace(document::text, '\"completed\":false', '\"completed\":true')::json"
        )
        assert len(await whole_agenda(scene.db, scene.who, {"completed": "true"})) == 2

        await self._run("truncate client cascade")
        assert await whole_agenda(scene.db, scene.who, {}) == []

    @fact
    async def test_columns_that_others_set_change_nothing(self, scene: Scene) -> None:
        lead = await scene.create(LEADS, name="x", responsible=USERS[0], list_of_tasks=[{"task": "a"}])
        await self._run("update lead set tasks_digest = '', responsible = null")
        await scene.patch(LEADS, lead, list_of_tasks=[])

        assert await self._rows() == []

    @fact
    async def test_only_tasks_that_differ_are_written(self, scene: Scene) -> None:
        client = await scene.create(CLIENTS, name="x", list_of_tasks=[{"task": str(number)} for number in range(5)])
        before = await self._rows()
        [first, *_] = (await scene.value(CLIENTS, client)).list_of_tasks
        await scene.patch(CLIENTS, client, name="y", list_of_notes=[{"note": "n"}])
        assert await self._rows() == before

        sent = [{"id": str(first.id), "task": "0", "completed": True}]
        tasks = (await scene.value(CLIENTS, client)).list_of_tasks
        await scene.patch(
            CLIENTS, client, list_of_tasks=[*sent, *({"id": str(each.id), "task": each.task} for each in tasks[1:])]
        )
        assert set(before) - set(await self._rows()) == {row for row in before if row[0] == first.id}

    @fact
    async def test_a_change_writes_the_tasks_that_its_event_names_and_looks_at_no_others(self, scene: Scene) -> None:
        lead = await scene.create(LEADS, name="x", list_of_tasks=[{"task": str(number)} for number in range(4)])
        first, second, third, _ = [str(each.id) for each in (await scene.value(LEADS, lead)).list_of_tasks]
        await self._run("update task set task = 'left' where task like '%\"0\"%'")
        kept = [{"id": third, "task": "2"}, {"id": second, "task": "b"}, {"id": first, "task": "0"}]
        await scene.patch(LEADS, lead, list_of_tasks=[*kept, {"task": "d"}])

        tasks = (await scene.value(LEADS, lead)).list_of_tasks
        found = {each.place.task: each.task for each in await whole_agenda(scene.db, scene.who, {})}
        assert found == {each.id: b"left" if str(each.id) == first else encode(each) for each in tasks}

    @fact
    async def test_a_version_that_has_no_event_is_compared_as_a_whole(self, scene: Scene) -> None:
        await scene.create(CLIENTS, name="x", list_of_tasks=[{"task": "a"}, {"task": "b"}])
        await self._run(_RENAMED.replace("set ", "set version = version + 1, "))

        assert [b'"other"' in each.task for each in await whole_agenda(scene.db, scene.who, {})].count(True) == 1

    @fact
    async def test_a_record_of_an_earlier_release_is_compared_as_a_whole(self, scene: Scene) -> None:
        """Its digest is not known, until it is written again."""
        client = await scene.create(CLIENTS, name="x", list_of_tasks=[{"task": "a"}, {"task": "b"}])
        await self._run(
            "alter table client disable trigger client_columns; update client set tasks_digest = null;"
            "alter table client enable trigger client_columns"
        )
        await scene.patch(CLIENTS, client, list_of_tasks=[])

        assert await self._rows() == []

    @fact
    async def test_the_agenda_is_read_inside_a_transaction_of_the_caller(self, scene: Scene) -> None:
        async with await psycopg.AsyncConnection.connect(self.url) as connection:
            database = ConnectedDatabase(connection)
            await records.create(database, scene.who, CLIENTS, {"name": "x", "list_of_tasks": [{"task": "a"}]})
            assert len(await whole_agenda(database, scene.who, {})) == 1
            await connection.rollback()

        assert await self._rows() == []

    async def _run(self, statement: str) -> None:
        async with await psycopg.AsyncConnection.connect(self.url) as connection:
            await connection.execute(statement.encode())

    async def _rows(self) -> Sequence[tuple[UUID, str]]:
        """Every row with its place in the table, which another version of the row does not have."""
        async with await psycopg.AsyncConnection.connect(self.url) as connection:
            cursor = await connection.execute("select item, ctid::text from task order by item")
            return await cursor.fetchall()
