"""Webhooks over HTTP: what is shown of them to whom, and trying one without sending anything (decisions 26 to 29)."""

from typing import Any

import pytest

from crm_core.model.permissions import ACTIONS
from tests.http.conftest import Api

HOOK: dict[str, Any] = {
    "name": "Notify",
    "model": "Lead",
    "url": "https://api.external.com/hooks/{id}?to={name}",
    "headers": {"Authorization": "Bearer secret", "X-Name": "{name}"},
    "conditions": [{"field": "stage", "operator": "=", "value": "Moodle"}],
}


@pytest.fixture
def lead(api: Api) -> dict[str, Any]:
    return api.make("/api/leads/", name="../a b", stage="Moodle")


def trial(api: Api, lead: dict[str, Any], event: str = "updated", **changes: Any) -> dict[str, Any]:
    hook = api.make("/api/webhooks/", **(HOOK | changes))
    answer = api.post(f"/api/webhooks/{hook['id']}/dry-run/", {"record": lead["id"], "event": event})
    assert answer.status_code == 200, answer.text
    request: dict[str, Any] = answer.json()
    return request


def test_header_values_are_for_those_who_may_change_webhooks(api: Api) -> None:
    hook = api.make("/api/webhooks/", **HOOK)
    assert hook.pop("secret").startswith("whsec_")  # which is shown this once
    paths = (f"/api/webhooks/{hook['id']}/", "/api/webhooks/", "/api/webhooks/?limit=1")
    api.people.add("olga", "Operations")
    olga = api.as_user("olga")

    for path in paths:
        veils = {"url": "https://api.external.com/********", "headers": dict.fromkeys(HOOK["headers"], "********")}
        for who, veil in ((api, {}), (olga, veils)):
            shown = who.get(path).json()
            found = shown[0] if isinstance(shown, list) else shown
            assert found == hook | veil, path
            assert list(found) == list(hook)


@pytest.mark.parametrize("name", ["Accept-Encoding", "accept-encoding", "Host", "Webhook-Id", "Proxy-Authorization"])
def test_a_header_that_the_sender_sets_itself_is_refused(api: Api, name: str) -> None:
    answer = api.post("/api/webhooks/", HOOK | {"headers": {name: "gzip"}})

    assert answer.status_code == 400
    assert answer.json() == {"headers": {name: ["This header cannot be set."]}}


def test_a_dry_run_shows_the_request_that_would_be_sent(api: Api, lead: dict[str, Any]) -> None:
    shown = trial(api, lead)

    body = shown["request"].pop("body")
    assert shown == {
        "would_fire": True,
        "request": {
            "method": "POST",
            "url": f"https://api.external.com/hooks/{lead['id']}?to=..%2Fa%20b",
            "headers": {"Authorization": "Bearer secret", "X-Name": "../a b"},
        },
        "error": None,
    }
    assert (body["type"], body["data"], body["changes"]) == ("lead.updated", lead, {})


def test_a_dry_run_heeds_conditions_and_events(api: Api, lead: dict[str, Any]) -> None:
    for changes, event, fires in (
        ({}, "created", True),
        ({"events": ["deleted"]}, "created", False),
        ({"events": ["deleted"]}, "deleted", True),
        ({"conditions": []}, "updated", True),
        ({"conditions": [{"field": "stage", "operator": "changed"}]}, "updated", False),
        ({"conditions": [{"field": "stage", "operator": "changed_to", "value": "Moodle"}]}, "created", True),
        (
            {"conditions": [{"field": "name", "operator": "contains", "value": "b"}], "is_active": False},
            "updated",
            True,
        ),
        ({"method": "GET", "conditions": []}, "updated", True),
    ):
        shown = trial(api, lead, event, **changes)
        assert shown["would_fire"] is fires, (changes, event)
        assert (shown["request"]["body"] is None) is (changes.get("method") == "GET")


def test_a_dry_run_needs_a_webhook_a_record_of_its_model_and_the_right_to_change_webhooks(
    api: Api, lead: dict[str, Any]
) -> None:
    hook = api.make("/api/webhooks/", **HOOK)
    path = f"/api/webhooks/{hook['id']}/dry-run/"
    client = api.make("/api/clients/", name="Acme")
    api.people.add("olga", "Operations")

    assert api.as_user("olga").post(path, {"record": lead["id"]}).status_code == 403
    assert api.post(f"/api/webhooks/{lead['id']}/dry-run/", {"record": lead["id"]}).status_code == 404
    for sent, names in (
        ({}, ["record"]),
        ({"record": client["id"]}, ["record"]),
        ({"record": lead["id"], "event": "moved"}, ["event"]),
        ([], ["non_field_errors"]),
    ):
        answer = api.post(path, sent)
        assert (answer.status_code, list(answer.json())) == (400, names), sent
    assert api.get(path).status_code == 405


