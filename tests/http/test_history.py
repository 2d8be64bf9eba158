"""The history of records, their versions, and how they are restored."""

import json
from typing import Any

import pytest

from crm_core.resources import RESOURCES
from tests.http.conftest import Api
from tests.http.test_resources import CHANGES, NOWHERE, World
from tests.markdown import blocks

FORBIDDEN = {"detail": "You do not have permission to perform this action."}


@pytest.fixture
def world(api: Api) -> World:
    return World(api)


def history(api: Api, place: str, query: str = "") -> list[Any]:
    found: list[Any] = api.get(f"{place}history/{query}").json()
    return found


def but_stamps(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in {"updated_at", "updated_by"}}


@pytest.mark.parametrize("name", RESOURCES)
def test_every_resource_has_a_history_and_its_versions_also_after_a_delete(name: str, world: World) -> None:
    api, made = world.api, world.make(name)
    made.pop("secret", None)
    place = world.place(name, made["id"])
    change = CHANGES.get(name) or {"student": world.make("service")["id"]}
    changed = api.patch(place, change).json()
    second, first = history(api, place)

    assert (first["version"], first["kind"], first["actor"]) == (1, "created", 1)
    assert (second["version"], second["kind"], second["at"]) == (2, "updated", changed["updated_at"])
    assert second["cause"] == {}
    assert second["request_id"]
    for number, record in ((1, made), (2, changed)):
        version = api.get(f"{place}history/{number}/")
        shown = record | ({"url": version.json()["url"]} if name == "webhook" else {})
        assert (version.status_code, version.json()) == (200, shown)
        assert list(version.json()) == list(record)
        assert version.headers["ETag"] == f'"{number}"'
    assert api.delete(place).status_code == 204
    assert [each["kind"] for each in history(api, place)] == ["deleted", "updated", "created"]
    assert api.get(f"{place}history/1/").status_code == 200
    assert api.get(f"{place}history/3/").status_code == 404


@pytest.mark.parametrize("name", RESOURCES)
def test_a_deleted_record_is_restored_and_goes_on_counting(name: str, world: World) -> None:
    api, made = world.api, world.make(name)
    made.pop("secret", None)
    place = world.place(name, made["id"])
    assert api.delete(place).status_code == 204
    would = api.post(f"{place}history/1/restore/?dry_run=1", {})
    assert (would.status_code, would.json()[0]["kind"], api.get(place).status_code) == (200, "created", 404)
    restored = api.post(f"{place}history/1/restore/", {})

    assert (restored.status_code, restored.headers["ETag"]) == (200, '"3"')
    if name != "webhook":
        assert but_stamps(restored.json()) == but_stamps(made)
    assert api.get(place).json() == restored.json()
    newest, *_ = history(api, place)
    assert (newest["version"], newest["kind"], newest["cause"]) == (3, "created", {"restored_from": 1})
    again = api.post(f"{place}history/1/restore/", {})
    assert (again.status_code, again.json()) == (200, restored.json())


def test_a_page_of_a_history_leads_to_the_next(api: Api) -> None:
    client = api.make("/api/clients/", name="0")
    place = f"/api/clients/{client['id']}/"
    for number in range(1, 5):
        api.patch(place, {"name": str(number)})
    page, versions = api.get(f"{place}history/?limit=2"), list[int]()
    versions += [each["version"] for each in page.json()]
    while "next" in page.links:
        page = api.get(page.links["next"]["url"])
        versions += [each["version"] for each in page.json()]

    assert versions == [5, 4, 3, 2, 1]
    for query in ("?limit=0", "?limit=x", "?cursor=x", "?cursor=WyJ4Il0"):
        assert api.get(f"{place}history/{query}").status_code == 400


def test_a_version_that_is_none_is_not_found(api: Api) -> None:
    client = api.make("/api/clients/", name="a")
    place = f"/api/clients/{client['id']}/history/"

    for version in ("0", "2", "x", "-1", "1.0", "99999999999", "2147483647", "٣"):
        assert api.get(f"{place}{version}/").status_code == 404
        assert api.post(f"{place}{version}/restore/", {}).status_code == 404
    assert api.get(f"/api/clients/{NOWHERE}/history/").status_code == 404


