"""Requests that may come again: ``Idempotency-Key`` on POST, PUT and PATCH."""

import asyncio
import pathlib
from collections import Counter
from collections.abc import Callable

import httpx
import psycopg
import pytest

from tests.http.conftest import Api, Server, serving

KEYED = {"Idempotency-Key": "a-key"}


def test_a_creation_that_comes_again_is_answered_as_before(api: Api) -> None:
    first = api.post("/api/clients/", {"name": "a"}, headers=KEYED)
    api.patch(first.headers["Location"], {"name": "b"})
    again = api.post("/api/clients/", {"name": "a"}, headers=KEYED)

    assert (again.status_code, again.content) == (201, first.content)
    assert {name: again.headers[name] for name in ("Location", "ETag")} == {
        name: first.headers[name] for name in ("Location", "ETag")
    }
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert len(api.get("/api/clients/").json()) == 1


def test_changes_and_atomic_operations_are_made_once(api: Api) -> None:
    place = f"/api/clients/{api.make('/api/clients/', name='a')['id']}/"
    for method, path, sent in (("PATCH", place, {"name": "b"}), ("POST", f"{place}add-note/", {"note": "n"})):
        headers = {"Idempotency-Key": f'"{method}"'}
        first, again = (api.request(method, path, json=sent, headers=headers) for _ in range(2))
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert again.headers["Idempotent-Replayed"] == "true"

    assert len(api.get(place).json()["list_of_notes"]) == 1
    assert api.get(place).headers["ETag"] == '"3"'


def test_a_webhook_that_is_made_again_has_its_secret(api: Api) -> None:
    sent = {"name": "w", "model": "Lead", "url": "https://a.example/"}
    first, again = (api.post("/api/webhooks/", sent, headers=KEYED) for _ in range(2))

    assert again.json() == first.json()
    assert first.json()["secret"].startswith("whsec_")


@pytest.mark.parametrize("after", ["rotate-secret", "delete"])
def test_a_repeated_creation_shows_no_secret_but_the_one_that_it_made(api: Api, after: str) -> None:
    sent = {"name": "w", "model": "Lead", "url": "https://a.example/"}
    first = api.post("/api/webhooks/", sent, headers=KEYED)
    if after == "delete":
        assert api.delete(first.headers["Location"]).status_code == 204
    else:
        assert api.post(f"{first.headers['Location']}rotate-secret/").status_code == 200

    again = api.post("/api/webhooks/", sent, headers=KEYED)
    assert (again.status_code, again.json()) == (201, first.json() | {"secret": None})


@pytest.mark.parametrize(
    ("method", "path", "sent"),
    [
        ("POST", "/api/clients/", {"name": "other"}),
        ("POST", "/api/leads/", {"name": "a"}),
        ("PATCH", "/api/clients/{id}/", {"name": "a"}),
    ],
)
def test_a_key_is_for_one_request(api: Api, method: str, path: str, sent: object) -> None:
    made = api.post("/api/clients/", {"name": "a"}, headers=KEYED).json()
    answer = api.request(method, path.format(id=made["id"]), json=sent, headers=KEYED)

    assert answer.status_code == 422
    assert answer.json() == {"detail": "This Idempotency-Key was used for another request."}


def test_a_key_is_for_one_user(api: Api) -> None:
    api.people.add("sam", "Sales")
    first = api.post("/api/clients/", {"name": "a"}, headers=KEYED)
    other = api.as_user("sam").post("/api/clients/", {"name": "a"}, headers=KEYED)

    assert (other.status_code, other.json()["id"] != first.json()["id"]) == (201, True)


def test_a_refusal_is_not_kept(api: Api) -> None:
    assert api.post("/api/clients/", {}, headers=KEYED).status_code == 400
    assert api.post("/api/clients/", {"name": "a"}, headers=KEYED).status_code == 201


@pytest.mark.parametrize("key", ["a b", '""', '"', "x" * 256, "é", '"a"b'])
def test_a_malformed_key_is_refused(api: Api, key: str) -> None:
    answer = api.post("/api/clients/", {"name": "a"}, headers={"Idempotency-Key": key.encode()})

    assert answer.status_code == 400
    assert answer.json() == {"detail": "Idempotency-Key takes 1 to 255 visible ASCII characters."}


@pytest.mark.parametrize("key", ["x" * 255, f'"{"y" * 255}"', "8e03978e-40d5-43dd-bc93-6894a57f9324"])
def test_a_key_may_be_bare_or_quoted(api: Api, key: str) -> None:
    assert api.post("/api/clients/", {"name": "a"}, headers={"Idempotency-Key": key}).status_code == 201


def test_of_many_at_once_on_two_servers_one_has_its_effect(
    migrated_database: Callable[[], str], tmp_path: pathlib.Path
) -> None:
    url = migrated_database()
    with serving(url, tmp_path / "one", "--workers", "2") as one, serving(url, tmp_path / "other") as other:
        answers = asyncio.run(at_once(one, other))

        assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
        assert Counter(answer.status_code for answer in answers).keys() <= {201, 409}
        for answer in answers:
            if answer.status_code == 409:
                assert answer.json() == {"detail": "A request with this Idempotency-Key is still under way."}
        assert len(one.api().get("/api/clients/").json()) == 1
        with psycopg.connect(url) as connection:
            assert connection.execute("select count(*) from event").fetchone() == (1,)


async def at_once(*servers: Server) -> list[httpx.Response]:
    headers = KEYED | {"Authorization": f"Token {servers[0].api().token}"}
    async with httpx.AsyncClient(headers=headers, timeout=30) as client:
        urls = [f"http://127.0.0.1:{servers[number % 2].port}/api/clients/" for number in range(30)]
        return list(await asyncio.gather(*(client.post(url, json={"name": "a"}) for url in urls)))
