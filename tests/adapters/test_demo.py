"""Demo data: that it is what the app would have written."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest

from crm_adapters import json_documents
from crm_adapters.demo import DEFINITIONS, Company
from crm_adapters.postgres import demo
from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.records.database import PostgresDatabase
from crm_core.engine.queries import Page
from crm_core.model.accounts import User
from crm_core.model.recorded_changes import record_changes
from crm_core.resources import CLIENTS, FOLLOW_UPS, LEADS, PIPELINES, RESOURCES, SERVICES
from crm_core.testing.scene import Facts, Scene, fact
from crm_core.use_cases import records

SIZE = {"clients": 60, "leads": 30, "seed": 1}
COUNTS = {"client": 60, "service": 12, "follow_up": 2, "lead": 30}


def nothing(_: int, __: int) -> None:
    pass


@pytest.fixture(scope="module")
def url(migrated_database: Callable[[], str]) -> str:
    """A database with a user whose name must be escaped, and demo data."""
    url = migrated_database()
    with psycopg.connect(url) as connection:
        connection.execute("insert into app_user (username, password_hash, first_name) values ('a', '!', 'A\\\tB\n')")
    asyncio.run(demo.load(url, **SIZE, progress=nothing))
    return url


def rows(url: str, statement: str) -> list[Any]:
    with psycopg.connect(url) as connection:
        return connection.execute(statement.encode()).fetchall()


def made(company: Company) -> list[bytes]:
    pipeline = UUID(int=1)
    return [json_documents.encode(record) for _, some in company.records(pipeline) for _, record in some]


def test_the_same_seed_gives_the_same_records_and_another_gives_others() -> None:
    users = [User(id=1, username="a")]

    assert made(Company(**SIZE, users=users)) == made(Company(**SIZE, users=users))
    assert not set(made(Company(**SIZE, users=users))) & set(made(Company(**SIZE | {"seed": 2}, users=users)))


def test_there_may_be_leads_without_clients_and_nothing_at_all() -> None:
    users = [User(id=1, username="a")]

    assert len(made(Company(clients=0, leads=5, seed=1, users=users))) == 5
    assert made(Company(clients=0, leads=0, seed=1, users=users)) == []


def test_every_lead_is_kept_with_the_id_of_its_stage(url: str) -> None:
    together = "lead join pipeline on pipeline.id = lead.pipeline"
    known = rows(url, f"select lead.stage, stage_id::text, pipeline.document from {together}")

    assert known
    for stage, stage_id, pipeline in known:
        assert stage_id in {each["id"] for each in pipeline["stages"] if each["name"] == stage}


@pytest.mark.parametrize("name", COUNTS)
def test_every_document_is_its_entity_encoded_and_has_its_event(url: str, name: str) -> None:
    found = rows(url, f"select document::text, version from {name} order by id")
    events = rows(
        url,
        "select changes::text, version, kind, actor_name, at from event"
        f" where resource = '{name}' and kind = 'created' order by record",
    )

    assert len(found) == len(events) == COUNTS[name]
    for (text, version), (changes, *event) in zip(found, events, strict=True):
        record = json_documents.decode(name, text.encode())
        assert json_documents.encode(record).decode() == text
        assert list(json.loads(text)) == list(RESOURCES[name].fields)
        assert json.loads(changes) == json.loads(json_documents.encode(record_changes(None, record, {})))
        assert (version, *event) == (1, 1, "created", "A\\\tB", record.created_at)


def test_ids_are_of_the_form_and_order_that_the_app_makes(url: str) -> None:
    for name in COUNTS:
        ids = [id_ for (id_,) in rows(url, f"select id from {name} order by created_at")]
        assert ids == sorted(ids)
        assert all(id_.version == 7 for id_ in ids)


def test_a_second_load_of_a_seed_changes_nothing_and_another_adds(url: str) -> None:
    before = rows(url, "select count(*) from event")
    with pytest.raises(demo.DemoError, match="--seed"):
        asyncio.run(demo.load(url, **SIZE, progress=nothing))
    assert rows(url, "select count(*) from event") == before


def test_without_a_user_there_is_no_author(migrated_database: Callable[[], str]) -> None:
    url = migrated_database()

    with pytest.raises(demo.DemoError, match="crm serve"):
        asyncio.run(demo.load(url, **SIZE, progress=nothing))


class TestDemoData(Facts):
    url: str

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _database(cls, url: str) -> None:
        cls.url = url

    @asynccontextmanager
    async def open(self) -> AsyncIterator[PostgresDatabase]:
        async with Pool(self.url) as pool:
            yield PostgresDatabase(pool)

    @fact
    async def test_is_listed(self, scene: Scene) -> None:
        for resource in (CLIENTS, SERVICES, LEADS):
            assert len(await scene.found(resource)) == COUNTS[resource.name]
        services = await scene.found(SERVICES)
        assert sum([len(await scene.found(FOLLOW_UPS, each)) for each in services]) == COUNTS["follow_up"]
        assert len(await scene.found(PIPELINES)) == 1

    @fact
    async def test_has_attributes_that_are_defined(self, scene: Scene) -> None:
        for entity, sent in DEFINITIONS.items():
            definitions = (await scene.catalog(entity)).definitions
            assert set(definitions) == {each["name"] for each in sent}
        assert 0 < len(await scene.found(LEADS, **{"attributes.budget__gte": "1000"})) < COUNTS["lead"]
        _, page = await records.find(scene.db, scene.who, CLIENTS, {"attributes.city": "Oslo", "limit": "5"})
        assert isinstance(page, Page)
        assert page.body

    @fact
    async def test_is_what_the_app_makes_of_the_same_values(self, scene: Scene) -> None:
        for resource in (CLIENTS, SERVICES, LEADS):
            *_, first = await scene.found(resource)
            values = self.plain(await scene.value(resource, first))
            again = await scene.create(resource, **values)
            assert self.plain(await scene.value(resource, again)) == values
            await scene.delete(resource, again)

    @staticmethod
    def plain(record: object) -> dict[str, Any]:
        """A record as the wire shows it, without what each has of its own."""
        own = {"id", "created_at", "created_by", "updated_at", "updated_by", "list_of_tasks", "list_of_notes"}
        return {name: each for name, each in json.loads(json_documents.encode(record)).items() if name not in own}
