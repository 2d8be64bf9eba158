"""The API below a path: of a proxy that removes it, of one that does not, and of an app that mounts it."""

import pathlib
import re
from collections.abc import Callable, Iterator

import httpx
import pytest

from crm_adapters.memory import MemoryFileStore
from crm_http.client import Client
from crm_http.site import Site
from tests.http.conftest import Api, on_memory, serving
from tests.pictures import png

ROOT = "/tools/crm"
#: How the paths of clients arrive at the app, and how the app knows its own.
PROXIES = {
    "removed": (True, Site(root_path=ROOT), ""),
    "kept": (False, Site(root_path=ROOT), ""),
    "mounted": (False, None, ROOT),
    "mounted, as it was once done": (True, None, ROOT),
    "mounted behind a proxy": (False, Site(root_path=ROOT), ROOT),
}


class Below(Api):
    """Sends requests as a client does that knows the API below a path."""

    def __init__(self, api: Api, *, is_removed: bool) -> None:
        super().__init__(api._send, api.token, api.people)
        self._is_removed = is_removed

    def request(self, method: str, path: str, **options: object) -> httpx.Response:
        assert path.startswith(ROOT), path
        return super().request(method, path.removeprefix(ROOT) or "/" if self._is_removed else path, **options)


@pytest.fixture(params=PROXIES)
def below(request: pytest.FixtureRequest) -> Iterator[Below]:
    is_removed, site, mounted = PROXIES[request.param]
    with on_memory(files=MemoryFileStore(f"{ROOT}/files/"), of_app={"site": site}, mounted=mounted) as api:
        yield Below(api, is_removed=is_removed)


def test_records_and_pages_link_below_the_path(below: Below) -> None:
    places = [below.post(f"{ROOT}/api/clients/", {"name": name}).headers["Location"] for name in "abc"]
    page = below.get(f"{ROOT}/api/clients/?limit=2")
    rest = below.get(page.links["next"]["url"])

    assert [below.get(place).json()["name"] for place in places] == ["a", "b", "c"]
    assert [record["name"] for record in (*page.json(), *rest.json())] == ["c", "b", "a"]


def test_follow_ups_and_deliveries_link_below_it_too(below: Below) -> None:
    client = below.make(f"{ROOT}/api/clients/", name="a")
    service = below.make(f"{ROOT}/api/services/", name="b", client=client["id"])
    made = below.post(f"{ROOT}/services/{service['id']}/follow-ups/", {"name": "c"})
    webhook = below.make(
        f"{ROOT}/api/webhooks/", name="d", url="https://example.com/", model="Lead", events=["created"]
    )
    for name in "ab":
        below.make(f"{ROOT}/api/leads/", name=name)
    deliveries = below.get(f"{ROOT}/api/webhooks/{webhook['id']}/deliveries/?limit=1")

    assert below.get(made.headers["Location"]).status_code == 200
    assert below.get(deliveries.links["next"]["url"]).status_code == 200


def test_images_are_served_below_it_and_can_be_sent_back(below: Below) -> None:
    place = f"{ROOT}/api/clients/{below.make(f'{ROOT}/api/clients/', name='a')['id']}/"
    uploaded = below.upload(place, png()).json()
    url = uploaded["url"]
    sent_back = below.patch(place, {"list_of_images": [url]})

    assert url.startswith(f"{ROOT}/files/clients/")
    assert below.get(url).content == png()
    assert sent_back.json()["list_of_images"] == [url]


def test_the_root_leads_to_the_page_which_loads_its_files_below_it(below: Below) -> None:
    page = below.get(below.get(f"{ROOT}/").headers["Location"])
    paths = re.findall(r'(?:href|src)="(/[^"]*)"', page.text)

    assert len(paths) == 5
    assert [below.get(path).status_code for path in paths] == [200] * 5
    assert below.get(ROOT).headers["Location"] == f"{ROOT}/docs/"


def test_the_description_and_the_index_tell_it(below: Below) -> None:
    document = below.get(f"{ROOT}/schema/openapi.json").json()
    index = below.get(f"{ROOT}/api/").json()

    assert document["servers"] == [{"url": ROOT}]
    assert index["clients"] == f"http://127.0.0.1{ROOT}/api/clients/"


def test_a_key_is_the_same_request_whether_or_not_the_path_was_removed() -> None:
    with on_memory(of_app={"site": Site(root_path=ROOT)}) as api:
        answers = [
            api.post(f"{root}/api/clients/", {"name": "a"}, headers={"Idempotency-Key": "k"}) for root in ("", ROOT)
        ]

    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize("path", ["/tools/api/clients/", "/tools/crmx/api/clients/", "/x/tools/crm/api/clients/"])
def test_other_paths_are_not_the_api_s(path: str) -> None:
    with on_memory(of_app={"site": Site(root_path=ROOT)}) as api:
        assert api.get(path).status_code == 404


def test_a_path_that_occurs_in_the_api_s_own_is_removed_at_the_beginning_alone() -> None:
    with on_memory(of_app={"site": Site(root_path="/api")}) as api:
        place = api.post("/api/api/clients/", {"name": "a"}).headers["Location"]

        assert place.startswith("/api/api/clients/")
        assert api.get(place).status_code == 200


def test_a_mounted_path_cannot_put_anything_into_headers_or_the_page() -> None:
    with on_memory(mounted='/a"\r\n<b>') as api:
        assert api.get("/").headers["Location"] == "/a%22%0D%0A%3Cb%3E/docs/"
        assert '"/a%22%0D%0A%3Cb%3E/docs/swagger-ui.css"' in api.get("/docs/").text


def test_the_server_serves_below_the_path(migrated_database: Callable[[], str], place: pathlib.Path) -> None:
    with serving(migrated_database(), place / "below", CRM_ROOT_PATH=ROOT) as server:
        api = Below(server.api(), is_removed=False)
        record = api.post(f"{ROOT}/api/clients/", {"name": "a"}).headers["Location"]

        assert record.startswith(f"{ROOT}/api/clients/")
        assert api.get(api.upload(record, png()).json()["url"]).content == png()
        with Client(f"{server.client.base_url}{ROOT}", token=api.token) as crm:
            assert [client.name for client in crm.clients.list(page_size=1)] == ["a"]
