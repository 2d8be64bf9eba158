"""Unique attributes and upserts over HTTP (decisions 84 to 87)."""

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import httpx
import psycopg
import pytest

from tests.http.conftest import PASSWORD, Api, Server

BY = "/api/clients/by/email/"
NOT_UNIQUE = {"attributes": {"email": ["This field must be unique."]}}


def settled(api: Api, attribute: str) -> Any:
    """``is_unique`` of an attribute once it is not ``building``."""
    for _ in range(300):
        found = api.get(f"/api/attributes/{attribute}/").json()["is_unique"]
        if found != "building":
            return found
        time.sleep(0.05)  # another process builds, and tells nobody
    raise AssertionError("the index was never built")


def unique(api: Api, entity: str = "client", name: str = "email", type_: str = "text") -> str:
    made = api.make(f"/api/attributes/{entity}/", name=name, label=name, type=type_, is_unique=True)
    assert made["is_unique"] == "building"
    assert settled(api, made["id"]) is True
    return str(made["id"])


def test_a_value_that_another_record_has_is_a_problem_of_its_field(api: Api) -> None:
    unique(api)
    first = api.make("/api/clients/", name="a", attributes={"email": "Straße@x"})
    second = api.make("/api/clients/", name="b")
    place = f"/api/clients/{second['id']}/"
    sent = {"name": "c", "attributes": {"email": " STRASSE@X"}}

    for answer in (
        api.post("/api/clients/", sent),
        api.put(place, sent),
        api.patch(place, sent),
        api.patch(place, sent, headers={"Content-Type": "application/merge-patch+json"}),
    ):
        assert (answer.status_code, answer.json()) == (400, NOT_UNIQUE)
    assert api.post("/api/clients/", {"attributes": {"email": "strasse@x"}}).json() == {
        "name": ["This field is required."],
        **NOT_UNIQUE,
    }
    assert api.patch(f"/api/clients/{first['id']}/", sent).status_code == 200


def test_only_texts_numbers_and_dates_can_be_unique(api: Api) -> None:
    for type_ in ("boolean", "list", "file"):
        sent = {"name": type_, "label": "l", "type": type_, "is_unique": True}
        problem = "Only attributes of these types can be unique: text, number, date."
        assert api.post("/api/attributes/lead/", sent).json() == {"is_unique": [problem]}
    for type_ in ("text", "number", "date"):
        assert api.make("/api/attributes/lead/", name=type_, label="l", type=type_)["is_unique"] is False


def test_a_dry_run_says_what_collides_and_changes_nothing(api: Api) -> None:
    attribute = api.make("/api/attributes/client/", name="email", label="l", type="text")
    place = f"/api/attributes/{attribute['id']}/"
    ids = [api.make("/api/clients/", name="a", attributes={"email": each})["id"] for each in ("x", "X ")]
    problems = ["1 value is in more than one record.", f"The same value: {ids[0]}, {ids[1]}."]
    for query in ("?dry_run=1", ""):
        answer = api.patch(f"{place}{query}", {"is_unique": True})
        assert (answer.status_code, answer.json()) == (400, {"is_unique": problems})
    api.delete(f"/api/clients/{ids[0]}/")

    answer = api.put(f"{place}?dry_run=true", {"is_unique": True})
    would_be = {**attribute, "is_unique": "building"}
    assert answer.status_code == 200
    assert {name: value for name, value in answer.json().items() if name != "updated_at"} == {
        name: value for name, value in would_be.items() if name != "updated_at"
    }
    assert api.get(place).json() == attribute
    sent = {"name": "n", "label": "l", "type": "text", "is_unique": True}
    assert api.post("/api/attributes/client/?dry_run=1", sent).status_code == 200
    assert len(api.get("/api/attributes/client/").json()) == 1
    assert api.patch(f"{place}?dry_run=maybe", {}).json() == {"dry_run": ["Must be a valid boolean."]}


def test_an_upsert_answers_201_and_then_200(api: Api) -> None:
    unique(api)
    created = api.put(BY, {"name": "Ann"}, params={"value": "ann+1/2@example.com"})
    changed = api.put(BY, {"name": "Anna"}, params={"value": "ANN+1/2@example.com "})
    by_path = api.put(f"{BY}Ann+1%2F2@example.com/", {"name": "Anne"})

    assert created.status_code == 201
    assert created.headers["Location"] == f"/api/clients/{created.json()['id']}/"
    assert created.json()["attributes"] == {"email": "ann+1/2@example.com"}
    assert (changed.status_code, changed.headers["ETag"], changed.json()["name"]) == (200, '"2"', "Anna")
    assert changed.json()["id"] == created.json()["id"]
    assert by_path.status_code in (200, 404)  # servers and proxies differ in what a slash in a path is
    assert api.get(BY, params={"value": "aNN+1/2@example.com"}).json()["id"] == created.json()["id"]
    assert api.get(BY, params={"value": "nobody"}).status_code == 404


