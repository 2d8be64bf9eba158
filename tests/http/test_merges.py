"""Merges over HTTP: who may, what followers and webhooks are told, and where the losers are found."""

import json
from typing import Any

import pytest

from tests.http.conftest import Api
from tests.pictures import png


@pytest.fixture
def pair(api: Api) -> tuple[str, str]:
    """The ids of two clients; the second has a service."""
    winner, loser = (api.make("/api/clients/", name=name)["id"] for name in ("Acme", "ACME Ltd"))
    api.make("/api/services/", name="s", client=loser)
    return winner, loser


def test_a_merge_answers_with_the_winner_and_a_loser_is_gone_to_it(api: Api, pair: tuple[str, str]) -> None:
    winner, loser = pair
    body = {"from": [loser], "take": {"name": loser}}
    would = api.post(f"/api/clients/{winner}/merge/?dry_run=1", body)
    assert [(each["resource"], each["kind"]) for each in would.json()] == [
        ("client", "updated"),
        ("service", "updated"),
        ("client", "deleted"),
    ]
    answer = api.post(f"/api/clients/{winner}/merge/", body, headers={"If-Match": '"1"', "Idempotency-Key": "1"})
    assert (answer.status_code, answer.headers["ETag"], answer.json()["name"]) == (200, '"2"', "ACME Ltd")
    assert api.get("/api/services/").json()[0]["client"] == winner
    gone = api.get(f"/api/clients/{loser}/")
    assert (gone.status_code, gone.headers["Location"]) == (410, f"/api/clients/{winner}/")
    assert gone.json() == {"detail": f"This record was merged into the record {winner}.", "merged_into": winner}
    assert api.request("HEAD", f"/api/clients/{loser}/").status_code == 410
    for again in (api.patch(f"/api/clients/{loser}/", {"name": "x"}), api.delete(f"/api/clients/{loser}/")):
        assert (again.status_code, again.json()) == (404, {"detail": "Not found."})
    repeated = api.post(f"/api/clients/{winner}/merge/", body, headers={"If-Match": '"1"', "Idempotency-Key": "1"})
    assert (repeated.status_code, repeated.headers["Idempotent-Replayed"]) == (200, "true")
    assert api.post(f"/api/clients/{loser}/history/1/restore/", {}).status_code == 200
    assert api.get(f"/api/clients/{loser}/").json()["name"] == "ACME Ltd"
    assert api.get("/api/services/").json()[0]["client"] == loser


def test_what_cannot_be_merged_is_refused(api: Api, pair: tuple[str, str]) -> None:
    winner, loser = pair
    place = f"/api/clients/{winner}/merge/"
    lead = api.make("/api/leads/", name="l")["id"]
    bad: list[tuple[Any, Any]] = [
        ({}, {"from": ["This field is required."]}),
        ({"from": []}, {"from": ["This list may not be empty."]}),
        ({"from": [winner]}, {"from": {"0": ["A record cannot be merged into itself."]}}),
        ({"from": [loser, lead]}, {"from": {"1": [f'Invalid pk "{lead}" - object does not exist.']}}),
        ({"from": ["x"]}, {"from": {"0": ["Must be a valid UUID."]}}),
        ({"from": [loser] * 21}, {"from": ["Ensure this field has no more than 20 elements."]}),
        ({"from": [loser], "take": {"nam": loser}}, {"take": {"nam": ['"nam" is not a valid choice.']}}),
        ({"from": [loser], "take": {"name": lead}}, {"take": {"name": [f'"{lead}" is not a valid choice.']}}),
        ({"from": [loser], "take": {"name": 1.5}}, {"take": {"name": ["Must be a valid UUID."]}}),
    ]
    for body, problems in bad:
        answer = api.post(place, body)
        assert (answer.status_code, answer.json()) == (400, problems)
    assert api.post(place, {"from": [loser]}, headers={"If-Match": '"7"'}).status_code == 412
    assert api.post(f"/api/clients/{lead}/merge/", {"from": [loser]}).status_code == 404
    assert api.post(f"/api/cohorts/{lead}/merge/", {"from": [loser]}).status_code == 404
    assert [each["id"] for each in api.get("/api/clients/").json()] == [loser, winner]


