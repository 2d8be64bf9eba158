"""Facts about values that stores keep as others: long and empty texts, items in an order, and hidden values."""

# ruff: noqa: D102  # a test's name is the fact that it states

from collections.abc import Mapping, Sequence
from uuid import UUID

from crm_core.model.entities import MAX_ENTRY_LENGTH
from crm_core.model.plain_values import parse_json
from crm_core.resources import ATTRIBUTES, CLIENTS, LEADS, PIPELINES
from crm_core.rules.needs import Needs, Search
from crm_core.testing.scene import Facts, Scene, fact


class KeptValueFacts(Facts):
    """Values come back as they are."""

    @fact
    async def test_what_is_kept_beside_a_document_stays_when_that_is_written_again(self, scene: Scene) -> None:
        pipeline = await scene.create(PIPELINES, name="p", stages=[{"name": "A"}])
        [stage] = (await scene.value(PIPELINES, pipeline)).stages
        lead = await scene.create(LEADS, name="a", pipeline=pipeline)
        await scene.patch(LEADS, lead, name="b")
        search = Search("lead", (("stage_id", stage.id),))

        assert (await scene.db.known(Needs(counts=frozenset({search})))).counts == {search: 1}

    @fact
    async def test_long_texts_come_back_whole(self, scene: Scene) -> None:
        await scene.create(ATTRIBUTES, "client", name="text", label="l", type="text")
        long = "\u00e9" * MAX_ENTRY_LENGTH
        id_ = await scene.create(CLIENTS, name="a", attributes={"text": long}, list_of_notes=[{"note": long}])
        value = await scene.value(CLIENTS, id_)

        assert (value.attributes, value.list_of_notes[0].note) == ({"text": long}, long)

    @fact
    async def test_an_empty_text_is_not_null(self, scene: Scene) -> None:
        empty, absent = [await scene.create(LEADS, name="a", stage=stage) for stage in ("", None)]

        assert [(await scene.value(LEADS, id_)).stage for id_ in (empty, absent)] == ["", None]
        assert await self._in_stage(scene, "") == [empty]
        assert await self._in_stage(scene, None) == [absent]

    async def _in_stage(self, scene: Scene, stage: object) -> Sequence[object]:
        search = Search("lead", (("stage", stage),))
        return [child.key.id for child in (await scene.db.known(Needs(children=frozenset({search})))).children[search]]

    @fact
    async def test_items_keep_their_order(self, scene: Scene) -> None:
        tasks = [{"task": name} for name in ("c", "a", "b")]
        id_ = await scene.create(CLIENTS, name="a", list_of_tasks=tasks)
        assert await self._tasks(scene, id_) == ["c", "a", "b"]
        kept: Sequence[Mapping[str, str]] = parse_json((await scene.patch(CLIENTS, id_)).body)["list_of_tasks"]
        turned = [{"id": each["id"], "task": each["task"]} for each in reversed(kept)]
        await scene.patch(CLIENTS, id_, list_of_tasks=turned)

        assert await self._tasks(scene, id_) == ["b", "a", "c"]

    async def _tasks(self, scene: Scene, id_: UUID) -> Sequence[str]:
        return [task.task for task in (await scene.value(CLIENTS, id_)).list_of_tasks]