def test_the_history_of_a_follow_up_is_below_both_its_paths_and_inside_its_service(world: World) -> None:
    api, made = world.api, world.make("follow_up")
    place, other = world.place("follow_up", made["id"]), world.make("service")["id"]

    assert history(api, place) == history(api, f"/api{place}") != []
    for path in ("", "1/"):
        assert api.get(f"/services/{other}/follow-ups/{made['id']}/history/{path}").status_code == 404
    assert api.post(f"/services/{other}/follow-ups/{made['id']}/history/1/restore/", {}).status_code == 404


def test_the_history_of_a_follow_up_goes_with_it_to_the_service_into_which_its_own_is_merged(world: World) -> None:
    api, made = world.api, world.make("follow_up", comment="a")
    before, winner = world.place("follow_up", made["id"]), world.make("service")["id"]
    api.patch(before, {"comment": "b"})
    api.post(f"/api/services/{winner}/merge/", {"from": [made["service"]]})
    after = f"/services/{winner}/follow-ups/{made['id']}/"

    assert api.get(f"{after}history/1/").json()["service"] == made["service"]
    assert api.post(f"{after}history/1/restore/").json()["comment"] == "a"
    assert api.get(f"{before}history/").status_code == 404
    assert api.post(f"{before}history/1/restore/").status_code == 404
    assert api.post(f"{after}erase/").status_code == 200


def test_single_fields_and_attributes_are_restored(api: Api) -> None:
    for name in ("city", "size"):
        api.make("/api/attributes/client/", name=name, label=name, type="text")
    tasks = [{"task": "a"}, {"task": "b"}]
    first = api.make("/api/clients/", name="one", attributes={"city": "Rom", "size": "L"}, list_of_tasks=tasks)
    place = f"/api/clients/{first['id']}/"
    api.patch(place, {"name": "two", "attributes": {"size": "M"}, "list_of_tasks": [{"task": "c"}]})

    some = api.post(f"{place}history/1/restore/", {"fields": ["attributes.city"]}).json()
    assert (some["name"], some["attributes"]) == ("two", {"size": "M", "city": "Rom"})
    named = api.post(f"{place}history/1/restore/", {"fields": ["list_of_tasks", "name"]}).json()
    assert (named["name"], named["list_of_tasks"]) == ("one", first["list_of_tasks"])
    whole = api.post(f"{place}history/1/restore/").json()
    assert whole["attributes"] == {"size": "L", "city": "Rom"}
    newest, *_ = history(api, place)
    assert newest["changes"].keys() == {"attributes.size"}
    assert newest["cause"] == {"restored_from": 1}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"fields": ["ghost"]}, "fields"),
        ({"fields": ["id"]}, "fields"),
        ({"fields": []}, "fields"),
        ({"fields": "name"}, "fields"),
        ({"with": "everything"}, "with"),
        ({"with": "children"}, "with"),
        ([], "non_field_errors"),
    ],
)
def test_a_restoration_of_what_is_none_is_refused(body: Any, field: str, api: Api) -> None:
    client = api.make("/api/clients/", name="a")
    answer = api.post(f"/api/clients/{client['id']}/history/1/restore/", body)

    assert (answer.status_code, list(answer.json())) == (400, [field])