def test_merging_needs_the_permissions_to_change_and_to_delete(api: Api, pair: tuple[str, str]) -> None:
    winner, loser = pair
    place, body = f"/api/clients/{winner}/merge/", {"from": [loser]}
    for number, right in enumerate(("change", "delete")):
        api.people.grant(f"Half {number}", "app.view_client", f"app.{right}_client")
        api.people.add(right, f"Half {number}")
        assert api.as_user(right).post(place, body).status_code == 403
        assert api.as_user(right).post(f"{place}?dry_run=1", body).status_code == 403
    api.people.add("both", "Half 0", "Half 1")
    both = api.as_user("both")
    assert both.post(place, body).status_code == 200
    assert both.get(f"/api/clients/{loser}/").status_code == 410
    assert both.post(f"/api/clients/{loser}/history/1/restore/", {}).status_code == 403


def test_webhooks_and_followers_are_told_as_of_single_changes(api: Api, pair: tuple[str, str]) -> None:
    winner, loser = pair
    for model in ("Client", "Service"):
        api.make("/api/webhooks/", name=model, model=model, url="https://a.example/")
    api.post(f"/api/clients/{winner}/merge/", {"from": [loser], "take": {"name": loser}})
    hooks = [each["id"] for each in api.get("/api/webhooks/").json()]
    told = [each for hook in hooks for each in api.get(f"/api/webhooks/{hook}/deliveries/").json()]

    assert sorted(each["type"] for each in told) == ["client.deleted", "client.updated", "service.updated"]
    feed = api.get("/api/changes/?resource=client,service").json()["events"][-3:]
    assert {(each["kind"], each["resource"]) for each in feed} == {
        ("updated", "service"),
        ("deleted", "client"),
        ("updated", "client"),
    }
    assert json.dumps(feed).count("merged_into") == json.dumps(feed).count("merged_from") == 1


def test_images_of_a_loser_stay_until_the_winner_is_erased(memory_api: Api) -> None:
    api = memory_api
    winner, loser = (api.make("/api/clients/", name=name)["id"] for name in "ab")
    url = api.upload(f"/api/clients/{loser}/", png(2, 2)).json()["url"]
    api.post(f"/api/clients/{winner}/merge/", {"from": [loser]})
    assert api.post(f"/api/clients/{loser}/erase/").json()["files"] == 0
    assert api.get(f"/api/clients/{winner}/").json()["list_of_images"] == [url]
    assert api.post(f"/api/clients/{winner}/erase/").json()["files"] == 1


def test_duplicates_come_with_reasons_by_pages_to_those_who_may_view(api: Api) -> None:
    for name in ("Acme", "ACME Ltd", "Zoë", "Zoe", "Other"):
        api.make("/api/clients/", name=name)
    first = api.get("/api/clients/duplicates/?limit=1")
    [group] = first.json()
    assert [each["name"] for each in group["records"]] == ["Acme", "ACME Ltd"]
    assert group["reasons"] == [{"field": "name", "match": "similar", "score": 0.44}]
    assert group["score"] == 0.44
    second = api.get(first.links["next"]["url"])
    assert [each["name"] for each in second.json()[0]["records"]] == ["Zoë", "Zoe"]
    assert "next" not in second.links
    for bad in ("limit=0", "limit=1001", "limit=x", "cursor=x", "cursor=WzFd"):
        assert api.get(f"/api/clients/duplicates/?{bad}").status_code == 400
    assert api.get("/api/cohorts/duplicates/").status_code == 404
    api.people.add("stranger")
    assert api.as_user("stranger").get("/api/clients/duplicates/").status_code == 403


def test_a_dry_run_lists_what_the_caller_may_view(api: Api, pair: tuple[str, str]) -> None:
    winner, loser = pair
    api.people.grant("Clients only", "app.view_client", "app.change_client", "app.delete_client")
    api.people.add("clerk", "Clients only")
    would = api.as_user("clerk").post(f"/api/clients/{winner}/merge/?dry_run=1", {"from": [loser]})

    assert [(each["resource"], each["kind"]) for each in would.json()] == [("client", "updated"), ("client", "deleted")]
