"""Facts about embedding with PostgreSQL: on a connection of one's own, in a schema of one's own, without await."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import ClientCursor, Connection, IsolationLevel
from psycopg.rows import dict_row

from crm_adapters.postgres import Pool, PostgresAccounts, PostgresDatabase, UnfitDatabaseError, migrate
from crm_core import Actor, Client, InvalidError, NotAuthenticatedError, User
from crm_core.embedding import CallingThread, Crm, Portal, Runner, Session, SyncCrm
from crm_core.use_cases import evolutions, users
from crm_core.use_cases.evolution_requests import Target

ME = Actor(user=User(id=1, username="user 1"), is_superuser=True)
NAMES = "select name from client order by name"


@pytest.fixture
def connection(url: str) -> Iterator[Connection[Any]]:
    with psycopg.connect(url) as made:
        made.execute("delete from event")
        made.execute("delete from client")
        made.commit()
        yield made
        made.rollback()


def on(connection: Connection[Any]) -> Session[Runner]:
    return SyncCrm(PostgresDatabase.on(connection)).as_(ME)


def names(url: str) -> list[str]:
    with psycopg.connect(url) as other:
        return [name for (name,) in other.execute(NAMES)]


def test_calls_on_a_blocking_connection_are_part_of_its_transaction(url: str, connection: Connection[Any]) -> None:
    crm = on(connection)
    connection.execute("create temporary table own (name text)")
    made = crm.clients.create(name="a", list_of_tasks=[{"task": "Call"}])
    with pytest.raises(InvalidError):
        crm.clients.create(name="")
    assert crm.clients.update_task(made.id, made.list_of_tasks[0].id, completed=True).list_of_tasks[0].completed
    assert [each.name for each in crm.clients.list()] == ["a"]
    assert [entry.kind for entry in crm.clients.history(made.id)] == ["updated", "created"]
    assert crm.clients.bulk([{"op": "create", "data": {"name": "b"}}])[0].kind == "created"
    assert names(url) == []

    connection.commit()
    assert names(url) == ["a", "b"]
    crm.clients.delete(made.id)
    crm.clients.erase(made.id)
    connection.rollback()
    assert names(url) == ["a", "b"]


def test_a_connection_may_have_rows_cursors_and_adapters_of_its_own(connection: Connection[Any]) -> None:
    connection.row_factory = dict_row
    connection.cursor_factory = ClientCursor
    connection.adapters.register_loader("timestamptz", psycopg.types.string.TextLoader)
    crm = on(connection)

    assert crm.clients.retrieve(crm.clients.create(name="a").id).name == "a"
    assert crm.clients.list(name="a").first() is not None
    assert connection.execute("select 1 as one").fetchone() == {"one": 1}


def test_what_follows_from_an_attribute_is_part_of_the_transaction_too(connection: Connection[Any]) -> None:
    crm = on(connection)
    attribute = crm.attributes("client").create(name="size", label="Size", type="text")
    made = crm.clients.create(name="a", attributes={"size": "4"})
    db = PostgresDatabase.on(connection)
    CallingThread().run(evolutions.evolve(db, crm.caller(), "rename", Target(attribute.id), {"name": "length"}))

    assert crm.clients.retrieve(made.id).attributes == {"length": "4"}


def test_a_connection_without_a_transaction_is_refused(connection: Connection[Any]) -> None:
    connection.autocommit = True

    with pytest.raises(ValueError, match="begin one"):
        on(connection).clients.create(name="a")
    with connection.transaction():
        assert on(connection).clients.create(name="a").name == "a"


@pytest.mark.parametrize("level", [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE])
def test_a_transaction_that_does_not_see_what_others_commit_is_refused(
    connection: Connection[Any], level: IsolationLevel
) -> None:
    connection.isolation_level = level

    with pytest.raises(ValueError, match="READ COMMITTED only"):
        on(connection).clients.create(name="a")


def test_errors_of_one_s_own_statements_stay_one_s_own(url: str) -> None:
    async def refused(pool: Pool) -> None:
        async with pool.transaction() as connection:
            await Crm(PostgresDatabase.on(connection)).as_(ME).clients.create(name="refused")
            await connection.execute("insert into shop_order values (1)")

    async def facts() -> None:
        async with Pool(url, size=2) as pool:
            with pytest.raises(psycopg.errors.UndefinedTable):
                await refused(pool)
            async with pool.transaction() as connection:
                await Crm(PostgresDatabase.on(connection)).as_(ME).clients.create(name="own")
        assert "own" in names(url)
        assert "refused" not in names(url)

    asyncio.run(facts())


def test_calls_at_once_in_one_s_own_transaction_wait_for_each_other(url: str) -> None:
    async def facts() -> None:
        async with Pool(url, size=2) as pool:
            async with pool.transaction() as connection:
                crm = Crm(PostgresDatabase.on(connection)).as_(ME)
                client = await crm.clients.create(name="first")
                read = asyncio.gather(*(crm.clients.retrieve(client.id) for _ in range(5)))
                others = (Crm(PostgresDatabase.on(connection)).as_(ME) for _ in range(5))
                made = asyncio.gather(*(each.clients.create(name="at once") for each in others), return_exceptions=True)
                refused = asyncio.gather(*(crm.clients.create(name="") for _ in range(3)), return_exceptions=True)
                assert [each.name for each in await read] == ["first"] * 5
                assert [type(each) for each in await made] == [Client] * 5
                assert [type(each) for each in await refused] == [InvalidError] * 3
            assert names(url).count("at once") == 5

    asyncio.run(facts())


def test_calls_together_are_committed_together_or_not_at_all(url: str) -> None:
    async def refused(crm: Session[Any]) -> None:
        async with crm.together() as work:
            await work.clients.create(name="not alone")
            await work.services.create(name="")  # type: ignore[call-arg]

    async def facts() -> None:
        async with Pool(url, size=2) as pool:
            crm = Crm(PostgresDatabase(pool)).as_(ME)
            async with crm.together() as work:
                client = await work.clients.create(name="together")
                await work.services.create(name="s", client=client.id)
            with pytest.raises(InvalidError):
                await refused(crm)
            assert [each.client async for each in crm.services.list(name="s")] == [client.id]
        assert "not alone" not in names(url)

    asyncio.run(facts())


def test_calls_through_a_portal_share_a_pool(url: str) -> None:
    with Portal() as portal:
        pool = portal.open(lambda: Pool(url, size=2))
        crm = SyncCrm(PostgresDatabase(pool), runner=portal, users=PostgresAccounts(pool))
        id_ = portal.run(users.add_external_user(PostgresAccounts(pool), "ann", groups=["Sales"]))

        assert crm.as_user("ann").clients.create(name="portal").created_by == id_
        assert crm.as_user(id_).actor.permissions == crm.as_user("ann").actor.permissions
        portal.run(users.disable_user(PostgresAccounts(pool), "ann"))
        with pytest.raises(NotAuthenticatedError):
            crm.as_user("ann")


def test_the_tables_can_have_a_schema_of_their_own(new_database: Callable[[], str]) -> None:
    plain = new_database()
    own = f"{plain}{'&' if '?' in plain else '?'}options=-csearch_path%3Dcrm,public"

    async def facts() -> None:
        await migrate(own)
        async with Pool(own, size=2) as pool:
            assert await users.add_external_user(PostgresAccounts(pool), "me") == ME.user.id
            crm = Crm(PostgresDatabase(pool)).as_(ME)
            await crm.attributes("client").create(name="size", label="Size", type="number")
            await crm.clients.create(name="Acme", attributes={"size": 4})
            async with pool.transaction() as mine:
                await mine.execute("insert into public.event values ('party')")

    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute("create table event (title text)")
        with pytest.raises(UnfitDatabaseError, match='"event" already exists'):
            asyncio.run(migrate(plain))
        connection.execute("create schema crm")
        asyncio.run(facts())
        assert connection.execute("select count(*) from crm.client").fetchone() == (1,)
    with psycopg.connect(own) as connection:
        assert [each.name for each in on(connection).clients.list(attributes={"size": 4})] == ["Acme"]
