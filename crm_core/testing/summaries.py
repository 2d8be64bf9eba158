"""Facts about the stays of leads in stages, and the summaries of pipelines."""

# ruff: noqa: D102  # a test's name is the fact that it states

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import attrs
import pytest

from crm_core.errors import InvalidError, NotFoundError, PermissionDeniedError
from crm_core.model.accounts import Caller
from crm_core.model.permissions import PERMISSIONS
from crm_core.model.summaries import PipelineSummary, StageSummary
from crm_core.resources import LEADS, PIPELINES
from crm_core.testing.pairs import USERS
from crm_core.testing.scans import assert_summary
from crm_core.testing.scene import Facts, Scene, fact
from crm_core.use_cases import erasures, records, restorations, summaries
from crm_core.use_cases.callers import new_id
from crm_core.use_cases.erasures import ErasureTarget
from crm_core.use_cases.restorations import Target

_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
_ALL: Final[Mapping[str, str]] = {}
_STAGES: Final = [{"name": name, "order": place} for place, name in enumerate("ABC")]


class _Sales:
    """A pipeline with the stages A, B and C, and changes of leads at the seconds that are given."""

    def __init__(self, scene: Scene, pipeline: UUID) -> None:
        self.scene = scene
        self.pipeline = pipeline

    @classmethod
    async def begin(cls, scene: Scene) -> "_Sales":
        return cls(scene, await scene.create(PIPELINES, name="p", stages=_STAGES))

    def at(self, second: float) -> Caller:
        return attrs.evolve(self.scene.who, now=_START + timedelta(seconds=second))

    async def lead(self, second: float, **values: object) -> UUID:
        sent = {"name": "l", "pipeline": str(self.pipeline), **values}
        return (await records.create(self.scene.db, self.at(second), LEADS, sent))[0]

    async def put(self, lead: UUID, second: float, **values: object) -> None:
        await records.patch(self.scene.db, self.at(second), LEADS, lead, values)

    async def ids(self) -> dict[str, str]:
        pipeline = await self.scene.value(PIPELINES, self.pipeline)
        return {stage.name: str(stage.id) for stage in pipeline.stages}

    async def name(self, **names: str) -> None:
        """Give stages other names."""
        stages = [{"id": id_, "name": names.get(name, name)} for name, id_ in (await self.ids()).items()]
        await self.scene.patch(PIPELINES, self.pipeline, stages=stages)

    async def summary(self, second: float = 1_000, params: Mapping[str, str] = _ALL) -> PipelineSummary:
        return await assert_summary(self.scene.db, self.at(second), self.pipeline, params)

    async def stages(self, second: float = 1_000, params: Mapping[str, str] = _ALL) -> Mapping[str, StageSummary]:
        return {stage.name: stage for stage in (await self.summary(second, params)).stages}


def _times(stage: StageSummary) -> tuple[Any, ...]:
    time = stage.time
    return time.leads, time.median_s, time.p90_s, time.mean_s, time.open_oldest_s


