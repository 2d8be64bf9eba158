"""Decisions under contention: nothing that was added in between is missed, and no lock is waited for too long."""

import asyncio
import time

import psycopg
import pytest

from crm_core.errors import NotAuthenticatedError, UnavailableError
from crm_core.model.accounts import Actor, User
from crm_core.resources import COHORTS, LEADS, PIPELINES
from crm_core.rules.needs import Needs, Search
from crm_core.testing.scene import Scene, fact
from crm_core.use_cases import records
from crm_core.use_cases.callers import caller
from tests.adapters.postgres.on_postgres import OnPostgres


class TestContention(OnPostgres):
    @fact
    async def test_a_stage_rename_misses_no_lead_that_is_added_meanwhile(self, scene: Scene) -> None:
        pipeline = await scene.create(PIPELINES, name="p", stages=[{"name": "A"}, {"name": "B"}])
        stages = (await scene.value(PIPELINES, pipeline)).stages

        async def rename(name: str) -> None:
            await scene.patch(PIPELINES, pipeline, stages=[{"id": str(stages[0].id), "name": name}, {"name": "B"}])

        async def add(number: int) -> None:
            await scene.create(LEADS, name=str(number), pipeline=pipeline)

        await asyncio.gather(*(add(n) for n in range(40)), *(rename(f"A{n}") for n in range(5)))

        names = {stage.name for stage in (await scene.value(PIPELINES, pipeline)).stages}
        search = Search("lead", (("pipeline", pipeline),))
        leads = (await scene.db.known(Needs(children=frozenset({search})))).children[search]
        assert len(leads) == 40
        assert {lead.value.stage for lead in leads} <= names


class TestLocksOfOthers(OnPostgres):
    @pytest.mark.parametrize("lock", ["select 1 from cohort for update", "lock table cohort in access exclusive mode"])
    @fact
    async def test_all_changes_behind_one_are_refused_within_six_seconds(self, scene: Scene, lock: str) -> None:
        """As long as one round of deciding takes beyond three seconds; without others, that is after four."""
        id_ = await scene.create(COHORTS, name_cohort="held")

        async def change(number: int) -> float:
            began = time.monotonic()
            with pytest.raises(UnavailableError):
                await scene.patch(COHORTS, id_, name_cohort=f"changed {number}")
            return time.monotonic() - began

        with psycopg.connect(self.url) as holder:
            holder.execute(lock.encode())
            took = await asyncio.gather(*map(change, range(50)))
        print(f"refused after {max(took):.1f} s of 6 s")
        assert max(took) < 6
        await scene.patch(COHORTS, id_, name_cohort="changed")


class TestAnActorWithoutAnAccount(OnPostgres):
    @fact
    async def test_is_told_so_at_once(self, scene: Scene) -> None:
        stranger = caller(Actor(user=User(id=99, username="stranger"), is_superuser=True))

        with pytest.raises(NotAuthenticatedError):
            await records.create(scene.db, stranger, COHORTS, {"name_cohort": "c"})
