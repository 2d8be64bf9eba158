"""Narrow tokens, and a user's own tokens: what each may do, and that none gets more."""

import re
from typing import Any

import pytest

from crm_core.model.permissions import PERMISSIONS
from tests.http.conftest import PASSWORD, Api
from tests.http.test_routes import ROUTES


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
    client, lead = (f"/api/{path}/{api.make(f'/api/{path}/', name='a')['id']}/" for path in ("clients", "leads"))
    for _ in range(2):  # a token that is known to be valid is read together with the record
        assert [reader.get(place).status_code for place in (client, lead)] == [403, 200]
    assert len(api.get("/api/me/").json()["permissions"]) == 48


@pytest.mark.parametrize("needed", sorted({needed for *_, needed in ROUTES if isinstance(needed, str)}))
def test_without_a_permission_a_superuser_is_refused_every_operation_that_needs_it(
    memory_api: Api, needed: str
) -> None:
    all_others = narrow(memory_api, *(PERMISSIONS - {needed}))
    paths = [(method, path) for method, path, permission in ROUTES if permission == needed]
    answers = {
        (method, path): all_others.request(method, re.sub(r"{\w+:str}", "01890000-0000-7000-8000-000000000000", path))
        for method, path in paths
    }

    assert {place: answer.status_code for place, answer in answers.items()} == dict.fromkeys(paths, 403)


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


def tokens_of(api: Api, **params: Any) -> list[dict[str, Any]]:
    answer = api.get("/api/tokens/", params=params)
    assert answer.status_code == 200, answer.text
    tokens: list[dict[str, Any]] = answer.json()
    return tokens


def test_a_user_lists_their_own_tokens_newest_first_and_never_the_token(api: Api) -> None:
    api.people.add("ann", "Sales")
    first, second = api.as_user("ann"), api.as_user("ann")
    reader = narrow(api, "app.view_lead", "app.view_client", username="ann")
    listed = tokens_of(first)

    assert [token["prefix"] for token in listed] == [reader.token[:8], second.token[:8], first.token[:8]]
    assert [token["is_current"] for token in listed] == [False, False, True]
    assert [token["permissions"] for token in listed] == [["app.view_client", "app.view_lead"], None, None]
    assert list(listed[0]) == ["id", "prefix", "permissions", "is_current", "created_at", "last_used_at"]
    assert first.token not in str(listed)
    assert listed == sorted(listed, key=lambda token: str(token["created_at"]), reverse=True)


def test_tokens_are_listed_in_pages(api: Api) -> None:
    for _ in range(3):
        api.as_user("admin")
    first = api.get("/api/tokens/?limit=3")
    rest = api.get(first.links["next"]["url"])

    assert [len(page.json()) for page in (first, rest)] == [3, 1]
    assert "next" not in rest.links
    assert [token["id"] for page in (first, rest) for token in page.json()] == [token["id"] for token in tokens_of(api)]
    for query, problem in (
        ("limit=0", {"limit": ["Ensure this value is greater than or equal to 1."]}),
        ("limit=1001", {"limit": ["Ensure this value is less than or equal to 1000."]}),
        ("cursor=x", {"cursor": ["Invalid cursor"]}),
    ):
        answer = api.get(f"/api/tokens/?{query}")
        assert (answer.status_code, answer.json()) == (400, problem)


def test_a_user_revokes_one_of_their_own_tokens(api: Api) -> None:
    api.people.add("ann", "Sales")
    ann, lost, kept = (api.as_user("ann") for _ in range(3))
    [id_] = [token["id"] for token in tokens_of(ann) if token["prefix"] == lost.token[:8]]

    assert api.delete(f"/api/tokens/{id_}/").status_code == 404, "an administrator has no such token"
    assert ann.delete(f"/api/tokens/{id_}/").status_code == 204
    assert ann.delete(f"/api/tokens/{id_}/").status_code == 404
    assert [each.get("/api/me/").status_code for each in (ann, lost, kept)] == [200, 401, 200]
    [own] = [token["id"] for token in tokens_of(ann) if token["is_current"]]
    assert ann.delete(f"/api/tokens/{own}/").status_code == 204
    assert [each.get("/api/me/").status_code for each in (ann, kept)] == [401, 200]


def test_a_narrow_token_lists_and_revokes_itself_alone(api: Api) -> None:
    reader = narrow(api, "app.view_lead")
    [full] = [token["id"] for token in tokens_of(api) if token["is_current"]]
    [own] = tokens_of(reader)

    assert (own["prefix"], own["is_current"]) == (reader.token[:8], True)
    assert [token["id"] for token in tokens_of(reader, limit=1)] == [own["id"]]
    assert "next" not in reader.get("/api/tokens/?limit=1").links
    assert reader.delete(f"/api/tokens/{full}/").status_code == 404
    assert api.get("/api/me/").status_code == 200
    assert reader.delete(f"/api/tokens/{own['id']}/").status_code == 204
    assert reader.get("/api/me/").status_code == 401


def test_the_lists_of_tokens_are_for_users(api: Api) -> None:
    [own] = tokens_of(api)

    assert api.anonymous().get("/api/tokens/").status_code == 401
    assert api.anonymous().delete(f"/api/tokens/{own['id']}/").status_code == 401
    assert api.post("/api/tokens/", {}).status_code == 405
    assert api.get(f"/api/tokens/{own['id']}/").status_code == 405