def test_what_stands_in_the_way_of_a_restoration_is_told_by_field(api: Api) -> None:
    for name, kind in (("gone", "text"), ("turned", "text")):
        api.make("/api/attributes/lead/", name=name, label=name, type=kind)
    pipeline = api.make("/api/pipelines/", name="p", stages=[{"name": "Open"}, {"name": "Won"}])
    client = api.make("/api/clients/", name="c")
    values = {"pipeline": pipeline["id"], "stage": "Won", "possible_client": client["id"]}
    lead = api.make("/api/leads/", name="l", attributes={"gone": "x", "turned": "x"}, **values)
    place = f"/api/leads/{lead['id']}/"
    api.patch(place, {"attributes": {}, "stage": "Open", "possible_client": None})
    for definition in api.get("/api/attributes/lead/").json():
        assert api.delete(f"/api/attributes/{definition['id']}/").status_code == 204
    api.make("/api/attributes/lead/", name="turned", label="t", type="number")
    api.patch(f"/api/pipelines/{pipeline['id']}/", {"stages": pipeline["stages"][:1]})
    api.delete(f"/api/clients/{client['id']}/")
    answer = api.post(f"{place}history/1/restore/", {})

    assert answer.status_code == 409
    told = json.loads(blocks("docs/how-to/history.md")["Restore 1"].text)
    assert told["detail"] == answer.json()["detail"]
    assert told["reasons"]["stage"] == answer.json()["reasons"]["stage"]
    assert answer.json() == {
        "detail": "This version cannot be restored as it was.",
        "reasons": {
            "possible_client": [f'Invalid pk "{client["id"]}" - object does not exist.'],
            "stage": ['"Won" is not a valid choice.'],
            "attributes": {"gone": ["This attribute is not defined."], "turned": ["A valid number is required."]},
        },
    }
    assert api.post(f"{place}history/1/restore/?dry_run=1", {}).status_code == 409
    api.make("/api/attributes/lead/", name="needed", label="n", type="text", is_required=True)
    needed = api.post(f"{place}history/2/restore/", {}).json()
    assert needed["reasons"] == {"attributes": {"needed": ["This field is required."]}}


def test_a_stage_that_was_renamed_since_is_still_that_stage(api: Api) -> None:
    pipeline = api.make("/api/pipelines/", name="p", stages=[{"name": "Open"}, {"name": "Won"}])
    place, stages = f"/api/pipelines/{pipeline['id']}/", pipeline["stages"]
    lead = api.make("/api/leads/", name="l", pipeline=pipeline["id"], stage="Open")
    api.patch(f"/api/leads/{lead['id']}/", {"stage": "Won"})
    for name in ("New", "Newest"):
        stages = [stages[0] | {"name": name}, stages[1]]
        api.patch(place, {"stages": stages})

    assert api.post(f"/api/leads/{lead['id']}/history/1/restore/").json()["stage"] == "Newest"


def test_a_value_that_is_unique_and_taken_since_is_a_reason(world: World) -> None:
    api, detail = world.api, world.make("enrollment_detail")
    place = f"/api/enrollment-details/{detail['id']}/"
    api.delete(place)
    api.make("/api/enrollment-details/", enrollment=detail["enrollment"], student=detail["student"])
    refused = api.post(f"{place}history/1/restore/")

    assert refused.status_code == 409
    assert refused.json()["reasons"] == {"non_field_errors": ["The fields enrollment, student must make a unique set."]}


def test_what_was_deleted_together_comes_back_together(api: Api) -> None:
    client = api.make("/api/clients/", name="c")
    service = api.make("/api/services/", name="s", client=client["id"])
    place = f"/api/services/{service['id']}/"
    earlier, visit = (api.make(f"/services/{service['id']}/follow-ups/", comment=text) for text in ("a", "b"))
    request = api.make("/api/transfer-requests/", student=service["id"], cohort_request="Winter")
    api.delete(f"/services/{service['id']}/follow-ups/{earlier['id']}/")
    api.delete(place)
    alone = api.post(f"{place}history/1/restore/?dry_run=1", {}).json()
    would = api.post(f"{place}history/1/restore/?dry_run=1", {"with": "children"}).json()

    assert [each["record"] for each in alone] == [service["id"]]
    assert {each["record"] for each in would} == {service["id"], visit["id"], request["id"]}
    assert api.post(f"{place}history/1/restore/", {"with": "children"}).status_code == 200
    assert but_stamps(api.get(f"{place}").json()) == but_stamps(service)
    [back] = api.get(f"/services/{service['id']}/follow-ups/").json()
    assert but_stamps(back) == but_stamps(visit)
    assert but_stamps(api.get(f"/api/transfer-requests/{request['id']}/").json()) == but_stamps(request)
    api.delete(place)
    api.delete(f"/api/clients/{client['id']}/")
    refused = api.post(f"{place}history/1/restore/", {"with": "children"})
    assert (refused.status_code, list(refused.json()["reasons"])) == (409, ["client"])


