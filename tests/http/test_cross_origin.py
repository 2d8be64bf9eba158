"""Web pages of other origins: those that are named may call the API, and no others (decision 78)."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from crm_http.middleware import Limits, RequestMiddleware
from crm_http.middleware.cross_origin import EXPOSED_HEADERS, REQUEST_HEADERS
from crm_http.openapi.parameters import COMMON, HEADER_PARAMETERS
from crm_http.openapi.responses import HEADERS
from crm_http.site import Site
from tests.http.conftest import Api, on_memory
from tests.pictures import png

ORIGIN = "https://app.example.org"
SITE = Site(cors_origins=(ORIGIN,))
FROM_PAGE = {"Origin": ORIGIN}
PREFLIGHT = FROM_PAGE | {
    "Access-Control-Request-Method": "PATCH",
    "Access-Control-Request-Headers": "authorization,content-type,if-match",
}


@pytest.fixture
def shared_api() -> Iterator[Api]:
    with on_memory(of_app={"site": SITE}) as api:
        yield api


def names(value: str) -> set[str]:
    return {name.strip().lower() for name in value.split(",")}


def test_a_preflight_is_answered_without_a_token(shared_api: Api) -> None:
    answer = shared_api.anonymous().request("OPTIONS", "/api/clients/", headers=PREFLIGHT)

    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert names(answer.headers["Access-Control-Allow-Methods"]) >= {"get", "post", "put", "patch", "delete"}
    assert names(answer.headers["Access-Control-Allow-Headers"]) >= {"authorization", "content-type", "if-match"}
    assert answer.headers["Access-Control-Max-Age"] == "86400"
    assert names(answer.headers["Vary"]) == {"origin"}
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("origin", ["https://other.example.org", "http://app.example.org", "null", f"{ORIGIN}:8443"])
def test_other_origins_get_nothing(shared_api: Api, origin: str) -> None:
    answer = shared_api.anonymous().request("OPTIONS", "/api/clients/", headers=PREFLIGHT | {"Origin": origin})

    assert answer.status_code == 401
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert names(answer.headers["Vary"]) == {"origin"}


def test_without_the_setting_no_page_of_another_origin_may_read_anything(memory_api: Api) -> None:
    assert memory_api.anonymous().request("OPTIONS", "/api/clients/", headers=PREFLIGHT).status_code == 401
    answer = memory_api.get("/api/clients/", headers=FROM_PAGE)

    assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert "origin" not in names(answer.headers["Vary"])


def test_options_of_a_page_that_is_no_preflight_is_an_ordinary_request(shared_api: Api) -> None:
    answer = shared_api.request("OPTIONS", "/api/clients/", headers=FROM_PAGE)

    assert (answer.status_code, answer.headers["Allow"]) == (204, "GET, POST, HEAD, OPTIONS")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/clients/", 200),
        ("POST", "/api/clients/", 400),
        ("GET", "/nowhere", 404),
        ("GET", "/api//clients/", 404),
        ("DELETE", "/api/clients/", 405),
        ("GET", "/docs/", 200),
        ("GET", "/schema/openapi.json", 200),
    ],
)
def test_an_allowed_page_reads_answers_and_errors_with_their_headers(
    shared_api: Api, method: str, path: str, status: int
) -> None:
    answer = shared_api.request(method, path, headers=FROM_PAGE)

    assert answer.status_code == status
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert names(answer.headers["Access-Control-Expose-Headers"]) == names(",".join(EXPOSED_HEADERS))
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "origin" in names(answer.headers["Vary"])
    assert len(answer.headers.get_list("Cross-Origin-Resource-Policy")) == 1


def test_a_missing_token_and_a_record_that_has_not_changed_can_be_told_by_the_page(shared_api: Api) -> None:
    record = shared_api.post("/api/clients/", {"name": "a"}, headers=FROM_PAGE).headers["Location"]
    refused = shared_api.anonymous().get(record, headers=FROM_PAGE)
    unchanged = shared_api.get(record, headers=FROM_PAGE | {"If-None-Match": '"1"'})

    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, ORIGIN)
    assert (unchanged.status_code, unchanged.headers["Access-Control-Allow-Origin"]) == (304, ORIGIN)
    assert unchanged.headers.get_list("Vary") == ["Authorization, Origin"]


def test_images_are_one_more_answer_that_varies(shared_api: Api) -> None:
    place = f"/api/clients/{shared_api.make('/api/clients/', name='a')['id']}/"
    url = shared_api.upload(place, png()).json()["url"]

    assert names(shared_api.get(url).headers["Vary"]) == {"origin"}
    assert shared_api.get(url, headers=FROM_PAGE).headers["Access-Control-Allow-Origin"] == ORIGIN


def test_every_origin_may_be_allowed() -> None:
    with on_memory(of_app={"site": Site(cors_origins=("*",))}) as api:
        answer = api.get("/api/clients/", headers={"Origin": "null"})

    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "origin" not in names(answer.headers["Vary"])


def test_refusals_before_the_app_can_be_read_and_preflights_are_not_refused() -> None:
    async def answered(path: str, method: str, headers: Mapping[str, str]) -> tuple[int, Mapping[bytes, bytes]]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def app(*_: Any) -> None:
            raise AssertionError

        scope: Any = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": b"",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }
        await RequestMiddleware(app, Limits(requests=0), site=SITE)(scope, receive, send)
        return sent[0]["status"], dict(sent[0]["headers"])

    status, headers = asyncio.run(answered("/api/clients/", "GET", FROM_PAGE))
    assert (status, headers[b"access-control-allow-origin"]) == (503, ORIGIN.encode())
    assert asyncio.run(answered("/api/clients/", "OPTIONS", PREFLIGHT))[0] == 204


def test_pages_may_send_and_read_the_headers_that_the_api_has() -> None:
    assert {name.lower() for name in HEADERS} == {name.lower() for name in EXPOSED_HEADERS}
    meant = {*HEADER_PARAMETERS, *(header["name"] for header in COMMON.values()), "Authorization", "Content-Type"}
    assert {name.lower() for name in meant} <= {name.lower() for name in REQUEST_HEADERS}
