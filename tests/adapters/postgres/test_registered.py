"""The tables of registered resources: made from their rows, and grown with them."""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar
from uuid import UUID

import attrs
import psycopg
import pytest

from crm_adapters import json_documents
from crm_adapters.memory import MemoryDatabase
from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.feed import PostgresFeed
from crm_adapters.postgres.records.database import PostgresDatabase
from crm_adapters.postgres.sql.migrations import UnfitDatabaseError, foreign_resources, migrate, pending
from crm_adapters.postgres.sql.resource_tables import columns_of
from crm_core import (
    ATTRIBUTES,
    CLIENTS,
    RESOURCES,
    WEBHOOKS,
    Actor,
    InUseError,
    InvalidError,
    Key,
    Needs,
    Problem,
    Proposal,
    Record,
    Resource,
    Search,
    Steps,
    User,
    register,
)
from crm_core.errors import UnregisteredError, flatten
from crm_core.fields import attribute_values as attributes
from crm_core.fields import choice, date_value, identity, integer, items, last_change, reference, text, texts, user
from crm_core.model.entities import Note, Task
from crm_core.testing import Scene, own_registration
from crm_core.testing.scene import at_once
from crm_core.use_cases import agendas, caller, changes, duplicates, erasures, merges, records
from crm_core.use_cases.erasures import ErasureTarget
from crm_core.use_cases.evolution_requests import Target
from crm_core.use_cases.evolutions import evolve
from crm_core.use_cases.retention import fold_histories

T = TypeVar("T")

BY_JOB = "referred to by the table job, which is of no resource here"


@attrs.frozen(kw_only=True, slots=False)
class Job:
    """What is to be done for a client."""

    id: UUID = identity()
    name: str = text()
    client: UUID = reference("client", owner=True)
    responsible: int | None = user()
    places: tuple[str, ...] = texts(max_items=5)
    attributes: Mapping[str, object] = attributes()
    list_of_tasks: tuple[Task, ...] = items(Task, max_items=10)
    list_of_notes: tuple[Note, ...] = items(Note, max_items=10)
    due: dt.date | None = date_value()
    hours: int = integer(default=0)
    updated_at: dt.datetime | None = last_change("datetime")
    updated_by: int | None = last_change("integer")


def jobs(*, entity: type[Job] = Job, **differing: Any) -> Resource[Job]:
    usual: dict[str, Any] = {"filters": {"name": "contains"}, "ordering": ("name",), "search": ("name",)}
    fixed: dict[str, Any] = {"name": "job", "path": "jobs", "model_name": "job", "label": ("job", "jobs")}
    return Resource(entity=entity, **fixed, **usual | differing)


@pytest.fixture
def url(new_database: Callable[[], str]) -> str:
    return new_database()


@pytest.fixture(autouse=True)
def _own() -> Iterator[None]:
    with own_registration():
        yield


def migrated(url: str, *rows: Resource, sample: Mapping[str, Any] = MappingProxyType({})) -> Sequence[str]:
    """Migrate with these resources alone; the names of the migrations of their tables."""
    with own_registration():
        for row in rows:
            register(row, sample={"name": "j", **sample})
        return [name for name in asyncio.run(migrate(url)) if name.startswith("resource ")]


def on(url: str, row: Resource | None, work: Callable[[Scene], Awaitable[T]]) -> T:
    """What some work on the database returns, with a resource that is registered or not."""

    async def run() -> T:
        async with Pool(url) as pool:
            database = PostgresDatabase(pool)
            result = await work(Scene(database))
            await database.close()
            return result

    with own_registration():
        if row is not None:
            register(row, sample={"name": "j"})
        return asyncio.run(run())


def asked(url: str, question: Callable[[Any], Awaitable[T]]) -> T:
    async def ask() -> T:
        async with await psycopg.AsyncConnection.connect(url) as connection:
            return await question(connection)

    return asyncio.run(ask())