class SummaryFacts(Facts):
    """Summaries of pipelines."""

    @fact
    async def test_a_summary_counts_leads_by_stage_and_responsible(self, scene: Scene) -> None:
        sales = await _Sales.begin(scene)
        one, two = USERS[:2]
        for stage, responsible in (("A", one), ("A", one), ("A", two), ("B", None)):
            await sales.lead(0, stage=stage, responsible=responsible)
        await scene.create(LEADS, name="elsewhere", responsible=one)
        stages = await sales.stages()

        assert [(name, stage.leads) for name, stage in stages.items()] == [("A", 3), ("B", 1), ("C", 0)]
        assert stages["A"].by_responsible == {str(one): 2, str(two): 1}
        assert stages["B"].by_responsible == {"none": 1}
        own = await sales.stages(params={"responsible": str(two)})
        assert {name: stage.by_responsible for name, stage in own.items()} == {"A": {str(two): 1}, "B": {}, "C": {}}

    @fact
    async def test_times_are_median_and_p90_of_the_leads_that_left(self, scene: Scene) -> None:
        sales = await _Sales.begin(scene)
        leads = [await sales.lead(0) for _ in range(4)]
        for place, lead in enumerate(leads, start=1):
            await sales.put(lead, 10 * place, stage="B")
        await sales.put(leads[-1], 100, stage="C")
        stages, ids = await sales.stages(), await sales.ids()

        assert _times(stages["A"]) == (4, 20, 40, 25, None)
        assert _times(stages["B"]) == (1, 60, 60, 60, 990)
        assert _times(stages["C"]) == (0, None, None, None, 900)
        assert (stages["A"].to, stages["B"].to) == ({ids["B"]: 4}, {ids["C"]: 1})

    @fact
    async def test_a_rename_of_a_stage_changes_no_time(self, scene: Scene) -> None:
        sales = await _Sales.begin(scene)
        lead = await sales.lead(0)
        await sales.name(A="B", B="A")
        await sales.name(B="Z")
        await sales.put(lead, 60, stage="C")
        stages, ids = await sales.stages(), await sales.ids()

        assert _times(stages["Z"]) == (1, 60, 60, 60, None)
        assert stages["Z"].to == {ids["C"]: 1}
        assert _times(stages["A"]) == (0, None, None, None, None)

    @fact
    async def test_re_entry_adds_up_and_counts_once(self, scene: Scene) -> None:
        sales = await _Sales.begin(scene)
        lead = await sales.lead(0)
        for second, stage in ((10, "B"), (30, "A"), (35, "B"), (36, "A")):
            await sales.put(lead, second, stage=stage)
        stages, ids = await sales.stages(100), await sales.ids()

        assert _times(stages["A"]) == (1, 15, 15, 15, 64)
        assert _times(stages["B"]) == (1, 21, 21, 21, None)
        assert (stages["A"].to, stages["B"].to) == ({ids["B"]: 2}, {ids["A"]: 2})

    @fact
    async def test_a_stage_that_is_gone_keeps_its_leads_until_they_move(self, scene: Scene) -> None:
        sales = await _Sales.begin(scene)
        ids = await sales.ids()
        lead = await sales.lead(0, stage="B")
        both = [{"id": ids[name], "name": name} for name in "AC"]
        await scene.patch(PIPELINES, sales.pipeline, stages=[*both, {"id": str(new_id()), "name": "B"}])
        summary = await sales.summary()
        assert [(stage.name, stage.leads) for stage in summary.stages] == [("A", 0), ("B", 0), ("C", 0)]
        assert summary.without_stage == 1
        await sales.put(lead, 50, stage="C")
        await scene.patch(PIPELINES, sales.pipeline, stages=[*both, {"id": ids["B"], "name": "back"}])

        assert _times((await sales.stages())["back"]) == (1, 50, 50, 50, None)

    @fact
    async def test_a_lead_in_another_pipeline_for_a_time_is_in_neither_both_times(self, scene: Scene) -> None:
        sales = await _Sales.begin(scene)
        other = _Sales(scene, await scene.create(PIPELINES, name="o", stages=_STAGES))
        lead = await sales.lead(0)
        await sales.put(lead, 10, pipeline=str(other.pipeline))
        await sales.put(lead, 40, pipeline=str(sales.pipeline))
        await sales.put(lead, 45, pipeline=None)
        here, there = await sales.stages(), await other.stages()

        assert _times(here["A"]) == (1, 15, 15, 15, None)
        assert _times(there["A"]) == (1, 30, 30, 30, None)
        assert (here["A"].to, there["A"].to) == ({}, {})

    @fact
    async def test_a_deleted_lead_is_in_no_stage_until_it_comes_back_and_an_erased_one_leaves_nothing(
        self, scene: Scene
    ) -> None:
        sales = await _Sales.begin(scene)
        lead = await sales.lead(0)
        await records.delete(scene.db, sales.at(10), LEADS, lead)
        stages = await sales.stages()
        assert (stages["A"].leads, _times(stages["A"])) == (0, (1, 10, 10, 10, None))
        await restorations.restore(scene.db, sales.at(100), Target(LEADS, lead, 1), {})
        await sales.put(lead, 107, stage="C")

        assert _times((await sales.stages())["A"]) == (1, 17, 17, 17, None)
        await erasures.erase(scene.db, None, sales.at(200), ErasureTarget(LEADS, lead))
        assert [_times(stage) for stage in (await sales.stages()).values()] == [(0, None, None, None, None)] * 3

    @fact
    async def test_no_time_is_negative_where_a_clock_was_set_back(self, scene: Scene) -> None:
        sales = await _Sales.begin(scene)
        lead = await sales.lead(100)
        await sales.put(lead, 50, stage="B")
        await sales.put(lead, 110, stage="C")
        stages = await sales.stages(0)

        assert (_times(stages["A"]), _times(stages["B"])) == ((1, 0, 0, 0, None), (1, 10, 10, 10, None))
        assert stages["C"].time.open_oldest_s == 0

    @fact
    async def test_a_period_has_the_stays_that_ended_in_it(self, scene: Scene) -> None:
        sales = await _Sales.begin(scene)
        lead = await sales.lead(0, responsible=USERS[0])
        for second, stage in ((10, "B"), (30, "A"), (35, "B")):
            await sales.put(lead, second, stage=stage)
        ids = await sales.ids()

        async def a(**params: str) -> tuple[Any, ...]:
            asked = {name: f"2026-01-01T00:00:{value}Z" for name, value in params.items()}
            stage = (await sales.stages(params=asked))["A"]
            return stage.time.leads, stage.time.median_s, stage.to

        assert await a(since="00", until="10") == (0, None, {})
        assert await a(since="10", until="35") == (1, 10, {ids["B"]: 1})
        assert await a(since="35") == (1, 15, {ids["B"]: 1})
        assert await a(since="00", until="59") == (1, 15, {ids["B"]: 2})
        others = await sales.stages(params={"responsible": str(USERS[1])})
        assert [(stage.time.leads, stage.to) for stage in others.values()] == [(0, {})] * 3

    @fact
    async def test_bad_parameters_and_missing_rights_are_refused(self, scene: Scene) -> None:
        sales = await _Sales.begin(scene)
        for params in (
            {"since": "soon"},
            {"until": "x"},
            {"responsible": "10000"},
            {"responsible": "x"},
            {"since": "2026-01-02", "until": "2026-01-01"},
        ):
            with pytest.raises(InvalidError):
                await sales.summary(params=params)
        with pytest.raises(NotFoundError):
            await summaries.summary(scene.db, scene.who, new_id(), {"since": "soon"})
        for resource in (PIPELINES, LEADS):
            permissions = PERMISSIONS - {resource.permission("view")}
            actor = attrs.evolve(scene.who.actor, is_superuser=False, permissions=permissions)
            with pytest.raises(PermissionDeniedError):
                await summaries.summary(scene.db, attrs.evolve(scene.who, actor=actor), sales.pipeline, {})