# Webhook rights are no right to read (decision 27)


@pytest.fixture
def wanda(api: Api) -> Api:
    return hooks_only(api)


def hooks_only(api: Api) -> Api:
    """A user who may do everything with webhooks, and view leads."""
    api.people.grant("Hooks", *(f"app.{action}_webhook" for action in ACTIONS), "app.view_lead")
    api.people.add("wanda", "Hooks")
    return api.as_user("wanda")


@pytest.mark.parametrize("model", ["Client", "Service", "FollowUp"])
def test_a_webhook_is_for_those_who_may_view_its_model(api: Api, wanda: Api, model: str) -> None:
    theirs = api.make("/api/webhooks/", name="w", model=model, url="https://a.example/key", is_active=False)
    own = wanda.make("/api/webhooks/", name="w", model="Lead", url="https://a.example/")
    place = f"/api/webhooks/{theirs['id']}/"
    merge = {"Content-Type": "application/merge-patch+json"}

    assert wanda.post("/api/webhooks/", HOOK | {"model": model, "conditions": [], "url": "x"}).status_code == 403
    for sent in ({"is_active": True}, {"url": "https://b.example/"}, {"name": 5, "url": ""}, {"model": "Lead"}, {}):
        assert wanda.patch(place, sent).status_code == 403, sent
        assert wanda.put(place, sent).status_code == 403, sent
        assert wanda.patch(place, sent, headers=merge).status_code == 403, sent
    for sent in ({"model": model}, {"model": model, "url": ""}):
        assert wanda.patch(f"/api/webhooks/{own['id']}/", sent).status_code == 403, sent
        assert wanda.patch(f"/api/webhooks/{own['id']}/", sent, headers=merge).status_code == 403, sent
    for path, body in (("recover", {"since": "2026-01-01"}), ("rotate-secret", {}), ("recover", {})):
        assert wanda.post(f"{place}{path}/", body).status_code == 403, path
    assert api.get(place).json() | {"secret": theirs["secret"]} == theirs
    assert wanda.patch(f"/api/webhooks/{own['id']}/", {"is_active": False}).status_code == 200
    assert wanda.delete(place).status_code == 204  # which shows nothing and stops sending


def test_addresses_are_for_those_who_may_change_webhooks(api: Api) -> None:
    hook = api.make("/api/webhooks/", name="w", model="Lead", url="https://hooks.example:8443/services/T0/key?q={id}")
    api.people.add("olga", "Operations")
    olga = api.as_user("olga")

    veiled = "https://hooks.example:8443/********"
    for path in (f"/api/webhooks/{hook['id']}/", "/api/webhooks/", "/api/webhooks/?limit=1", "/api/webhooks/?search=w"):
        shown = olga.get(path).json()
        assert (shown[0] if isinstance(shown, list) else shown)["url"] == veiled
        assert "key" not in olga.get(path).text
        assert hook["url"] in api.get(path).text


def test_who_created_a_webhook_is_shown_and_stays(api: Api, wanda: Api) -> None:
    hook = wanda.make("/api/webhooks/", name="w", model="Lead", url="https://a.example/", created_by=1)
    place = f"/api/webhooks/{hook['id']}/"

    assert list(hook)[-5:] == ["disabled_reason", "created_by", "updated_at", "updated_by", "secret"]
    assert isinstance(hook["created_by"], int)
    changed = api.patch(place, {"name": "x", "created_by": None}).json()
    assert changed["created_by"] == hook["created_by"]
    assert changed["created_by"] != api.make("/api/webhooks/", **HOOK)["created_by"]
    [only] = api.get("/api/webhooks/", params={"created_by": hook["created_by"]}).json()
    assert only["id"] == hook["id"]


def test_conditions_come_back_as_they_were_read(api: Api, lead: dict[str, Any]) -> None:
    api.make("/api/attributes/lead/", name="vip", label="VIP", type="boolean")
    api.make("/api/attributes/lead/", name="due", label="Due", type="date")
    conditions = [
        {"field": "id", "operator": "=", "value": lead["id"].upper()},
        {"field": "responsible", "operator": "!=", "value": "1"},
        {"field": "stage", "operator": "in", "value": [" Moodle ", None]},
        {"field": "created_at", "operator": ">", "value": "2020-01-01"},
    ]
    hook = api.make("/api/webhooks/", **(HOOK | {"conditions": conditions}))

    values = [lead["id"], 1, ["Moodle", None], "2020-01-01T00:00:00Z"]
    assert [each["value"] for each in hook["conditions"]] == values
    assert trial(api, lead, conditions=conditions)["would_fire"] is True
    put = {name: hook[name] for name in hook if name != "secret"}
    assert api.put(f"/api/webhooks/{hook['id']}/", put).json() == put
    for field, value in (("attributes.vip", "true"), ("attributes.due", "2026-2-1")):
        answer = api.post("/api/webhooks/", HOOK | {"conditions": [{"field": field, "operator": "=", "value": value}]})
        assert (answer.status_code, list(answer.json()["conditions"]["0"])) == (400, ["value"])