@pytest.mark.parametrize(("type_", "value", "same"), [("number", "7", "7.0"), ("date", "2026-01-31", "2026-01-31")])
def test_a_value_in_the_path_is_read_as_its_type(api: Api, type_: str, value: str, same: str) -> None:
    unique(api, name="key", type_=type_)
    created = api.put(f"/api/clients/by/key/{value}/", {"name": "a"})

    assert created.status_code == 201, created.text
    assert json.dumps(created.json()["attributes"]["key"]).strip('"') == value
    assert api.put(f"/api/clients/by/key/{same}", {"name": "a"}).status_code == 200
    assert api.get(f"/api/clients/by/key/{same}/").json() == created.json()
    assert api.put("/api/clients/by/key/x/", {"name": "a"}).json().keys() == {"value"}


def test_conditions_let_an_upsert_only_create_or_only_change(api: Api) -> None:
    unique(api)

    def put(**headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return api.put(BY, {"name": "a"}, params={"value": "x"}, headers=named)

    missing = put(If_Match="*")
    assert (missing.status_code, missing.json()["detail"]) == (412, "No record has this value.")
    assert "ETag" not in missing.headers
    assert put(If_None_Match="*").status_code == 201
    there = put(If_None_Match="*")
    assert (there.status_code, there.headers["ETag"], there.json()["detail"]) == (
        412,
        '"1"',
        "A record has this value.",
    )
    assert put(If_Match='"2"').status_code == 412
    assert put(If_Match='"1"').status_code == 200
    assert put(If_Match="*").status_code == 200


def test_the_value_of_the_body_is_the_same_or_left_out(api: Api) -> None:
    unique(api)
    for _ in range(2):
        answer = api.put(BY, {"name": "a", "attributes": {"email": "other"}}, params={"value": "x"})
        problem = "This must be the value by which the record is found, or be left out."
        assert (answer.status_code, answer.json()) == (400, {"attributes": {"email": [problem]}})
        api.put(BY, {"name": "a", "attributes": {"email": "X"}}, params={"value": "x"})


def test_an_attribute_that_is_not_unique_has_no_such_path(api: Api) -> None:
    unique(api)
    api.make("/api/attributes/client/", name="free", label="l", type="text")
    for method in (api.put, api.get):
        answer = method("/api/clients/by/free/", params={"value": "x"})
        detail = '"free" is no unique attribute. Those that are unique (is_unique): email.'
        assert (answer.status_code, answer.json()) == (404, {"detail": detail})
    assert api.put("/api/cohorts/by/email/", {}, params={"value": "x"}).status_code == 404
    assert api.put(BY, {"name": "a"}).json() == {"value": ["This field is required."]}
    assert api.put(BY, {"name": "a"}, params={"value": " "}).json() == {"value": ["This field may not be blank."]}
    assert api.put(BY, {"name": "a"}, params={"value": "x" * 201}).status_code == 400


def test_an_upsert_needs_the_permission_of_what_it_does(api: Api) -> None:
    unique(api)
    api.put(BY, {"name": "a"}, params={"value": "there"})
    for number, (action, expected) in enumerate(
        [("add", (201, 403)), ("change", (403, 200)), ("view", (403, 403))],
    ):
        api.people.grant(f"group {number}", f"app.{action}_client", "app.view_client")
        api.people.add(f"user {number}", f"group {number}")
        user = api.as_user(f"user {number}", PASSWORD)
        answers = [user.put(BY, {"name": "b"}, params={"value": value}) for value in (f"new {number}", "there")]
        assert tuple(answer.status_code for answer in answers) == expected


def test_a_repeated_upsert_gets_the_same_answer(api: Api) -> None:
    unique(api)

    def put(name: str, key: str, value: str = "x") -> httpx.Response:
        return api.put(BY, {"name": name}, params={"value": value}, headers={"Idempotency-Key": key})

    created, changed = put("a", "1"), put("b", "2")
    again = put("a", "1"), put("b", "2")

    assert [each.status_code for each in (created, changed, *again)] == [201, 200, 201, 200]
    assert [each.content for each in again] == [created.content, changed.content]
    assert again[0].headers["Idempotent-Replayed"] == "true"
    assert put("a", "1", "another").status_code == 422
    assert put("c", "1").status_code == 422


def test_follow_ups_are_found_by_their_values_inside_their_service(api: Api) -> None:
    unique(api, "follow_up", "ref")
    client = api.make("/api/clients/", name="c")["id"]
    one, other = (api.make("/api/services/", name="s", client=client)["id"] for _ in range(2))
    for prefix, status in (("", 201), ("/api", 200)):
        answer = api.put(f"{prefix}/services/{one}/follow-ups/by/ref/", {"comment": "a"}, params={"value": "1"})
        assert answer.status_code == status, answer.text
    elsewhere = api.put(f"/services/{other}/follow-ups/by/ref/", {"comment": "a"}, params={"value": "1"})
    assert (elsewhere.status_code, elsewhere.json()) == (400, {"attributes": {"ref": ["This field must be unique."]}})
    missing = "/services/00000000-0000-7000-8000-000000000000/follow-ups/by/ref/"
    assert api.put(missing, {}, params={"value": "1"}).json() == {"detail": "Not found."}


def test_of_fifty_upserts_at_once_one_is_201_and_49_are_200(
    postgres_api: Api, server: Server, database_url: str
) -> None:
    unique(postgres_api)
    headers = {"Authorization": f"Token {postgres_api.token}"}

    def put(number: int) -> httpx.Response:
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", headers=headers, timeout=30) as client:
            return client.put(BY, json={"name": "Ann"}, params={"value": ("ann@x", " ANN@X")[number % 2]})

    with ThreadPoolExecutor(50) as threads:
        statuses = sorted(answer.status_code for answer in threads.map(put, range(50)))
    [record] = postgres_api.get("/api/clients/").json()
    with psycopg.connect(database_url) as connection:
        created = connection.execute(
            "select count(*) from event where record = %s and kind = 'created'", (record["id"],)
        )
        assert created.fetchall() == [(1,)]
    assert statuses == [200] * 49 + [201]


class Writers:
    """Eight threads that write the same few values again and again, each on a connection of its own."""

    def __init__(self, server: Server, token: str) -> None:
        self.answers: list[httpx.Response] = []
        self._stopped = threading.Event()
        self._url, self._headers = f"http://127.0.0.1:{server.port}", {"Authorization": f"Token {token}"}
        self._threads = [threading.Thread(target=self._write, args=(number,)) for number in range(8)]

    def _write(self, writer: int) -> None:
        with httpx.Client(base_url=self._url, headers=self._headers, timeout=30) as client:
            for number in range(10_000):
                if self._stopped.is_set():
                    return
                sent = {"name": str(writer), "attributes": {"email": f"{'xX'[writer % 2]}{number // 3}"}}
                self.answers.append(client.post("/api/clients/", json=sent))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()


def collisions(api: Api) -> int:
    values = [record["attributes"]["email"].lower() for record in api.get("/api/clients/").json()]
    return len(values) - len(set(values))


def test_an_attribute_that_becomes_unique_while_eight_write_duplicates_keeps_its_word(
    postgres_api: Api, server: Server
) -> None:
    """The attribute is made while there are no records; so either it is unique and stays so, or it says why not."""
    for _ in range(3):
        made = postgres_api.make("/api/attributes/client/", name="email", label="l", type="text")
        place = f"/api/attributes/{made['id']}/"
        with Writers(server, postgres_api.token) as writers:
            while len(writers.answers) < 1:
                time.sleep(0.001)  # until one has begun
            answer = postgres_api.patch(place, {"is_unique": True})
            state = settled(postgres_api, made["id"]) if answer.status_code == 200 else False
        assert answer.status_code in (200, 400), answer.text
        if answer.status_code == 400:
            assert "more than one record" in answer.json()["is_unique"][0]
        if state is True:
            assert collisions(postgres_api) == 0
        assert {each.status_code for each in writers.answers} <= {201, 400}
        refused: list[Callable[[], Any]] = [each.json for each in writers.answers if each.status_code == 400]
        assert all(body() == NOT_UNIQUE for body in refused)
        for record in postgres_api.get("/api/clients/").json():
            postgres_api.delete(f"/api/clients/{record['id']}/")
        postgres_api.delete(place)


def test_writers_are_refused_from_the_answer_on(postgres_api: Api, server: Server) -> None:
    """While the index is being built, as after it: the attribute is unique as soon as its definition says so."""
    for _ in range(3):
        made = postgres_api.make("/api/attributes/client/", name="email", label="l", type="text", is_unique=True)
        with Writers(server, postgres_api.token) as writers:
            assert settled(postgres_api, made["id"]) is True
            while len(writers.answers) < 100:
                time.sleep(0.01)  # until they have met often
        assert collisions(postgres_api) == 0
        assert {each.status_code for each in writers.answers} == {201, 400}
        for record in postgres_api.get("/api/clients/").json():
            postgres_api.delete(f"/api/clients/{record['id']}/")
        postgres_api.delete(f"/api/attributes/{made['id']}/")
