"""PostgresDatabase: the contract, agreement with memory, and what is PostgreSQL's own."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings

from crm_adapters import documents
from crm_adapters.memory import MemoryDatabase
from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.records.database import PostgresDatabase
from crm_adapters.postgres.sql.indexes import follow_definitions
from crm_adapters.postgres.sql.list_queries import MAX_PAGE_BYTES
from crm_adapters.postgres.sql.migrations import UnfitDatabaseError, migrate, pending, steps
from crm_core.engine.queries import Page
from crm_core.errors import InvalidError, NotAuthenticatedError
from crm_core.model.accounts import Actor, User
from crm_core.ports import Database
from crm_core.resources import ATTRIBUTES, CLIENTS, COHORTS, LEADS, PIPELINES, RESOURCES, SERVICES
from crm_core.rules.needs import Key, Needs, Search
from crm_core.testing.contract import DatabaseContract
from crm_core.testing.machine import USERS, assert_agreement
from crm_core.testing.scene import Facts, Scene, fact
from crm_core.use_cases import records
from crm_core.use_cases.callers import caller
from tests.conftest import empty


@asynccontextmanager
async def emptied(url: str) -> AsyncIterator[PostgresDatabase]:
    empty(url)
    pool = Pool(url)
    await pool.open()
    database = PostgresDatabase(pool)
    yield database
    await database.close()
    await pool.close()


class OnPostgres(Facts):
    """Facts about a PostgresDatabase on its own pool."""

    url: str

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _database(cls, url: str) -> None:
        cls.url = url

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Database]:
        async with emptied(self.url) as database:
            yield database


class TestPostgresDatabase(OnPostgres, DatabaseContract):
    pass


def test_memory_and_postgres_agree(url: str) -> None:
    @asynccontextmanager
    async def pair() -> AsyncIterator[tuple[Database, Database]]:
        memory = MemoryDatabase()
        for number in USERS:
            await memory.accounts.add_user(f"user {number}", "!")
        async with emptied(url) as postgres:
            yield memory, postgres

    thorough = settings(
        max_examples=20,
        stateful_step_count=30,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    assert_agreement(pair, settings=thorough)


class TestTheSchema(OnPostgres):
    @fact
    async def test_every_stored_document_is_its_entity_encoded(self, scene: Scene) -> None:
        for name, id_ in (await scene.one_of_each()).items():
            document = await scene.db.get(Key(name, id_))
            assert document is not None
            assert documents.encode(documents.decode(name, document.body)) == document.body
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


class TestOnAConnectionOfTheCallers(OnPostgres):
    @fact
    async def test_it_commits_and_rolls_back_with_the_callers_transaction(self, scene: Scene) -> None:
        async with await psycopg.AsyncConnection.connect(self.url) as connection:
            mine = Scene(PostgresDatabase.on(connection))
            kept = await mine.create(CLIENTS, name="kept")
            await connection.commit()
            lost = await mine.create(CLIENTS, name="lost")
            assert await mine.found(CLIENTS) == [lost, kept]
            await connection.rollback()

        assert await scene.found(CLIENTS) == [kept]

    @fact
    async def test_it_leaves_the_settings_of_the_callers_session_alone(self, scene: Scene) -> None:  # noqa: ARG002  # empties
        async with await psycopg.AsyncConnection.connect(self.url) as connection:
            await Scene(PostgresDatabase.on(connection)).create(CLIENTS, name="a")
            for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
                cursor = await connection.execute("select current_setting(%s)", (name,))
                assert await cursor.fetchone() == ("0",)

    @fact
    async def test_a_refused_change_leaves_the_transaction_usable(self, scene: Scene) -> None:
        async with await psycopg.AsyncConnection.connect(self.url) as connection:
            mine = Scene(PostgresDatabase.on(connection))
            first = await mine.create(CLIENTS, name="a")
            with pytest.raises(InvalidError):
                await mine.patch(CLIENTS, first, name="")
            await mine.patch(CLIENTS, first, name="b")

        assert (await scene.value(CLIENTS, first)).name == "b"


class TestContention(OnPostgres):
    @fact
    async def test_a_stage_rename_misses_no_lead_that_is_added_meanwhile(self, scene: Scene) -> None:
        pipeline = await scene.create(PIPELINES, name="p", stages=[{"name": "A"}, {"name": "B"}])
        stages = (await scene.value(PIPELINES, pipeline)).stages

        async def rename(name: str) -> None:
            await scene.patch(PIPELINES, pipeline, stages=[{"id": str(stages[0].id), "name": name}, {"name": "B"}])

        async def add(number: int) -> None:
            await scene.create(LEADS, name=str(number), pipeline=pipeline)

        await asyncio.gather(*(add(n) for n in range(40)), *(rename(f"A{n}") for n in range(5)))

        names = {stage.name for stage in (await scene.value(PIPELINES, pipeline)).stages}
        search = Search("lead", (("pipeline", pipeline),))
        leads = (await scene.db.known(Needs(children=frozenset({search})))).children[search]
        assert len(leads) == 40
        assert {lead.value.stage for lead in leads} <= names


class TestLargeRecords(OnPostgres):
    @fact
    async def test_a_list_of_large_records_comes_in_pieces_of_bounded_size(self, scene: Scene) -> None:
        notes = [{"note": "x" * 10_000}] * 90
        made = [await scene.create(CLIENTS, name=str(number), list_of_notes=notes) for number in range(20)]

        _, pieces = await records.find(scene.db, scene.who, CLIENTS, {})
        assert not isinstance(pieces, Page)
        sizes = [len(piece) async for piece in pieces]
        assert sum(sizes) > 2 * MAX_PAGE_BYTES
        assert max(sizes) <= MAX_PAGE_BYTES + 100
        assert await scene.found(CLIENTS) == made[::-1]

        _, page = await records.find(scene.db, scene.who, CLIENTS, {"limit": "20"})
        assert isinstance(page, Page)
        assert page.next is not None
        assert len(page.body) <= MAX_PAGE_BYTES + 100


class TestAnActorWithoutAnAccount(OnPostgres):
    @fact
    async def test_is_told_so_at_once(self, scene: Scene) -> None:
        stranger = caller(Actor(user=User(id=99, username="stranger"), is_superuser=True))

        with pytest.raises(NotAuthenticatedError):
            await records.create(scene.db, stranger, COHORTS, {"name_cohort": "c"})


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


def test_migrations_are_applied_once_however_many_apply_them(new_database: Callable[[], str]) -> None:
    url = new_database()

    async def at_once() -> list[object]:
        return list(await asyncio.gather(*(migrate(url) for _ in range(4))))

    assert sorted(map(len, asyncio.run(at_once()))) == [0, 0, 0, len(steps())]


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
