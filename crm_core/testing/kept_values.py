"""Facts about values that stores take for others, or keep as others: near-equal, long and empty texts, and orders."""

# ruff: noqa: D102  # a test's name is the fact that it states

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from crm_core.input.texts import normal
from crm_core.model.entities import MAX_ENTRY_LENGTH, Lead
from crm_core.model.plain_values import parse_json
from crm_core.resources import ATTRIBUTES, CLIENTS, LEADS, PIPELINES
from crm_core.rules.needs import Needs, Search
from crm_core.testing.scene import Facts, Scene, fact, put, writing
from crm_core.testing.strategies import NEAR_EQUAL
from crm_core.use_cases.callers import new_id

#: Texts that are not equal, though many collations say so.
_TEXTS: Final = tuple(dict.fromkeys(map(normal, NEAR_EQUAL)))


class KeptValueFacts(Facts):
    """Values come back, and are found, as they are."""

    @fact
    async def test_a_text_is_not_taken_for_another(self, scene: Scene) -> None:
        """Equality is by code point: in filters of attributes, in searches of decisions, and among exact names."""
        await scene.create(ATTRIBUTES, "lead", name="text", label="l", type="text")
        made = {text: new_id() for text in _TEXTS}
        # Written past the rules, which drop blanks at the ends of stages.
        await scene.db.change(writing(*(put(scene.who, None, self._lead(id_, text)) for text, id_ in made.items())))
        searches = {text: Search("lead", (("stage", text),)) for text in _TEXTS}
        known = await scene.db.known(Needs(children=frozenset(searches.values())))
        named = await scene.db.named(LEADS, "name", [f"({text})" for text in _TEXTS])

        for text, id_ in made.items():
            # A filter that is sent with blanks at its ends finds the value with and without them (decision 9).
            expected = {id_, made.get(text.strip(), id_)}
            assert {*await scene.found(LEADS, **{"attributes.text": text})} == expected, text
            assert [child.key.id for child in known.children[searches[text]]] == [id_], text
            assert named[f"({text})"] == [id_], text

    def _lead(self, id_: UUID, text: str) -> Lead:
        now = datetime.now(UTC)
        return Lead(id=id_, name=f"({text})", stage=text, attributes={"text": text}, created_at=now)

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
