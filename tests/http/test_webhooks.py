"""Webhooks over HTTP: what is shown of them to whom, and trying one without sending anything (decisions 26 to 29)."""

from typing import Any

import pytest

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
        for who, headers in ((api, HOOK["headers"]), (olga, dict.fromkeys(HOOK["headers"], "********"))):
            shown = who.get(path).json()
            found = shown[0] if isinstance(shown, list) else shown
            assert found == hook | {"headers": headers}, path
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
