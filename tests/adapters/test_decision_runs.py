"""How often the decision of one change runs, while no other change is in its way."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

import pytest

from crm_adapters.memory import MemoryDatabase
from crm_adapters.postgres import PostgresDatabase
from crm_core import Changes, Database, Decide, Document, Steps
from crm_core.resources import CLIENTS, LEADS, PIPELINES, SERVICES
from crm_core.testing.scene import Facts, Scene, fact
from tests.adapters.postgres.on_postgres import OnOnePool, empty


class Runs:
    """Counts the runs of the decisions of one database."""

    def __init__(self) -> None:
        self.count = 0

    def counting(self, decide: Decide) -> Decide:
        def run() -> Steps[Changes]:
            self.count += 1
            return decide()

        return run


class CountingMemoryDatabase(MemoryDatabase):
    runs: Runs

    async def change(self, decide: Decide) -> Document | None:
        return await super().change(self.runs.counting(decide))


class CountingPostgresDatabase(PostgresDatabase):
    runs: Runs

    async def change(self, decide: Decide) -> Document | None:
        return await super().change(self.runs.counting(decide))


class RunFacts(Facts):
    """Counts that hold for every database of ours."""

    #: Runs of a decision that needs children: a second one begins where they are read under locks only.
    with_children: ClassVar[int]

    @pytest.fixture
    def runs(self, scene: Scene) -> Runs:
        assert isinstance(scene.db, CountingMemoryDatabase | CountingPostgresDatabase)
        return scene.db.runs

    @fact
    async def test_a_lead_that_moves_to_another_stage_is_decided_once(self, scene: Scene, runs: Runs) -> None:
        stages = [{"name": "Open"}, {"name": "Won"}]
        pipeline = await scene.create(PIPELINES, name="p", stages=stages)
        lead = await scene.create(LEADS, name="l", pipeline=pipeline)
        runs.count = 0

        await scene.patch(LEADS, lead, stage="Won")

        assert runs.count == 1

    @fact
    async def test_a_record_with_a_reference_is_created_in_one_run(self, scene: Scene, runs: Runs) -> None:
        client = await scene.create(CLIENTS, name="c")
        runs.count = 0

        await scene.create(SERVICES, name="s", client=client)

        assert runs.count == 1

    @fact
    async def test_a_renamed_stage_is_decided_once_where_its_leads_can_be_held(self, scene: Scene, runs: Runs) -> None:
        pipeline = await scene.create(PIPELINES, name="p", stages=[{"name": "Open"}])
        leads = [await scene.create(LEADS, name="l", pipeline=pipeline) for _ in range(3)]
        [stage] = (await scene.value(PIPELINES, pipeline)).stages
        runs.count = 0

        await scene.patch(PIPELINES, pipeline, stages=[{"id": str(stage.id), "name": "New"}])

        assert runs.count == self.with_children
        assert {(await scene.value(LEADS, lead)).stage for lead in leads} == {"New"}

    @fact
    async def test_a_delete_is_decided_once_where_what_belongs_to_it_can_be_held(
        self, scene: Scene, runs: Runs
    ) -> None:
        service = await scene.create(SERVICES, name="s", client=await scene.create(CLIENTS, name="c"))
        runs.count = 0

        await scene.delete(SERVICES, service)

        assert runs.count == self.with_children


class TestMemoryRuns(RunFacts):
    with_children = 1

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Database]:
        database = CountingMemoryDatabase()
        database.runs = Runs()
        yield database


class TestPostgresRuns(OnOnePool, RunFacts):
    with_children = 2

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Database]:
        await empty(self.pool)
        database = CountingPostgresDatabase(self.pool)
        database.runs = Runs()
        yield database
        await database.close()
