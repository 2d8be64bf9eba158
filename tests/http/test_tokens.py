"""Narrow tokens, and a user's own tokens: what each may do, and that none gets more."""

from typing import Any

import pytest

from tests.http.conftest import PASSWORD, Api


def narrow(api: Api, *permissions: str, username: str = "admin") -> Api:
    """The same user with a token that is narrowed."""
    sent = {"username": username, "password": PASSWORD, "permissions": list(permissions)}
    answer = api.anonymous().post("/api-token-auth/", sent)
    assert answer.status_code == 200, answer.text
    return api.with_token(answer.json()["token"])


def test_a_narrow_token_may_do_what_both_its_user_and_its_own_list_allow(api: Api) -> None:
    api.people.add("ann", "Sales")
    ann = narrow(api, "app.view_client", "app.add_client", "app.view_webhook", username="ann")

    assert ann.get("/api/me/").json()["permissions"] == ["app.add_client", "app.view_client"]
    client = ann.make("/api/clients/", name="a")
    assert ann.get("/api/clients/").json() == [client]
    place = f"/api/clients/{client['id']}/"
    assert ann.patch(place, {"name": "b"}).status_code == 403
    assert ann.delete(place).status_code == 403
    assert ann.post(f"{place}add-note/", {"note": "n"}).status_code == 403
    assert [ann.get(f"/api/{path}/").status_code for path in ("webhooks", "leads", "sales")] == [403] * 3

    with api.people.without("Sales", "app.add_client"):
        assert ann.post("/api/clients/", {"name": "c"}).status_code == 403
    assert ann.post("/api/clients/", {"name": "c"}).status_code == 201


def test_a_narrow_token_of_a_superuser_is_that_of_no_superuser(api: Api) -> None:
    reader = narrow(api, "app.view_lead")

    assert reader.get("/api/me/").json()["permissions"] == ["app.view_lead"]
    assert reader.get("/api/leads/").status_code == 200
    assert reader.get("/api/clients/").status_code == 403
    assert len(api.get("/api/me/").json()["permissions"]) == 48


@pytest.mark.parametrize(
    ("permissions", "problem"),
    [
        (["app.view_clients"], {"0": ['"app.view_clients" is not a valid choice.']}),
        (["app.view_client", "view_client"], {"1": ['"view_client" is not a valid choice.']}),
        ([], ["This selection may not be empty."]),
        (None, ["This field may not be null."]),
        ("app.view_client", ['Expected a list of items but got type "str".']),
        ([1], {"0": ["Not a valid string."]}),
    ],
)
def test_permissions_that_are_none_are_refused(api: Api, permissions: object, problem: object) -> None:
    sent = {"username": "admin", "password": PASSWORD, "permissions": permissions}
    answer = api.anonymous().post("/api-token-auth/", sent)

    assert (answer.status_code, answer.json()) == (400, {"permissions": problem})


@pytest.mark.parametrize("form", [{"data": True}, {"files": {"other": ("", b"")}, "data": True}])
def test_a_form_repeats_the_permissions(api: Api, form: dict[str, Any]) -> None:
    sent = {"username": "admin", "password": PASSWORD, "permissions": ["app.view_lead", "app.view_client"]}
    answer = api.anonymous().post("/api-token-auth/", **form | {"data": sent})

    reader = api.with_token(answer.json()["token"])
    assert reader.get("/api/me/").json()["permissions"] == ["app.view_client", "app.view_lead"]


def test_a_narrow_token_reads_nothing_more_by_a_webhook(api: Api) -> None:
    hooks = narrow(api, "app.view_webhook", "app.add_webhook", "app.change_webhook", "app.view_client")
    lead = {"name": "w", "model": "Lead", "url": "https://a.example/x"}
    of_leads = api.make("/api/webhooks/", **lead)

    assert hooks.post("/api/webhooks/", lead).status_code == 403
    assert hooks.patch(f"/api/webhooks/{of_leads['id']}/", {"url": "https://b.example/x"}).status_code == 403
    of_clients = hooks.make("/api/webhooks/", **lead | {"model": "Client"})
    assert hooks.patch(f"/api/webhooks/{of_clients['id']}/", {"model": "Lead"}).status_code in {400, 403}
    assert api.get(f"/api/webhooks/{of_clients['id']}/").json()["model"] == "Client"


def test_a_narrow_token_ends_by_itself_as_any_does(api: Api) -> None:
    reader = narrow(api, "app.view_lead")

    assert reader.delete("/api-token-auth/").status_code == 204
    assert reader.get("/api/me/").status_code == 401
