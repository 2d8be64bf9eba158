"""Tests of concurrent changes: none is lost, and no rule is broken."""

# ruff: noqa: D102  # a test's name is the fact that it states

import asyncio
from uuid import UUID

from crm_core.engine.receipts import Document
from crm_core.errors import InUseError, InvalidError
from crm_core.input.readers import ReadContext
from crm_core.model.records import Key
from crm_core.resources import ATTRIBUTES, CLIENTS, ENROLLMENT_DETAILS, FOLLOW_UPS, LEADS, PIPELINES, SERVICES
from crm_core.rules.needs import Needs, Search
from crm_core.rules.tasks_and_notes import add_note
from crm_core.testing.scene import Facts, Scene, at_once, fact
from crm_core.use_cases import records
from crm_core.use_cases.callers import new_id


class ContentionFacts(Facts):
    """Concurrent changes."""

    @fact
    async def test_of_many_changes_at_once_none_is_lost(self, scene: Scene) -> None:
        id_ = await scene.create(CLIENTS, name="a")

        async def add(number: int) -> Document:
            edit = add_note({"note": str(number)}, ReadContext(new_id))
            return await records.apply(scene.db, scene.who, CLIENTS, id_, edit)

        documents = await asyncio.gather(*(add(number) for number in range(30)))

        assert sorted(document.version for document in documents) == list(range(2, 32))
        notes = (await scene.value(CLIENTS, id_)).list_of_notes
        assert sorted(int(note.note) for note in notes) == list(range(30))

    @fact
    async def test_of_many_equal_names_at_once_one_is_taken(self, scene: Scene) -> None:
        sent = {"name": "n", "label": "l", "type": "text"}
        made = await at_once(*(scene.create(ATTRIBUTES, "client", **sent) for _ in range(8)))

        assert [type(outcome) for outcome in made].count(UUID) == 1
        assert [type(outcome) for outcome in made].count(InvalidError) == 7
        assert len(await scene.found(ATTRIBUTES, "client")) == 1

    @fact
    async def test_of_many_equal_pairs_at_once_one_is_taken(self, scene: Scene) -> None:
        ids = await scene.one_of_each()
        await scene.delete(ENROLLMENT_DETAILS, ids["enrollment_detail"])
        pair = {"enrollment": ids["enrollment"], "student": ids["service"]}
        made = await at_once(*(scene.create(ENROLLMENT_DETAILS, **pair) for _ in range(8)))

        assert [type(outcome) for outcome in made].count(UUID) == 1
        assert [type(outcome) for outcome in made].count(InvalidError) == 7

    @fact
    async def test_a_delete_and_what_would_refer_to_the_record_exclude_each_other(self, scene: Scene) -> None:
        """Whichever comes first, the other is refused: a service never lacks its client."""
        for _ in range(5):
            client = await scene.create(CLIENTS, name="a")
            *made, deleted = await at_once(
                *(scene.create(SERVICES, name="s", client=client) for _ in range(2)), scene.delete(CLIENTS, client)
            )

            if deleted is None:
                assert [type(outcome) for outcome in made] == [InvalidError] * 2
            else:
                assert isinstance(deleted, InUseError)
                assert await scene.db.get(Key("client", client)) is not None

    @fact
    async def test_no_child_survives_its_parent(self, scene: Scene) -> None:
        for _ in range(5):
            client = await scene.create(CLIENTS, name="a")
            service = await scene.create(SERVICES, name="s", client=client)
            *_, deleted = await at_once(
                *(scene.create(FOLLOW_UPS, service) for _ in range(3)), scene.delete(SERVICES, service)
            )
            orphans = Search("follow_up", (("service", service),))

            assert deleted is None
            assert (await scene.db.known(Needs(counts=frozenset({orphans})))).counts == {orphans: 0}

    @fact
    async def test_a_lead_that_comes_to_a_stage_while_it_is_renamed_is_renamed_too(self, scene: Scene) -> None:
        pipeline = await scene.create(PIPELINES, name="p", stages=[{"name": "A"}])
        (stage,) = (await scene.value(PIPELINES, pipeline)).stages
        leads = [await scene.create(LEADS, name="l") for _ in range(5)]
        renamed = [{"id": str(stage.id), "name": "B"}]
        await at_once(
            *(scene.patch(LEADS, lead, pipeline=pipeline, stage="A") for lead in leads),
            scene.patch(PIPELINES, pipeline, stages=renamed),
        )

        values = [await scene.value(LEADS, lead) for lead in leads]
        assert {value.stage for value in values if value.pipeline == pipeline} <= {"B"}
