"""When and by whom a record was last changed: shown, ordered by, and filtered by."""

import datetime as dt
from typing import Any

import pytest

from crm_core.resources import RESOURCES
from tests.http.conftest import Api
from tests.http.test_resources import CHANGES, World


@pytest.fixture
def world(api: Api) -> World:
    return World(api)


@pytest.mark.parametrize("name", RESOURCES)
def test_every_change_of_a_record_says_when_and_by_whom(name: str, world: World) -> None:
    made = world.make(name)
    change = CHANGES.get(name) or {"student": world.make("service")["id"]}
    changed = world.api.patch(world.place(name, made["id"]), change).json()

    assert list(changed)[-2:] == ["updated_at", "updated_by"]
    assert (made["updated_by"], changed["updated_by"]) == (1, 1)
    assert changed["updated_at"] > made["updated_at"]
    if "created_at" in made:
        assert made["updated_at"] == made["created_at"]
    same = world.api.patch(world.place(name, made["id"]), change | {"updated_at": "2000-01-01", "updated_by": 9})
    assert same.json() == changed


def test_a_change_that_follows_from_another_counts_too(api: Api) -> None:
    pipeline = api.make("/api/pipelines/", name="Sales", stages=[{"name": "Open"}])
    lead = api.make("/api/leads/", name="Joe", pipeline=pipeline["id"])
    stages = [pipeline["stages"][0] | {"name": "New"}]
    renamed = api.patch(f"/api/pipelines/{pipeline['id']}/", {"stages": stages}).json()
    after = api.get(f"/api/leads/{lead['id']}/").json()

    assert (after["stage"], after["updated_at"]) == ("New", renamed["updated_at"])


def test_lists_are_ordered_and_filtered_by_the_last_change(api: Api) -> None:
    one, two, three = (api.make("/api/clients/", name=name) for name in ("one", "two", "three"))
    touched = api.patch(f"/api/clients/{one['id']}/", {"name": "1"}).json()

    def ids(query: str) -> list[Any]:
        return [each["id"] for each in api.get(f"/api/clients/{query}").json()]

    assert ids("?ordering=updated_at") == [two["id"], three["id"], one["id"]]
    assert ids("?ordering=-updated_at") == [one["id"], three["id"], two["id"]]
    assert ids(f"?updated_at__gte={touched['updated_at']}") == [one["id"]]
    assert ids(f"?updated_at__gt={touched['updated_at']}") == []
    assert ids(f"?updated_at__lt={three['updated_at']}") == [two["id"]]
    assert ids(f"?updated_at__lte={three['updated_at']}&updated_at__gte=2020-01-01") == [three["id"], two["id"]]
    assert ids("?updated_at__isnull=true") == []
    later = dt.datetime.fromisoformat(touched["updated_at"]) + dt.timedelta(hours=1)
    assert ids(f"?updated_at__gte={later:%Y-%m-%dT%H:%M}") == []


def test_pages_in_the_order_of_the_last_change_neither_repeat_nor_skip(api: Api) -> None:
    made = [api.make("/api/cohorts/", name_cohort=f"c{number}")["id"] for number in range(5)]
    found: list[str] = []
    page = api.get("/api/cohorts/?ordering=updated_at&limit=2")
    found += [each["id"] for each in page.json()]
    while "next" in page.links:
        page = api.get(page.links["next"]["url"])
        found += [each["id"] for each in page.json()]

    assert found == made


@pytest.mark.parametrize("query", ["updated_at__gte=soon", "updated_at__near=2025-01-01", "updated_at=2025-01-01"])
def test_what_is_no_time_or_no_filter_is_refused(query: str, api: Api) -> None:
    answer = api.get(f"/api/clients/?{query}")

    assert (answer.status_code, list(answer.json())) == (400, [query.partition("=")[0]])