def test_a_webhook_that_names_a_deleted_attribute_can_be_sent_back(api: Api) -> None:
    size = api.make("/api/attributes/lead/", name="size", label="Size", type="text")
    hook = api.make(
        "/api/webhooks/",
        name="w",
        model="Lead",
        url="https://a.example/?q={attributes.size}",
        headers={"X-Size": "{attributes.size}"},
        conditions=[{"field": "attributes.size", "operator": "=", "value": "L"}],
    )
    place = f"/api/webhooks/{hook['id']}/"
    assert api.delete(f"/api/attributes/{size['id']}/").status_code == 204

    shown = api.get(place).json()
    assert api.put(place, shown).json() == shown
    assert api.put(place, shown | {"name": "new", "is_active": False}).status_code == 200
    assert api.patch(place, {"url": "https://b.example/?q={attributes.size}"}).status_code == 400


# Cancelling


def test_a_delivery_that_waits_is_cancelled(memory_api: Api) -> None:
    api = memory_api  # where no worker sends
    hook = api.make("/api/webhooks/", name="w", model="Lead", url="https://a.example/")
    api.make("/api/leads/", name="a")
    place = f"/api/webhooks/{hook['id']}/deliveries/"
    [waiting] = api.get(place).json()
    api.people.add("olga", "Operations")

    assert api.as_user("olga").delete(f"{place}{waiting['id']}/").status_code == 403
    for _ in range(2):
        answer = api.delete(f"{place}{waiting['id']}/")
        assert (answer.status_code, answer.content) == (204, b"")
    shown = api.get(f"{place}{waiting['id']}/").json()
    assert (shown["state"], shown["next_attempt_at"], shown["error"]) == ("cancelled", None, None)
    assert [each["id"] for each in api.get(place, params={"state": "cancelled"}).json()] == [waiting["id"]]
    assert api.post(f"{place}{waiting['id']}/redeliver/").json()["state"] == "pending"
    assert api.delete(f"{place}{hook['id']}/").status_code == 404
    assert api.delete(f"/api/webhooks/{waiting['id']}/deliveries/{waiting['id']}/").status_code == 404
    assert api.put(f"{place}{waiting['id']}/").status_code == 405


def test_a_delivery_that_is_dead_has_nothing_to_cancel(memory_api: Api) -> None:
    api = memory_api
    hook = api.make("/api/webhooks/", name="w", model="Lead", url="https://a.example/{stage}/")
    api.make("/api/leads/", name="a")
    [dead] = api.get(f"/api/webhooks/{hook['id']}/deliveries/").json()
    place = f"/api/webhooks/{hook['id']}/deliveries/{dead['id']}/"

    assert (dead["state"], dead["error"]) == ("dead", "A segment of the URL's path would be empty: {stage}.")
    answer = api.delete(place)
    assert (answer.status_code, answer.json()) == (
        409,
        {"detail": "This delivery is dead, so there is nothing to cancel."},
    )
    answer = api.post(f"{place}redeliver/")
    assert (answer.status_code, list(answer.json())) == (400, ["non_field_errors"])
    api.patch(f"/api/webhooks/{hook['id']}/", {"url": "https://a.example/{name}/"})
    shown = api.post(f"{place}redeliver/").json()
    assert (shown["state"], shown["request"]["url"]) == ("pending", "https://a.example/a/")


def test_the_log_hides_the_record_from_those_who_may_not_view_it(memory_api: Api) -> None:
    api, wanda = memory_api, hooks_only(memory_api)
    hook = api.make(
        "/api/webhooks/", name="w", model="Client", url="https://a.example/{name}?q={name}", headers={"X": "{name}"}
    )
    api.make("/api/clients/", name="Acme")
    place = f"/api/webhooks/{hook['id']}/deliveries/"
    [waiting] = wanda.get(place).json()
    one = f"{place}{waiting['id']}/"

    assert "Acme" in api.get(one).text
    assert "Acme" not in wanda.get(one).text
    request = {"method": "POST", "url": "https://a.example/********", "headers": {"X": "********"}, "body": None}
    assert wanda.get(one).json() == waiting | {"request": request, "answer": None}
    assert wanda.post(f"{one}redeliver/").status_code == 403
    assert wanda.delete(one).status_code == 204  # which shows nothing
