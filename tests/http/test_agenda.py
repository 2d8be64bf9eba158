"""The agenda over HTTP: what it shows, to whom, and by which paths tasks are completed."""

from typing import Any

import pytest

from tests.http.conftest import Api

STRANGER = 10**6


@pytest.fixture
def filled(api: Api) -> dict[str, Any]:
    """A client, a service and a lead, each with a task."""
    ann = api.people.add("ann", "Sales")
    client = api.make("/api/clients/", name="Acme", list_of_tasks=[{"task": "call", "date": "2026-01-31"}])
    service = api.make("/api/services/", name="Jane", client=client["id"], list_of_tasks=[{"task": "prepare"}])
    lead = api.make("/api/leads/", name="Lee", responsible=ann, list_of_tasks=[{"task": "ask", "date": "2026-01-01"}])
    return {"client": client, "service": service, "lead": lead, "ann": ann}


def texts(api: Api, params: str = "") -> list[str]:
    answer = api.get(f"/api/tasks/{params}")
    assert answer.status_code == 200, answer.text
    return [entry["task"]["task"] for entry in answer.json()]


def test_an_entry_has_the_task_its_record_and_the_path_that_completes_it(api: Api, filled: dict[str, Any]) -> None:
    entries = api.get("/api/tasks/").json()
    places = [("lead", "leads", "Lee"), ("client", "clients", "Acme"), ("service", "services", "Jane")]

    assert entries == [
        {
            "task": filled[resource]["list_of_tasks"][0],
            "resource": resource,
            "record": filled[resource]["id"],
            "name": name,
            "update_task": f"/api/{path}/{filled[resource]['id']}/update-task/",
        }
        for resource, path, name in places
    ]
    for entry in entries:
        done = api.post(entry["update_task"], {"task_id": entry["task"]["id"], "completed": True})
        assert done.status_code == 200
    assert texts(api, "?completed=false") == []
    assert texts(api, "?completed=true") == ["ask", "call", "prepare"]


def test_tasks_are_found_by_whose_they_are_and_when_they_are_due(api: Api, filled: dict[str, Any]) -> None:
    admin = filled["client"]["created_by"]

    assert texts(api, f"?responsible={filled['ann']}") == ["ask"]
    assert texts(api, f"?user_id={admin}&responsible=&resource=") == ["ask", "call", "prepare"]
    assert texts(api, f"?user_id={filled['ann']}") == []
    assert texts(api, "?due_before=2026-01-31") == ["ask"]
    assert texts(api, "?due_after=2026-01-01") == ["call"]
    assert texts(api, "?resource=service") == ["prepare"]


@pytest.mark.usefixtures("filled")
def test_pages_of_tasks_are_linked(api: Api) -> None:
    first = api.get("/api/tasks/?limit=2&completed=false")
    following = first.links["next"]["url"]
    second = api.get(following)

    assert following.startswith("/api/tasks/?limit=2&completed=false&cursor=")
    assert [entry["name"] for entry in (*first.json(), *second.json())] == ["Lee", "Acme", "Jane"]
    assert "next" not in second.links


@pytest.mark.usefixtures("filled")
def test_only_tasks_of_records_that_the_caller_may_view_are_shown(api: Api) -> None:
    api.people.add("bob", "Instructors")
    bob = api.as_user("bob")

    assert texts(bob) == ["prepare"]
    assert bob.get("/api/tasks/?resource=lead").status_code == 403
    assert api.anonymous().get("/api/tasks/").status_code == 401


@pytest.mark.parametrize(
    "params",
    [
        f"responsible={STRANGER}",
        f"user_id={STRANGER}",
        f"user_id={2**63}",
        "user_id=ann",
        "completed=perhaps",
        "due_before=2026-02-30",
        "due_after=yesterday",
        "resource=cohort",
        "limit=0",
        "limit=1001",
        "cursor=x",
        "cursor=WyIyMDI2LTAxLTMxIiwgIngiXQ",
    ],
)
def test_what_is_asked_wrongly_is_refused_by_name(api: Api, params: str) -> None:
    answer = api.get(f"/api/tasks/?{params}")

    assert answer.status_code == 400
    assert list(answer.json()) == [params.partition("=")[0]]


def test_an_unknown_parameter_is_ignored_or_refused_if_the_client_is_strict(api: Api) -> None:
    assert texts(api, "?owner=1") == []
    assert api.get("/api/tasks/?owner=1", headers={"Prefer": "handling=strict"}).status_code == 400