def test_a_webhook_comes_back_switched_off_and_without_secrets(api: Api) -> None:
    sent = {"name": "w", "model": "Lead", "url": "https://a.example/secret", "headers": {"A": "secret"}}
    hook = api.make("/api/webhooks/", **sent)
    place = f"/api/webhooks/{hook['id']}/"
    api.patch(place, {"name": "x"})
    kept = api.post(f"{place}history/1/restore/").json()

    assert (kept["name"], kept["url"], kept["headers"]) == ("w", sent["url"], sent["headers"])
    assert "secret" not in api.get(f"{place}history/").text + api.get(f"{place}history/1/").text
    api.delete(place)
    back = api.post(f"{place}history/1/restore/").json()
    assert (back["is_active"], back["headers"], back["url"]) == (False, {}, "https://a.example/********")
    assert "secrets" in back["disabled_reason"]


def test_a_restoration_heeds_if_match_and_is_told_to_webhooks(api: Api) -> None:
    client = api.make("/api/clients/", name="a")
    place = f"/api/clients/{client['id']}/"
    api.patch(place, {"name": "b"})
    stale = api.post(f"{place}history/1/restore/", {}, headers={"If-Match": '"1"'})

    assert (stale.status_code, stale.json()["changed_fields"]) == (412, ["name"])
    assert api.post(f"{place}history/1/restore/", {}, headers={"If-Match": '"2"'}).status_code == 200
    api.delete(place)
    assert api.post(f"{place}history/1/restore/", {}, headers={"If-Match": '"2"'}).status_code == 412


def test_a_restored_record_keeps_the_authors_of_its_entries(api: Api) -> None:
    client = api.make("/api/clients/", name="a", list_of_notes=[{"note": "n"}])
    api.people.add("ann", "Operations")
    place, ann = f"/api/clients/{client['id']}/", api.as_user("ann")
    ann.patch(place, {"list_of_notes": []})
    back = ann.post(f"{place}history/1/restore/", {"fields": ["list_of_notes"]}).json()

    assert back["list_of_notes"] == client["list_of_notes"]
    assert back["updated_by"] != client["created_by"]


def test_who_may_see_and_restore_what(api: Api) -> None:
    client = api.make("/api/clients/", name="a")
    place = f"/api/clients/{client['id']}/"
    for who, actions in {"reader": ["view"], "changer": ["view", "change"], "adder": ["view", "add", "delete"]}.items():
        api.people.grant(f"{who}s", *(f"app.{action}_client" for action in actions))
        api.people.add(who, f"{who}s")
    reader, changer, adder = (api.as_user(who) for who in ("reader", "changer", "adder"))
    api.patch(place, {"name": "b"})

    assert [each.get(f"{place}history/").status_code for each in (reader, changer, adder)] == [200, 200, 200]
    restored = [each.post(f"{place}history/1/restore/", {}).status_code for each in (reader, changer, adder)]
    assert restored == [403, 200, 403]
    api.delete(place)
    for path in ("history/", "history/1/"):
        assert [each.get(f"{place}{path}").status_code for each in (reader, changer, adder)] == [403, 403, 200]
    refused = reader.post(f"{place}history/1/restore/", {})
    assert (refused.status_code, refused.json()) == (403, FORBIDDEN)
    assert changer.post(f"{place}history/1/restore/", {}).status_code == 403
    assert adder.post(f"{place}history/1/restore/", {}).status_code == 200
