"""Transfer requests over HTTP: who decides, once, and what an older client never meets."""

from typing import Any

import pytest

from tests.http.conftest import Api
from tests.http.test_resources import World


@pytest.fixture
def world(api: Api) -> World:
    return World(api)


def place_of(request: dict[str, Any]) -> str:
    return f"/api/transfer-requests/{request['id']}/"


def test_a_request_is_accepted_once_and_tells_who_did_it(world: World) -> None:
    api, request = world.api, world.make("transfer_request")
    cohort = api.make("/api/cohorts/", name_cohort="Winter")
    place = place_of(request)
    assert (request["state"], request["decided_at"], request["decided_by"]) == ("open", None, None)
    accepted = api.post(f"{place}accept/", {"cohort": cohort["id"]})

    assert (accepted.status_code, accepted.headers["ETag"]) == (200, '"2"'), accepted.text
    assert accepted.json()["state"] == "accepted"
    assert accepted.json()["decided_by"] == accepted.json()["updated_by"]
    assert api.get(f"/api/services/{request['student']}/").json()["actual_cohort"] == cohort["id"]
    for again in (api.post(f"{place}accept/", {"cohort": cohort["id"]}), api.post(f"{place}decline/")):
        assert again.status_code == 409
        assert again.json() == {"detail": "This transfer request was accepted.", "state": "accepted"}
    assert api.delete(place).status_code == 204


def test_a_decision_obeys_if_match_and_its_idempotency_key(world: World) -> None:
    api, place = world.api, place_of(world.make("transfer_request"))
    assert api.post(f"{place}decline/", headers={"If-Match": '"7"'}).status_code == 412
    first = api.post(f"{place}decline/", headers={"Idempotency-Key": place})
    again = api.post(f"{place}decline/", headers={"Idempotency-Key": place})

    assert first.json()["state"] == "declined"
    assert (again.status_code, again.json(), again.headers["Idempotent-Replayed"]) == (200, first.json(), "true")


def test_accepting_needs_the_permission_to_change_all_that_moves(world: World) -> None:
    api, place = world.api, place_of(world.make("transfer_request"))
    models = ("transferrequest", "service", "enrollmentdetail")
    for model in models:
        api.people.grant(f"All but {model}", *(f"app.change_{each}" for each in models if each != model))
        api.people.add(f"no {model}", f"All but {model}")
        assert api.as_user(f"no {model}").post(f"{place}accept/", {}).status_code == 403
    assert api.as_user("no transferrequest").post(f"{place}decline/").status_code == 403
    assert api.as_user("no service").post(f"{place}decline/").status_code == 200


@pytest.mark.parametrize("sent", [[], {"cohort": "x"}, {"cohort": "00000000-0000-4000-8000-000000000000"}, {}])
def test_a_cohort_that_is_not_there_is_refused_and_no_request_is_not_found(sent: object, world: World) -> None:
    api, place = world.api, place_of(world.make("transfer_request", cohort_request="nowhere"))
    refused = api.post(f"{place}accept/", sent)

    assert refused.status_code == 400
    assert refused.json().keys() <= {"cohort", "non_field_errors"}
    assert api.get(place).json()["state"] == "open"
    missing = "/api/transfer-requests/00000000-0000-4000-8000-000000000000/"
    assert [api.post(f"{missing}{name}/", sent).status_code for name in ("accept", "decline")] == [404, 404]


def test_a_state_is_set_by_decisions_alone(world: World) -> None:
    api, place = world.api, place_of(world.make("transfer_request"))
    assert api.patch(place, {"state": "accepted", "decided_by": 1}).json()["state"] == "open"
    assert [each["state"] for each in api.get("/api/transfer-requests/?state=open&limit=1").json()] == ["open"]
    assert api.get("/api/transfer-requests/?state=lost").status_code == 400
