"""Events of earlier releases come over into the form that versions are built from (migration 0010)."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import psycopg
import pytest

from crm_adapters import json_documents
from crm_adapters.postgres.sql.migrations import migrate
from tests.adapters.postgres.test_texts_migration import client, put, release_0_1_0, shown, uid

_INSERT: Final = """
insert into event (resource, record, version, kind, actor_name, request_id, at, changes)
values (%s, %s, %s, %s, 'u', '', now(), %s)"""


@pytest.fixture
def url(new_database: Callable[[], str]) -> str:
    url = new_database()
    release_0_1_0(url)
    return url


def happened(url: str, *events: tuple[str, int, int, str, Mapping[str, Any]]) -> None:
    """Store events of release 0.1.0, in one transaction: resource, number of the record, version, kind, changes."""
    with psycopg.connect(url) as connection:
        for resource, record, version, kind, changes in events:
            connection.execute(_INSERT, (resource, uid(record), version, kind, json.dumps(changes)))


def recorded(url: str) -> list[tuple[str, Any]]:
    """The changes of all events as text, and their causes."""
    with psycopg.connect(url) as connection:
        return connection.execute("select changes::text, cause from event order by seq").fetchall()


def test_attributes_are_divided_and_know_their_definitions(url: str) -> None:
    city = {"name": {"to": "city"}, "entity": {"to": "client"}}
    happened(url, ("client", 1, 1, "created", {"name": {"to": "a"}, "attributes": {"to": {"city": 1}}}))
    happened(
        url, ("attribute", 5, 1, "created", city), ("attribute", 6, 1, "created", city | {"entity": {"to": "lead"}})
    )
    before, after = {"city": "Rom", "size": 1, "same": [1]}, {"size": 2.50, "same": [1]}
    happened(url, ("client", 1, 2, "updated", {"attributes": {"from": before, "to": after}, "name": {"from": "a"}}))
    happened(url, ("client", 1, 3, "deleted", {"id": {"from": uid(1)}, "attributes": {"from": {"city": "x"}}}))
    asyncio.run(migrate(url))
    created, _, _, updated, deleted = [changes for changes, _ in recorded(url)]

    assert json.loads(created) == {"name": {"to": "a"}, "attributes.city": {"to": 1}}
    assert json.loads(updated) == {
        "attributes.city": {"from": "Rom", "to": None, "attribute": uid(5)},
        "attributes.size": {"from": 1, "to": 2.5},
        "name": {"from": "a"},
    }
    assert "2.5" in updated
    assert json.loads(deleted) == {"id": {"from": uid(1)}, "attributes.city": {"from": "x", "attribute": uid(5)}}


def test_events_without_attributes_stay_as_they_are(url: str) -> None:
    happened(url, ("cohort", 1, 1, "created", {"name_cohort": {"to": "c"}}), ("client", 2, 1, "created", {}))
    before = recorded_before(url)
    asyncio.run(migrate(url))

    assert [changes for changes, _ in recorded(url)] == before


def recorded_before(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [text for (text,) in connection.execute("select changes::text from event order by seq").fetchall()]


def test_what_was_deleted_with_its_owner_names_it_as_its_cause(url: str) -> None:
    happened(
        url,
        ("follow_up", 1, 2, "deleted", {"service": {"from": uid(9)}}),
        ("follow_up", 2, 2, "deleted", {"service": {"from": uid(8)}}),
        ("service", 9, 4, "deleted", {"name": {"from": "x"}}),
    )
    asyncio.run(migrate(url))
    (_, caused), (_, other), (_, parent) = recorded(url)

    assert caused == {"resource": "service", "record": uid(9), "version": 4}
    assert (other, parent) == (None, None)


def test_a_record_was_last_changed_at_its_latest_event_or_else_when_it_was_created(url: str) -> None:
    put(url, "client", client(1), client(2, created_at="2024-02-29T23:59:59.000100Z"))
    put(url, "cohort", {"id": uid(3), "name_cohort": "c", "start_date": None, "end_date": None, "instructor": None})
    happened(url, ("client", 1, 1, "created", {}), ("client", 1, 2, "updated", {}))
    with psycopg.connect(url) as connection:
        connection.execute("update event set at = '2026-01-31 10:00:00.5+01', actor = 1 where version = 2")
    asyncio.run(migrate(url))
    clients, cohorts = shown(url, "client"), shown(url, "cohort")

    assert clients[uid(1)] == (4, client(1, updated_at="2026-01-31T09:00:00.500000Z", updated_by=1))
    assert list(clients[uid(1)][1])[-3:] == ["created_by", "updated_at", "updated_by"]
    assert clients[uid(2)][1]["updated_at"] == clients[uid(2)][1]["created_at"]
    assert clients[uid(2)][1]["updated_by"] is None
    assert (cohorts[uid(3)][1]["updated_at"], cohorts[uid(3)][1]["updated_by"]) == (None, None)
    for id_, (_, document) in clients.items():
        text = json.dumps(document, separators=(",", ":"))
        assert json_documents.encode(json_documents.decode("client", text.encode())).decode() == text, id_
