"""The summary of a pipeline over HTTP, and in the typed client."""

import asyncio
from typing import Any

import pytest

from crm_http.client import AsyncClient, Client
from tests.http.conftest import Api, Server
from tests.http.test_resources import NOWHERE


def sales(api: Api) -> dict[str, Any]:
    pipeline = api.make("/api/pipelines/", name="Sales", stages=[{"name": "New"}, {"name": "Won", "order": 1}])
    for stage in ("New", "New", "Won"):
        api.make("/api/leads/", name="l", pipeline=pipeline["id"], stage=stage, responsible=1)
    lead = api.make("/api/leads/", name="l", pipeline=pipeline["id"])
    assert api.patch(f"/api/leads/{lead['id']}/", {"stage": "Won"}).status_code == 200
    return pipeline


def test_a_summary_has_counts_times_and_moves_by_stage(api: Api) -> None:
    pipeline = sales(api)
    answer = api.get(f"/api/pipelines/{pipeline['id']}/summary/?responsible=")
    new, won = answer.json()["stages"]

    assert answer.status_code == 200, answer.text
    assert {name: value for name, value in answer.json().items() if name != "stages"} == {
        "pipeline": pipeline["id"],
        "name": "Sales",
        "since": None,
        "until": None,
        "responsible": None,
        "without_stage": 0,
    }
    assert (new["id"], new["name"], new["leads"], new["by_responsible"]) == (
        pipeline["stages"][0]["id"],
        "New",
        2,
        {"1": 2},
    )
    assert (new["to"], won["to"]) == ({won["id"]: 1}, {})
    assert won["by_responsible"] == {"1": 1, "none": 1}
    assert new["time"].keys() == {"leads", "unknown", "median_s", "p90_s", "mean_s", "open_oldest_s"}
    assert (new["time"]["leads"], won["time"]["median_s"]) == (1, None)
    period = api.get(f"/api/pipelines/{pipeline['id']}/summary/?until=2020-01-01&responsible=1").json()
    assert [(stage["leads"], stage["to"]) for stage in period["stages"]] == [(2, {}), (1, {})]


@pytest.mark.parametrize(
    ("query", "field"),
    [("since=soon", "since"), ("since=2026-01-02&until=2026-01-01", "until"), ("responsible=9999", "responsible")],
)
def test_bad_parameters_are_named(query: str, field: str, api: Api) -> None:
    pipeline = api.make("/api/pipelines/", name="Sales")
    refused = api.get(f"/api/pipelines/{pipeline['id']}/summary/?{query}")

    assert (refused.status_code, list(refused.json())) == (400, [field])
    assert api.get(f"/api/pipelines/{NOWHERE}/summary/?{query}").status_code == 404
    strict = api.get(f"/api/pipelines/{pipeline['id']}/summary/?x=1", headers={"Prefer": "handling=strict"})
    assert (strict.status_code, list(strict.json())) == (400, ["x"])


def test_a_summary_needs_the_permission_to_view_leads(api: Api) -> None:
    pipeline = api.make("/api/pipelines/", name="Sales")
    api.people.add("teacher", "Instructors")

    assert api.as_user("teacher").get(f"/api/pipelines/{pipeline['id']}/summary/").status_code == 403


def test_both_clients_sum_up_pipelines(server: Server, postgres_api: Api) -> None:
    url, token, pipeline = f"http://127.0.0.1:{server.port}", postgres_api.token, sales(postgres_api)["id"]
    with Client(url, token=token) as crm:
        summary = crm.pipelines.summary(pipeline, responsible=1)
    assert [stage.leads for stage in summary.stages] == [2, 1]
    assert (summary.responsible, summary.stages[0].time.median_s) == (1, None)

    async def read() -> None:
        async with AsyncClient(url, token=token) as other:
            assert [stage.leads for stage in (await other.pipelines.summary(pipeline)).stages] == [2, 2]

    asyncio.run(read())
