"""Attributes that are renamed and converted over HTTP: answers, rights, conditions, and what clients are told."""

from typing import Any

import pytest

from crm_core.use_cases import evolution_plans
from tests.http.conftest import Api

_CITY = {"name": "city", "label": "City", "type": "text"}


@pytest.fixture
def city(memory_api: Api) -> str:
    """The path of the attribute ``city``, which one client has."""
    id_ = memory_api.make("/api/attributes/client/", **_CITY)["id"]
    memory_api.make("/api/clients/", name="c", attributes={"city": "Ulm"})
    return f"/api/attributes/{id_}/"


def test_a_rename_answers_with_the_attribute_and_its_version(memory_api: Api, city: str) -> None:
    answer = memory_api.post(f"{city}rename/", {"name": "town"})

    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
    assert (answer.json()["name"], answer.json()["former_names"]) == ("town", ["city"])
    assert memory_api.get("/api/clients/?attributes.town=Ulm").json()[0]["attributes"] == {"town": "Ulm"}


def test_the_former_name_is_a_400_that_says_the_new_one(memory_api: Api, city: str) -> None:
    memory_api.post(f"{city}rename/", {"name": "town"})
    renamed = "This attribute was renamed to `town`."

    sent = memory_api.post("/api/clients/", {"name": "c", "attributes": {"city": "Ulm"}})
    assert (sent.status_code, sent.json()) == (400, {"attributes": {"city": [renamed]}})
    filtered = memory_api.get("/api/clients/?attributes.city=Ulm")
    assert (filtered.status_code, filtered.json()) == (400, {"attributes.city": [renamed]})
    by_value = memory_api.get("/api/clients/by/city/?value=Ulm")
    assert (by_value.status_code, renamed in by_value.json()["detail"]) == (404, True)
    operation = {"op": "upsert", "by": "city", "data": {"attributes": {"city": "Ulm"}}}
    assert renamed in memory_api.post("/api/clients/bulk/", {"operations": [operation]}).text
    hook: dict[str, Any] = {"name": "w", "model": "Client", "url": "https://example.com/?{attributes.city}"}
    placeholder = ['Unknown placeholder "{attributes.city}". It was renamed to {attributes.town}.']
    assert memory_api.post("/api/webhooks/", hook).json() == {"url": placeholder}
    condition = {"field": "attributes.city", "operator": "=", "value": "Ulm"}
    hook |= {"url": "https://example.com/", "conditions": [condition]}
    assert memory_api.post("/api/webhooks/", hook).json() == {"conditions": {"0": {"field": [renamed]}}}


def test_cursors_of_lists_stay_good_over_a_rename(memory_api: Api, city: str) -> None:
    second = memory_api.make("/api/clients/", name="d", attributes={"city": "Ulm"})
    page = memory_api.get("/api/clients/?attributes.city=Ulm&limit=1")
    cursor = page.headers["Link"].partition("cursor=")[2].partition(">")[0].partition("&")[0]
    memory_api.post(f"{city}rename/", {"name": "town"})

    found = memory_api.get(f"/api/clients/?attributes.town=Ulm&limit=1&cursor={cursor}").json()
    assert page.json()[0]["id"] == second["id"]
    assert [each["name"] for each in found] == ["c"]


def test_a_rename_is_done_once_for_an_idempotency_key_and_only_for_the_version_that_is_named(
    memory_api: Api, city: str
) -> None:
    key = {"Idempotency-Key": "rename-once"}
    first = memory_api.post(f"{city}rename/", {"name": "town"}, headers=key)
    again = memory_api.post(f"{city}rename/", {"name": "town"}, headers=key)
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    assert memory_api.post(f"{city}rename/", {"name": "x"}, headers={"If-Match": '"1"'}).status_code == 412
    assert memory_api.get(city).headers["ETag"] == '"2"'


def test_a_dry_run_shows_values_and_webhooks_only_to_those_who_may_view_them(memory_api: Api, city: str) -> None:
    hook = {"name": "w", "model": "Client", "url": "https://example.com/?{attributes.city}"}
    webhook = memory_api.make("/api/webhooks/", **hook)
    memory_api.make("/api/clients/", name="d", attributes={"city": "5"})
    report = memory_api.post(f"{city}convert/?dry_run=1", {"type": "number"}).json()
    assert (report["records"], report["failing"], report["webhooks"]) == (2, 1, 0)
    assert report["failing_values"] == [{"value": "Ulm", "records": 1}]
    assert report["refusals"] == [
        "1 record holds a value that cannot be converted: change them, or send `failing` as `clear`."
    ]
    renamed = memory_api.post(f"{city}rename/?dry_run=1", {"name": "town"}).json()
    assert renamed["named_webhooks"] == [{"webhook": webhook["id"], "name": "w"}]

    memory_api.people.grant("Schema", "app.change_attribute", "app.delete_attribute")
    memory_api.people.add("narrow", "Schema")
    narrow = memory_api.as_user("narrow")
    hidden = narrow.post(f"{city}convert/?dry_run=1", {"type": "number"}).json()
    assert (hidden["failing"], hidden["failing_values"], hidden["failing_records"]) == (1, [], [])
    told = narrow.post(f"{city}rename/?dry_run=1", {"name": "town"}).json()
    assert (told["webhooks"], told["named_webhooks"]) == (1, [])
    deletion = narrow.delete(f"{city}?dry_run=1")
    assert (deletion.status_code, deletion.json()["records"], deletion.json()["webhooks"]) == (200, 2, 1)
    assert memory_api.get(city).headers["ETag"] == '"1"'


def test_changes_of_attributes_need_the_permission_to_change_attributes(memory_api: Api, city: str) -> None:
    memory_api.people.grant("Viewers", "app.view_attribute", "app.change_client")
    memory_api.people.add("viewer", "Viewers")
    viewer = memory_api.as_user("viewer")
    for path in ("rename/", "values/rename/", "values/remove/", "convert/"):
        for query in ("", "?dry_run=1"):
            assert viewer.post(f"{city}{path}{query}", {}).status_code == 403
    assert viewer.delete(f"{city}?dry_run=1").status_code == 403


def test_what_cannot_be_done_is_a_409_that_counts(memory_api: Api, city: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = memory_api.post(f"{city}convert/", {"type": "number"})
    assert (refused.status_code, refused.json()) == (
        409,
        {"detail": "1 record holds a value that cannot be converted: change them, or send `failing` as `clear`."},
    )
    monkeypatch.setattr(evolution_plans, "MAX_HOLDERS", 0)
    many = memory_api.post(f"{city}rename/", {"name": "town"})
    command = f"crm attributes rename {city.split('/')[3]} town --online"
    detail = f"1 record holds a value, and at most 0 are changed in one commit. Run: {command}"
    assert (many.status_code, many.json()) == (409, {"detail": detail})


def test_bad_bodies_are_a_400_and_unknown_attributes_a_404(memory_api: Api, city: str) -> None:
    for path, body in (
        ("rename/", {}),
        ("rename/", {"name": "a b"}),
        ("values/rename/", {"from": "a", "to": "b"}),
        ("convert/", {"type": "number", "failing": "maybe"}),
        ("convert/", {"type": "date", "format": "soon"}),
    ):
        assert memory_api.post(f"{city}{path}", body).status_code == 400, (path, body)
        assert memory_api.post(f"{city}{path}?dry_run=1", body).status_code == 400, (path, body)
    unknown = "/api/attributes/01890000-0000-7000-8000-000000000000/"
    assert memory_api.post(f"{unknown}rename/", {"name": "x"}).status_code == 404
    assert memory_api.delete(f"{unknown}?dry_run=1").status_code == 404
