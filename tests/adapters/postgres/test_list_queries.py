"""How PostgreSQL answers lists of large tables: by indexes, and reading little more than it gives."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from uuid import uuid4

import psycopg
import pytest

from crm_adapters.postgres import demo
from crm_adapters.postgres.connection.session import SETTINGS
from crm_adapters.postgres.sql.list_queries import page_statement
from crm_core.engine.queries import Cursor, Filter, Query
from crm_core.resources import CLIENTS, LEADS, SERVICES

ROWS: Final = 10_000
LIMIT: Final = 50
#: Of a value that a tenth of all records have, ten times as many records as are shown are read, more or less.
MOST_READ: Final = 30 * LIMIT


@pytest.fixture(scope="module")
def connection(migrated_database: Callable[[], str]) -> Iterator[Any]:
    """A connection as the pool makes them, to a database with demo data of five users."""
    url = migrated_database()
    with psycopg.connect(url) as connection:
        for number in range(5):
            connection.execute("insert into app_user (username, password_hash) values (%s, '!')", (f"user {number}",))
    asyncio.run(demo.load(url, clients=ROWS, leads=ROWS, seed=1, progress=lambda *_: None))
    options = " ".join(f"-c {name}={setting}" for name, setting in SETTINGS.items())
    with psycopg.connect(url, autocommit=True, options=options) as connection:
        yield connection


def contains(name: str) -> Mapping[str, Any]:
    return {"resource": CLIENTS, "filters": (Filter("name", "contains", name, "text"),)}


def of_stage(stage: str, responsible: int) -> Mapping[str, Any]:
    filters = (Filter("stage", "exact", stage, "text"), Filter("responsible", "exact", responsible, "integer"))
    return {"resource": LEADS, "filters": filters}


def holding(operator: str, name: str, value: object, kind: str) -> Mapping[str, Any]:
    return {"resource": CLIENTS, "filters": (Filter(name, operator, value, kind, is_attribute=True),)}


def found(*terms: str) -> Mapping[str, Any]:
    return {"resource": LEADS, "terms": terms}


LISTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "first page": {"resource": CLIENTS},
    "by name": {"resource": CLIENTS, "order_by": "name"},
    "name, common": contains("alpine"),
    "name, rare": contains("bakery 77"),
    "name, none": contains("zyxwv"),
    "stage and responsible, common": of_stage("New", 1),
    "stage and responsible, none": of_stage("Gone", 1),
    "attribute, common": holding("exact", "city", "Oslo", "text"),
    "attribute, none": holding("exact", "city", "Zyxwv", "text"),
    "attribute, one of some": holding("in", "city", ("Zyxwv", "Vwxyz"), "text"),
    "range, common": holding("gte", "employees", 370, "number"),
    "range, rare": holding("gte", "employees", 8_000, "number"),
    "search, common": found("ana"),
    "search, none": found("zyxwv"),
    "search, two terms": found("ana", "brown"),
}


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("deep", [False, True], ids=["first page", "deep page"])
def test_a_page_is_found_by_indexes(connection: Any, name: str, deep: bool) -> None:  # noqa: FBT001  # parametrized
    query = Query(**LISTS[name])
    if deep:
        [[value, id_]] = rows(connection, f"select name, id from {query.resource.name} order by id limit 1 offset 5000")
        query = Query(**LISTS[name], after=Cursor(value if query.order_by else None, id_))

    assert_reads_little(connection, query)


@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_the_services_of_a_client_are_found_by_an_index(connection: Any, direction: str) -> None:
    by_count = f"select client from service group by client order by count(*) {direction} limit 1"
    [[client]] = rows(connection, by_count)

    assert_reads_little(connection, Query(resource=SERVICES, filters=(Filter("client", "exact", client, "uuid"),)))


@pytest.mark.parametrize("name", ["stage", "pipeline"])
def test_what_only_old_leads_have_is_found_without_passing_the_newer_ones(connection: Any, name: str) -> None:
    old = {"stage": "Gone", "pipeline": str(uuid4())}[name]
    [[document]] = rows(connection, "select document from pipeline")
    query = Query(resource=LEADS, filters=(Filter(name, "exact", old, "text"),))
    with connection.transaction(force_rollback=True):
        if name == "pipeline":
            copied = json.dumps(document | {"id": old})
            connection.execute("insert into pipeline (id, version, document) values (%s, 1, %s)", (old, copied))
        connection.execute(
            f"""update lead set document = jsonb_set(document::jsonb, '{{{name}}}', to_jsonb(%s::text))::json
            where id in (select id from lead order by id limit {ROWS // 10})""",
            (old,),
        )
        connection.execute("analyze lead")

        assert_reads_little(connection, query)


def rows(connection: Any, statement: str) -> list[Any]:
    found: list[Any] = connection.execute(statement.encode()).fetchall()
    return found


def assert_reads_little(connection: Any, query: Query) -> None:
    statement, params = page_statement(query, LIMIT)
    text = statement if isinstance(statement, bytes) else statement.as_bytes()
    [[[explained]]] = connection.execute(b"explain (analyze, format json) " + text, params).fetchall()
    nodes = list(walk(explained["Plan"]))
    assert not [node for node in nodes if node["Node Type"] == "Seq Scan"], json.dumps(nodes)
    assert max(map(read_by, nodes)) <= MOST_READ, json.dumps(nodes)


def walk(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield {name: value for name, value in plan.items() if name != "Plans"}
    for part in plan.get("Plans", ()):
        yield from walk(part)


def read_by(node: Mapping[str, Any]) -> int:
    """How many rows a part of a plan looked at."""
    filtered = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return int((node["Actual Rows"] + filtered) * node["Actual Loops"])
