"""The roster of a cohort over HTTP, and in the typed client."""

import asyncio

import pytest

from crm_http.client import AsyncClient, Client, TransferDecidedError
from tests.http.conftest import Api, Server
from tests.http.test_resources import NOWHERE, World


def test_a_roster_has_the_cohort_and_its_students(api: Api) -> None:
    world = World(api)
    detail = world.make("enrollment_detail")
    enrollment = api.get(f"/api/enrollments/{detail['enrollment']}/").json()
    student = api.get(f"/api/services/{detail['student']}/").json()
    request = api.make("/api/transfer-requests/", student=student["id"], cohort_request="x")
    cohort = api.get(f"/api/cohorts/{enrollment['cohort']}/").json()
    answer = api.get(f"/api/cohorts/{cohort['id']}/roster/")

    assert answer.status_code == 200
    assert answer.json() == {
        "cohort": cohort,
        "enrollments": [
            {name: enrollment[name] for name in ("id", "pathway_name", "instructor", "teaching_assistants")}
            | {
                "students": [
                    {name: student[name] for name in ("id", "name", "actual_cohort")}
                    | {"enrollment_detail": detail["id"]}
                ]
            }
        ],
        "transfer_requests": [request],
        "is_complete": True,
    }
    assert api.get(f"/api/cohorts/{NOWHERE}/roster/").status_code == 404


def test_a_roster_needs_the_permissions_to_view_all_of_it(api: Api) -> None:
    cohort = World(api).make("cohort")
    api.people.grant("Half", "app.view_cohort", "app.view_enrollment")
    api.people.add("half", "Half")

    assert api.as_user("half").get(f"/api/cohorts/{cohort['id']}/roster/").status_code == 403


def test_both_clients_read_rosters_and_decide_requests(server: Server, postgres_api: Api) -> None:
    url, token = f"http://127.0.0.1:{server.port}", postgres_api.token
    with Client(url, token=token) as crm:
        client = crm.clients.create(name="a")
        cohort = crm.cohorts.create(name_cohort="Winter")
        student = crm.services.create(name="s", client=client.id)
        one, two = (crm.transfer_requests.create(student=student.id, cohort_request="x") for _ in range(2))
        one = crm.transfer_requests.retrieve(one.id)
        assert crm.transfer_requests.accept(one.id, cohort=cohort.id, if_match=one).state == "accepted"
        assert crm.cohorts.roster(cohort.id).cohort == crm.cohorts.retrieve(cohort.id)
        with pytest.raises(TransferDecidedError) as caught:
            crm.transfer_requests.decline(one.id)
        assert caught.value.state == "accepted"

    async def decline() -> None:
        async with AsyncClient(url, token=token) as other:
            assert (await other.transfer_requests.decline(two.id)).state == "declined"
            assert (await other.cohorts.roster(cohort.id)).enrollments == ()

    asyncio.run(decline())
