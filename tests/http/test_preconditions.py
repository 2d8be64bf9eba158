"""Versions as entity tags: what was read is not sent again, and nobody overwrites what they have not seen."""

import pytest

from tests.http.conftest import Api
from tests.pictures import png


@pytest.fixture
def record_place(api: Api) -> str:
    return f"/api/clients/{api.make('/api/clients/', name='a')['id']}/"


def test_every_answer_with_a_record_has_its_version(api: Api) -> None:
    made = api.post("/api/leads/", {"name": "a"})
    place = f"/api/leads/{made.json()['id']}/"
    answers = [
        made,
        api.get(place),
        api.patch(place, {"name": "b"}),
        api.patch(place, {"name": "b"}),  # which changes nothing
        api.post(f"{place}add-note/", {"note": "n"}),
        api.get(place),
    ]

    assert [answer.headers["ETag"] for answer in answers] == ['"1"', '"1"', '"2"', '"2"', '"3"', '"3"']
    assert answers[1].headers["Cache-Control"] == "private, no-cache"
    assert answers[1].headers["Vary"] == "Authorization"
    assert "ETag" not in api.get("/api/leads/").headers


@pytest.mark.parametrize("known", ['"1"', 'W/"1"', '"7", "1"', '"x","1"', "*"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_the_client_knows_is_not_sent_again(api: Api, record_place: str, method: str, known: str) -> None:
    answer = api.request(method, record_place, headers={"If-None-Match": known})

    assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", '"1"')


@pytest.mark.parametrize(
    "known",
    ['"2"', '"01"', "1", "", '"', '"x"', "nonsense", '"99999999999999999999"', '"1"x', 'x"1"', '"1" "1"', '"""1"'],
)
def test_what_the_client_does_not_know_is_sent(api: Api, record_place: str, known: str) -> None:
    assert api.get(record_place, headers={"If-None-Match": known}).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_nobody_overwrites_what_they_have_not_seen(api: Api, record_place: str, method: str) -> None:
    api.patch(record_place, {"name": "b"})
    body = {} if method == "DELETE" else {"json": {"name": "c"}}
    answer = api.request(method, record_place, headers={"If-Match": '"1"'}, **body)

    assert (answer.status_code, answer.headers["ETag"]) == (412, '"2"')
    assert answer.json() == {"detail": "The record was changed by somebody else.", "changed_fields": ["name"]}
    assert api.get(record_place).json()["name"] == "b"
    assert api.request(method, record_place, headers={"If-Match": '"2"'}, **body).status_code in (200, 204)


def test_atomic_operations_heed_it_too(api: Api, record_place: str) -> None:
    assert api.post(f"{record_place}add-note/", {"note": "n"}, headers={"If-Match": '"7"'}).status_code == 412
    assert api.post(f"{record_place}add-note/", {"note": "n"}, headers={"If-Match": '"1"'}).status_code == 201


#: What proxies make of ``"{}"``: nginx and Cloudflare, Apache, Caddy, Jetty, and two in a row.
FROM_PROXIES = [
    'W/"{}"',
    '"{}-gzip"',
    '"{}-br"',
    '"{}-zstd"',
    '"{}--gzip"',
    '"{};gzip"',
    '"{}:gzip"',
    '"{}-GZIP"',
    '"{}-x-gzip"',
    '"{}-deflate"',
    '"{}-dcz"',
    'W/"{}-gzip"',
    '"{}-zstd-gzip"',
    '"x", W/"{}-br"',
]


@pytest.mark.parametrize(
    ("expected", "status"),
    [("*", 200), (" * ", 200), ("", 200), ('"1"', 200), ('"2", "1"', 200), ('"2","1-gzip"', 200)],
)
def test_any_of_the_versions_that_are_named_may_be_the_record_s(memory_api: Api, expected: str, status: int) -> None:
    place = f"/api/clients/{memory_api.make('/api/clients/', name='a')['id']}/"

    assert memory_api.patch(place, {"name": "b"}, headers={"If-Match": expected}).status_code == status


@pytest.mark.parametrize("tag", FROM_PROXIES)
def test_versions_survive_proxies_that_compress(memory_api: Api, tag: str) -> None:
    place = f"/api/clients/{memory_api.make('/api/clients/', name='a')['id']}/"

    assert memory_api.get(place, headers={"If-None-Match": tag.format(1)}).status_code == 304
    assert memory_api.get(place, headers={"If-None-Match": tag.format(2)}).status_code == 200
    assert memory_api.patch(place, {"name": "b"}, headers={"If-Match": tag.format(2)}).status_code == 412
    assert memory_api.patch(place, {"name": "b"}, headers={"If-Match": tag.format(1)}).status_code == 200


@pytest.mark.parametrize(
    "foreign",
    [
        *("1", "nonsense", '"x"', '"01"', '"1-lz4"', '"1-"', '"-gzip"', '"1gzip"', "W/1", f'"1{"-br" * 90}"'),
        *('"1"x', 'x"1"', '"1" "1"', '"1";"1"', '"""1"', 'W"1"'),
    ],
)
def test_a_tag_that_is_none_of_ours_is_answered_with_what_versions_look_like(memory_api: Api, foreign: str) -> None:
    place = f"/api/clients/{memory_api.make('/api/clients/', name='a')['id']}/"
    answer = memory_api.patch(place, {"name": "b"}, headers={"If-Match": foreign})

    assert (answer.status_code, answer.headers["ETag"]) == (412, '"1"')
    assert answer.json() == {
        "detail": 'If-Match names no version of a record. Versions look like "1", as in the ETag of a record.',
        "changed_fields": [],
    }


def test_nobody_is_said_to_have_changed_what_did_not_change(api: Api, record_place: str) -> None:
    answer = api.patch(record_place, {"name": "b"}, headers={"If-Match": '"7"'})

    assert (answer.status_code, answer.headers["ETag"]) == (412, '"1"')
    assert answer.json() == {
        "detail": "The record never had such a version: it is version 1.",
        "changed_fields": [],
    }


def test_images_and_pages_are_known_by_the_tags_that_proxies_make(memory_api: Api) -> None:
    place = f"/api/clients/{memory_api.make('/api/clients/', name='a')['id']}/"
    for url in (memory_api.upload(place, png()).json()["url"], "/docs/", "/docs/swagger-ui.css"):
        plain = memory_api.get(url, headers={"Accept-Encoding": "identity"}).headers["ETag"]
        for tag in FROM_PROXIES:
            known = {"If-None-Match": tag.format(plain.strip('"'))}
            assert memory_api.get(url, headers=known).status_code == 304


def test_what_is_not_there_or_not_allowed_comes_first(api: Api, record_place: str) -> None:
    api.people.add("ivy", "Instructors")
    headers = {"If-Match": '"7"'}

    assert api.patch(f"/api/clients/{'0' * 32}/", {"name": "b"}, headers=headers).status_code == 404
    assert api.as_user("ivy").patch(record_place, {"name": "b"}, headers=headers).status_code == 403
    assert api.patch(record_place, {"name": ""}, headers=headers).status_code == 412
