"""The stays that migration 0022 makes of a history are those that the triggers keep."""

import pathlib
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import psycopg

from crm_adapters.postgres.sql import migrations
from crm_core.resources import LEADS, PIPELINES
from crm_core.testing.scene import Scene, fact
from crm_core.use_cases import erasures, records, restorations, summaries
from crm_core.use_cases.callers import new_id
from crm_core.use_cases.erasures import ErasureTarget
from crm_core.use_cases.restorations import Target
from tests.adapters.postgres.on_postgres import OnPostgres

MIGRATION = (pathlib.Path(migrations.__file__).parent / "0022_summaries.sql").read_text("utf-8")
FILL = MIGRATION[MIGRATION.index("-- The stays of earlier releases") : MIGRATION.index("create unique index lead_stay")]
START = datetime(2026, 1, 1, tzinfo=UTC)
STAGES = [{"name": name, "order": place} for place, name in enumerate("ABC")]


def stays(url: str) -> list[Any]:
    with psycopg.connect(url) as connection:
        return connection.execute(
            "select lead, pipeline, stage, entered_at, left_at, to_stage, spent, left_again_at from lead_stay "
            "order by lead, coalesce(left_at, 'infinity'), id"
        ).fetchall()


def fill_again(url: str, first: str = "select") -> list[Any]:
    """Make the stays from the history, as the migration does, after another statement."""
    with psycopg.connect(url) as connection:
        connection.execute(first.encode())
        connection.execute("delete from lead_stay")
        connection.execute(FILL.encode())
    return stays(url)


class TestStays(OnPostgres):
    @fact
    async def test_a_history_tells_the_stays_that_the_triggers_keep(self, scene: Scene) -> None:
        await live(scene)
        kept = stays(self.url)

        assert len(kept) == 10
        assert fill_again(self.url) == kept

    @fact
    async def test_what_began_before_the_history_is_left_out_of_times_and_counted(self, scene: Scene) -> None:
        pipeline = await live(scene)
        by_hand = "delete from event where resource = 'lead' and kind = 'created'"
        assert {entered for *_, entered, left, _, _, _ in fill_again(self.url, by_hand) if left is None} == {None}
        fill_again(self.url, "delete from event where resource = 'lead'")
        present = await summaries.summary(scene.db, scene.who, pipeline, {})
        assert [stage.time.open_oldest_s for stage in present.stages] == [None, None, None]
        lead, *_ = await scene.found(LEADS, pipeline=str(pipeline))
        before = (await scene.value(LEADS, lead)).stage
        await scene.patch(LEADS, lead, stage="C" if before != "C" else "D")

        [left] = [
            each for each in (await summaries.summary(scene.db, scene.who, pipeline, {})).stages if each.time.leads
        ]
        assert (left.name, left.time.unknown, left.time.median_s) == (before, 1, None)


async def live(scene: Scene) -> Any:
    """Move leads through two pipelines whose stages are renamed, swapped and removed; return one of these."""
    seconds = iter(range(1, 100))

    async def do(doing: Any, *args: Any) -> Any:
        now = START + timedelta(seconds=next(seconds))
        return await doing(scene.db, attrs.evolve(scene.who, now=now), *args)

    one, two = [(await do(records.create, PIPELINES, {"name": "p", "stages": STAGES}))[0] for _ in range(2)]
    leads = [
        (await do(records.create, LEADS, {"name": "l", "pipeline": str(id_), "stage": stage}))[0]
        for id_, stage in ((one, "A"), (one, "B"), (two, "A"), (one, "C"))
    ]
    ids = {stage.name: str(stage.id) for stage in (await scene.value(PIPELINES, one)).stages}
    swapped = [{"id": ids["A"], "name": "B"}, {"id": ids["B"], "name": "A"}, {"id": ids["C"], "name": "C"}]
    await do(records.patch, PIPELINES, one, {"stages": swapped})
    for place, sent in (
        (0, {"stage": "A"}),
        (0, {"stage": "B"}),
        (0, {"stage": "A"}),
        (1, {"pipeline": str(two)}),
        (1, {"pipeline": str(one)}),
        (2, {"pipeline": None}),
        (2, {"pipeline": str(one)}),
        (3, {"name": "other"}),
    ):
        await do(records.patch, LEADS, leads[place], sent)
    gone = [{"id": str(new_id()), "name": "D"}, swapped[0], {"id": str(new_id()), "name": "C"}]
    await do(records.patch, PIPELINES, one, {"stages": gone})
    await do(records.patch, LEADS, leads[3], {"stage": "D"})
    await do(records.delete, LEADS, leads[3])
    await do(restorations.restore, Target(LEADS, leads[3], 3), {})
    await do(records.delete, LEADS, leads[2])
    await erasures.erase(scene.db, None, scene.who, ErasureTarget(LEADS, leads[2]))
    return one