def add_user(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("insert into app_user (username, password_hash) values ('user 1', '!')")


@pytest.mark.parametrize("name", RESOURCES)
def test_the_tables_of_the_crm_are_as_their_rows_would_make_them(name: str, migrated_url: str) -> None:
    columns = columns_of(RESOURCES[name])
    with psycopg.connect(migrated_url) as connection:
        there = connection.execute(
            "select attname, format_type(atttypid, atttypmod), attnotnull from pg_attribute"
            " where attrelid = %s::regclass and attnum > 0 and not attisdropped",
            (name,),
        ).fetchall()
    types, required = {column: type_ for column, type_, _ in there}, {column for column, _, is_set in there if is_set}
    assert {each.name: types.get(each.name) for each in columns} == {each.name: each.type for each in columns}
    assert {each.name for each in columns if each.is_required} <= required


@pytest.fixture(scope="module")
def migrated_url(new_database: Callable[[], str]) -> str:
    url = new_database()
    asyncio.run(migrate(url))
    return url


def test_no_table_compresses_its_documents(url: str) -> None:
    migrated(url, jobs())
    with psycopg.connect(url) as connection:
        compressing = connection.execute(
            "select attrelid::regclass::text from pg_attribute"
            " where attrelid = any(%s::regclass[]) and attname = 'document' and attstorage <> 'e'",
            ([*RESOURCES, "job"],),
        ).fetchall()
    assert compressing == []


def test_a_table_is_made_once_and_grows_with_its_row(url: str) -> None:
    small, large = jobs(), jobs(ordering=("name", "due"), filters={"name": "contains", "hours": "exact"})
    [made] = migrated(url, small)
    add_user(url)

    async def write(scene: Scene) -> UUID:
        client = await scene.create(CLIENTS, name="Acme")
        return await scene.create(small, name="Paint", client=client, hours=3, due="2026-12-24")

    id_ = on(url, small, write)
    assert made.startswith("resource job ")
    assert migrated(url, small) == []
    with own_registration():
        register(large, sample={"name": "j"})
        assert asked(url, pending) == migrated(url, large)
    assert on(url, large, lambda scene: scene.found(large, hours="3", ordering="due")) == [id_]

    assert len(migrated(url, small)) == 1
    on(url, small, lambda scene: scene.patch(small, id_, hours=4))
    with psycopg.connect(url) as connection:
        assert connection.execute("select hours, document -> 'hours' from job").fetchall() == [(None, 4)]
    assert len(migrated(url, large)) == 1
    assert on(url, large, lambda scene: scene.found(large, hours="4")) == [id_]


@attrs.frozen(kw_only=True, slots=False)
class LaterJob(Job):
    """The same with more fields."""

    priority: str = choice("low", "high", default="low")
    updated_at: dt.datetime | None = last_change("datetime")
    updated_by: int | None = last_change("integer")


@attrs.frozen(kw_only=True, slots=False)
class NeedyJob(Job):
    """The same with a field that earlier records lack."""

    place: str = text()
    updated_at: dt.datetime | None = last_change("datetime")
    updated_by: int | None = last_change("integer")


def test_documents_of_before_get_the_defaults_of_new_fields(url: str) -> None:
    row, later, needy = jobs(), jobs(entity=LaterJob, filters={"priority": "exact"}), jobs(entity=NeedyJob)
    migrated(url, row)

    async def write(scene: Scene) -> UUID:
        client = await scene.create(CLIENTS, name="Acme")
        return await scene.create(row, name="Paint", client=client)

    async def look(scene: Scene) -> tuple[list[UUID], Record | None, bytes]:
        found = await scene.found(later, priority="low")
        return found, await scene.record(later, id_), (await records.get(scene.db, scene.who, later, id_)).body

    add_user(url)
    id_ = on(url, row, write)
    with pytest.raises(UnfitDatabaseError, match="Records of job lack place: a field that is added needs a default"):
        migrated(url, needy, sample={"place": "here"})
    migrated(url, later)
    found, record, body = on(url, later, look)
    assert found == [id_]
    assert record is not None
    assert (record.version, record.value.priority) == (2, "low")
    assert json_documents.encode(record.value) == body


def test_tasks_duplicates_and_merges_are_those_of_every_resource(url: str) -> None:
    row = jobs()
    migrated(url, row)
    add_user(url)

    async def work(scene: Scene) -> tuple[list[str], int, list[UUID]]:
        client = await scene.create(CLIENTS, name="Acme")
        tasks = [{"task": "Buy paint", "date": "2026-12-24"}]
        first = await scene.create(row, name="Paint", client=client, list_of_tasks=tasks, responsible=1)
        second = await scene.create(row, name="paint", client=client)
        agenda = await agendas.find(scene.db, scene.who, {"resource": "job", "responsible": "1"})
        alike = await duplicates.find(scene.db, scene.who, row, {})
        await merges.merge(scene.db, scene.who, row, first, {"from": [str(second)]})
        return [task.name for task in agenda.tasks], len(alike.groups), await scene.found(row)

    names, groups, left = on(url, row, work)
    assert (names, groups, len(left)) == (["Paint"], 1, 1)


def test_a_table_of_somebody_else_is_left_alone(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("create table job (id integer)")

    with pytest.raises(UnfitDatabaseError, match=r'"job" already exists\. Give the CRM its own schema'):
        migrated(url, jobs())


def test_a_table_of_the_crm_itself_is_no_table_of_a_resource(url: str) -> None:
    with pytest.raises(UnfitDatabaseError, match=r'"event" already exists\. .* or the resource another name\.'):
        migrated(url, attrs.evolve(jobs(), name="event", path="events"))


@attrs.frozen(kw_only=True, slots=False)
class Sized:
    """A record with fields that its table has columns of its own for."""

    id: UUID = identity()
    name: str = text()
    size: int = integer(default=0)
    name_folded: int = integer(default=0)
    updated_at: dt.datetime | None = last_change("datetime")
    updated_by: int | None = last_change("integer")


def test_fields_that_clash_with_other_columns_are_named(url: str) -> None:
    named: dict[str, Any] = {"name": "sized", "path": "sized", "model_name": "sized", "label": ("sized", "sized")}
    filters = {"name": "contains", "size": "exact", "name_folded": "exact"}

    with pytest.raises(UnfitDatabaseError, match=r"cannot have a field size: .* cannot have a field name_folded:"):
        migrated(url, Resource(entity=Sized, filters=filters, **named))


def test_records_with_tasks_need_no_filter_by_name(url: str) -> None:
    row = jobs(filters={}, ordering=(), search=())
    migrated(url, row)
    add_user(url)

    async def work(scene: Scene) -> tuple[list[str], int]:
        client = await scene.create(CLIENTS, name="Acme")
        await scene.create(row, name="Paint", client=client, list_of_tasks=[{"task": "Buy paint"}])
        await scene.create(row, name="paint", client=client)
        agenda = await agendas.find(scene.db, scene.who, {"resource": "job"})
        alike = await duplicates.find(scene.db, scene.who, row, {})
        return [task.name for task in agenda.tasks], len(alike.groups)

    assert on(url, row, work) == (["Paint"], 1)


def test_what_needs_a_resource_whose_package_is_missing_says_so(url: str) -> None:
    row = jobs()
    migrated(url, row)
    add_user(url)

    async def before(scene: Scene) -> tuple[UUID, UUID]:
        hook = await scene.create(WEBHOOKS, name="w", model="Job", url="https://example.com/")
        return hook, await scene.create(ATTRIBUTES, "job", name="x", label="x", type="text")

    async def after(scene: Scene) -> None:
        with pytest.raises(UnregisteredError, match="Job, which no package registers here"):
            await scene.patch(WEBHOOKS, hook, conditions=[{"field": "name", "operator": "=", "value": "x"}])
        target = Target(attribute)
        with pytest.raises(UnregisteredError, match="job, which no package registers here"):
            await evolve(scene.db, scene.who, "rename", target, {"name": "y"})

    hook, attribute = on(url, row, before)
    on(url, None, after)


def test_a_column_that_has_another_type_by_now_is_named(url: str) -> None:
    migrated(url, jobs(filters={"name": "contains", "hours": "exact"}))
    with psycopg.connect(url) as connection:
        connection.execute("alter table job alter column hours type text")

    with pytest.raises(UnfitDatabaseError, match=r"The column job\.hours is text, and the resource needs bigint\."):
        migrated(url, jobs(filters={"hours": "exact"}))


def test_records_of_a_package_that_is_missing_harm_nobody(url: str) -> None:
    row = jobs()
    migrated(url, row)
    add_user(url)
    who = caller(Actor(user=User(id=1, username="user 1"), is_superuser=True))

    async def write(scene: Scene) -> UUID:
        client = await scene.create(CLIENTS, name="Acme")
        job = await scene.create(row, name="Paint", client=client)
        await scene.patch(row, job, name="Paint it")
        return client

    async def work(scene: Scene) -> None:
        with pytest.raises(InUseError, match=BY_JOB):
            await scene.delete(CLIENTS, client)
        async with Pool(url) as pool:
            feed = PostgresFeed(pool)
            page = await changes.read(feed, who, {})
            assert [each.entry.event.resource for each in page.changes] == ["client"]
            await fold_histories(scene.db, feed, dt.datetime.now(dt.UTC) + dt.timedelta(days=1), pause=0)
            await feed.close()
        assert (await records.get(scene.db, who, CLIENTS, client)).version == 1

    client = on(url, row, write)
    assert asked(url, foreign_resources) == ["job"]
    assert asked(url, pending) == []
    on(url, None, work)
    assert migrated(url, row) == []


def test_dry_runs_are_refused_as_commits_are_where_records_of_a_missing_package_refer(url: str) -> None:
    row = jobs()
    migrated(url, row)
    add_user(url)

    async def write(scene: Scene) -> UUID:
        client = await scene.create(CLIENTS, name="Acme")
        await scene.create(row, name="Paint", client=client)
        return client

    async def work(scene: Scene) -> None:
        other = await scene.create(CLIENTS, name="Twin")
        for merge in (merges.merge_dry_run, merges.merge):
            with pytest.raises(InUseError, match=BY_JOB):
                await merge(scene.db, scene.who, CLIENTS, other, {"from": [str(client)]})
        for erase in (erasures.erase_dry_run, erasures.erase):
            with pytest.raises(InUseError, match=BY_JOB):
                await erase(scene.db, None, scene.who, ErasureTarget(CLIENTS, client))
        assert (await erasures.erase_dry_run(scene.db, None, scene.who, ErasureTarget(CLIENTS, other))).records

    client = on(url, row, write)
    on(url, None, work)

    async def on_a_connection(connection: Any) -> None:
        scene = Scene(PostgresDatabase.on(connection))
        with pytest.raises(InUseError, match=BY_JOB):
            await erasures.erase_dry_run(scene.db, None, scene.who, ErasureTarget(CLIENTS, client))

    asked(url, on_a_connection)


@pytest.mark.parametrize(
    ("column", "refers"),
    [
        ("client uuid references client", True),
        ("client uuid references client on delete restrict", True),
        ("client uuid references client on delete cascade", False),
        ("client uuid references client on delete set null", False),
        ("client uuid", False),
    ],
)
def test_a_dry_run_heeds_foreign_keys_of_tables_of_others_as_the_commit_does(
    column: str,
    refers: bool,  # noqa: FBT001  # a parameter
    url: str,
) -> None:
    migrated(url)
    add_user(url)

    async def work(scene: Scene) -> list[str]:
        client = await scene.create(CLIENTS, name="Acme")
        with psycopg.connect(url) as connection:
            connection.execute("create schema shop")
            connection.execute(f'create table shop."Order" ({column})'.encode())
            connection.execute('insert into shop."Order" values (%s)', (client,))
        refusals = []
        for erase in (erasures.erase_dry_run, erasures.erase):
            try:
                await erase(scene.db, None, scene.who, ErasureTarget(CLIENTS, client))
            except InUseError as error:
                refusals.append(str(error))
        return refusals

    text = "This record is referred to by the table Order, which is of no resource here."
    assert on(url, None, work) == ([text, text] if refers else [])


ONE_OF_TWELVE = [InvalidError] * 11 + [UUID]


async def twelve_times(scene: Scene, row: Resource, **sent: Any) -> Sequence[type]:
    """Create equal records at once; the types of the outcomes, in order of their names."""
    outcomes = await at_once(*(scene.create(row, name="a", **sent) for _ in range(12)))
    return sorted((type(outcome) for outcome in outcomes), key=str)


@pytest.mark.parametrize(
    ("once", "problems"),
    [
        (("name",), "name: This field must be unique."),
        (("name", "hours"), "non_field_errors: The fields name, hours must make a unique set."),
    ],
)
def test_what_no_two_records_have_alike_needs_no_rule_of_its_own(
    url: str, once: tuple[str, ...], problems: str
) -> None:
    row = jobs(once=once)
    migrated(url, row)
    add_user(url)

    async def work(scene: Scene) -> None:
        client = await scene.create(CLIENTS, name="Acme")
        assert await twelve_times(scene, row, client=client) == ONE_OF_TWELVE
        with pytest.raises(InvalidError) as refused:
            await scene.create(row, name="a", client=client)
        assert list(flatten(refused.value.problems)) == [problems]
        other = await scene.create(row, name="b", client=client)
        await scene.patch(row, other, name="b", hours=0)

    on(url, row, work)
    with own_registration():
        register(row, sample={"name": "j"})
        asyncio.run(work(Scene(MemoryDatabase())))


def _alone_in_its_hours(proposal: Proposal) -> Steps[Mapping[str, object]]:
    client = Key("client", proposal.value("client"))
    search = Search("job", (("client", client.id),))
    known = yield Needs(records=frozenset({client}), children=frozenset({search}))
    if known.children[search]:
        raise InvalidError({"hours": (Problem("invalid", "Others work then."),)})
    return {}


def test_rules_that_name_a_record_and_search_its_children_are_decided_one_after_the_other(url: str) -> None:
    row = jobs(validate=_alone_in_its_hours)
    migrated(url, row)
    add_user(url)

    async def work(scene: Scene) -> None:
        for _ in range(5):
            client = await scene.create(CLIENTS, name="Acme")
            assert await twelve_times(scene, row, client=client) == ONE_OF_TWELVE

    on(url, row, work)
