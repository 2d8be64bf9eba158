"""Facts about decisions: what they are sent, and that their changes are committed."""

# ruff: noqa: D102  # a test's name is the fact that it states

import asyncio
from concurrent.futures import Future
from typing import Final
from uuid import UUID

import attrs
import pytest

from crm_core.engine import decisions
from crm_core.engine.changes import Changes
from crm_core.engine.receipts import Document
from crm_core.errors import (
    InUseError,
    InvalidError,
    VersionConflictError,
)
from crm_core.input.readers import ReadContext
from crm_core.model.entities import Client
from crm_core.model.records import Key
from crm_core.resources import (
    CLIENTS,
    COHORTS,
    ENROLLMENTS,
    LEADS,
    PIPELINES,
    RESOURCES,
    SERVICES,
    TRANSFER_REQUESTS,
    Resource,
)
from crm_core.rules.needs import ACTIVE_USER, Known, Needs, Search, Steps
from crm_core.rules.tasks_and_notes import add_note
from crm_core.testing.pairs import DISABLED_USER, USERS
from crm_core.testing.scene import Facts, Scene, at_once, deciding, fact, new_clients, put, writing
from crm_core.use_cases import records
from crm_core.use_cases.callers import new_id

_A_USER: Final = Key("user", USERS[0])
_STAGES: Final = [{"name": "A", "order": 1}, {"name": "B", "order": 2}]
_NO_USERS: Final = [Key("user", 0), Key("user", -1), Key("user", 2**31), Key("user", 2**63 - 1), Key("user", 10**30)]


class DecisionFacts(Facts):
    """Needs, what is known, and the changes that follow."""

    @fact
    async def test_a_commit_that_fails_half_way_leaves_nothing_behind(self, scene: Scene) -> None:
        first, second = (
            Client(id=new_id(), name=name, attributes={}, created_at=scene.who.now, created_by=None)
            for name in ("first", "second")
        )
        unencodable = attrs.evolve(second, attributes={"text": object()})
        writes = (put(scene.who, None, first), put(scene.who, None, unencodable))
        with pytest.raises(Exception):  # noqa: B017, PT011  # whatever the encoder raises
            await scene.db.change(deciding(Changes(writes=writes, answer=Key("client", first.id))))

        assert [await scene.db.get(Key("client", client.id)) for client in (first, second)] == [None, None]
        assert not await scene.db.history(Key("client", first.id))

    @fact
    async def test_what_decide_raises_passes_through_and_leaves_nothing_behind(self, scene: Scene) -> None:
        class MyError(Exception):
            pass

        id_ = await scene.create(CLIENTS, name="a")

        def decide() -> Steps[Changes]:
            yield Needs(records=frozenset({Key("client", id_)}))
            raise MyError

        with pytest.raises(MyError):
            await scene.db.change(decide)
        with pytest.raises(InvalidError):
            await scene.patch(CLIENTS, id_, name="", list_of_images=["http://example.com"])
        assert await scene.version(CLIENTS, id_) == 1
        assert await scene.found(CLIENTS) == [id_]

    @fact
    async def test_a_decision_may_ask_for_more_step_by_step_and_then_knows_it_all(self, scene: Scene) -> None:
        keys = [Key("client", await scene.create(CLIENTS, name=name)) for name in "abc"]
        seen: list[Known] = []

        def decide() -> Steps[Changes]:
            for key in keys:
                known = yield Needs(records=frozenset({key}))
                seen.append(known)
            return Changes(answer=keys[0])

        document = await scene.db.change(decide)

        assert document == await scene.db.get(keys[0])
        assert [list(known.records) for known in seen[-3:]] == [keys[:1], keys[:2], keys]
        assert all(record is not None for record in seen[-1].records.values())

    @fact
    async def test_a_decision_without_an_answer_gives_none(self, scene: Scene) -> None:
        assert await scene.db.change(deciding(Changes())) is None

    @fact
    async def test_many_records_are_written_at_once_in_one_order(self, scene: Scene) -> None:
        clients = new_clients(200, scene.who)
        await scene.db.change(writing(*clients))

        assert await scene.found(CLIENTS) == [put.key.id for put in reversed(clients)]

    @fact
    async def test_a_change_that_comes_in_between_is_not_overwritten(self, scene: Scene) -> None:
        """The other change starts once the store has read; so what was known is old at the commit."""
        id_ = await scene.create(CLIENTS, name="a")
        loop = asyncio.get_running_loop()  # the store may decide in another thread
        others: list[Future[Document]] = []
        who, edit = scene.who, add_note({"note": "n"}, ReadContext(new_id))

        def decide() -> Steps[Changes]:
            yield Needs(records=frozenset({Key("client", id_)}))
            if not others:
                others.append(asyncio.run_coroutine_threadsafe(scene.patch(CLIENTS, id_, name="b"), loop))
            return (yield from decisions.change(CLIENTS, who, Key("client", id_), edit, None, None))

        await scene.db.change(decide)
        await asyncio.wrap_future(others[0])

        value = await scene.value(CLIENTS, id_)
        assert (value.name, len(value.list_of_notes)) == ("b", 1)
        assert await scene.version(CLIENTS, id_) == 3

    @fact
    async def test_a_change_of_what_was_read_before_another_change_keeps_both(self, scene: Scene) -> None:
        id_ = await scene.create(CLIENTS, name="old", list_of_tasks=[{"task": "old"}])
        key = Key("client", id_)
        who = attrs.evolve(scene.who, ahead={key: await scene.db.get(key)})
        await scene.patch(CLIENTS, id_, name="new")
        await records.patch(scene.db, who, CLIENTS, id_, {"list_of_tasks": [{"task": "new"}]})

        value = await scene.value(CLIENTS, id_)
        assert (value.name, [task.task for task in value.list_of_tasks]) == ("new", ["new"])
        assert await scene.version(CLIENTS, id_) == 3

    @fact
    async def test_references_tell_whether_records_and_users_exist(self, scene: Scene) -> None:
        client = Key("client", await scene.create(CLIENTS, name="a"))
        missing = {Key("client", new_id()), Key("lead", client.id), *_NO_USERS}
        missing |= {Key(ACTIVE_USER, key.id) for key in (*_NO_USERS, Key("user", DISABLED_USER))}
        there = {client, _A_USER, Key("user", DISABLED_USER), Key(ACTIVE_USER, USERS[0])}
        needs = Needs(references=frozenset({*there, *missing}))
        known = await scene.db.known(needs)

        assert dict(known.references) == dict.fromkeys(there, True) | dict.fromkeys(missing, False)
        assert not known.lacks(needs)

    @fact
    async def test_children_and_counts_are_the_records_with_the_wanted_values(self, scene: Scene) -> None:
        pipeline = await scene.create(PIPELINES, name="p")
        other = await scene.create(PIPELINES, name="q")
        made = [await scene.create(LEADS, name="l", pipeline=each) for each in (pipeline, other, None)]
        for lead, stage in zip(made, ("A", "B", "A"), strict=True):
            await self._put_stage(scene, lead, stage)
        expected = {
            Search("lead", (("pipeline", pipeline),)): made[:1],
            Search("lead", (("stage", "A"),)): [made[0], made[2]],
            Search("lead", (("stage", ("A", "B")),)): made,
            Search("lead", (("pipeline", (pipeline, other)), ("stage", "B"))): [made[1]],
            Search("lead", (("pipeline", pipeline), ("stage", ("B", "C")))): [],
            Search("lead", (("pipeline", None),)): made[2:],
            Search("lead", (("pipeline", (other, None)),)): made[1:],
            Search("lead", (("pipeline", None), ("stage", "B")), any_field=True): made[1:],
        }
        known = await scene.db.known(Needs(children=frozenset(expected), counts=frozenset(expected)))

        for search, ids in expected.items():
            assert {child.key.id: child.value.id for child in known.children[search]} == {id_: id_ for id_ in ids}
            assert known.counts[search] == len(ids)

    async def _put_stage(self, scene: Scene, lead: UUID, stage: str) -> None:
        """Put a lead into a stage that its pipeline does not have."""
        key = Key("lead", lead)

        def decide() -> Steps[Changes]:
            record = (yield Needs(records=frozenset({key}))).records[key]
            assert record is not None
            value = attrs.evolve(record.value, stage=stage)
            return Changes(writes=(put(scene.who, record, value),), answer=key)

        await scene.db.change(decide)

    @fact
    async def test_what_belongs_to_a_record_goes_with_it(self, scene: Scene) -> None:
        made = await scene.one_of_each()
        await scene.delete(SERVICES, made["service"])

        for name in ("service", "follow_up", "enrollment_detail", "transfer_request"):
            assert await scene.db.get(Key(name, made[name])) is None
        assert await scene.db.get(Key("enrollment", made["enrollment"])) is not None

    @fact
    async def test_what_others_refer_to_stays(self, scene: Scene) -> None:
        made = await scene.one_of_each()
        for name in ("client", "cohort", "pipeline"):
            with pytest.raises(InUseError):
                await scene.delete(RESOURCES[name], made[name])
            assert await scene.version(RESOURCES[name], made[name]) == 1

    @fact
    async def test_a_renamed_stage_takes_its_leads_along(self, scene: Scene) -> None:
        made = await scene.one_of_each()
        elsewhere = await scene.create(LEADS, name="l", stage="A")
        a, b = (await scene.value(PIPELINES, made["pipeline"])).stages
        swapped = [{"id": str(a.id), "name": "B"}, {"id": str(b.id), "name": "A"}]
        await scene.patch(PIPELINES, made["pipeline"], stages=swapped)

        assert (await scene.value(LEADS, made["lead"])).stage == "B"
        assert await scene.found(LEADS, stage="B") == [made["lead"]]
        assert await scene.version(LEADS, made["lead"]) == 2
        assert await scene.version(LEADS, elsewhere) == 1

    @fact
    async def test_a_rename_moves_exactly_the_leads_that_were_in_the_stage(self, scene: Scene) -> None:
        """A lead whose stage is gone stays out of what happens to another stage that gets its name."""
        pipeline = await scene.create(PIPELINES, name="p", stages=_STAGES)
        orphan = await scene.create(LEADS, name="orphan", pipeline=pipeline, stage="A")
        moving = await scene.create(LEADS, name="moving", pipeline=pipeline, stage="B")
        moved = await scene.create(LEADS, name="moved", pipeline=pipeline, stage="A")
        await scene.patch(LEADS, moved, stage="B")
        _, b = (await scene.value(PIPELINES, pipeline)).stages
        await scene.patch(PIPELINES, pipeline, stages=[{"id": str(b.id), "name": "B"}])
        for name in ("A", "B", "C"):
            await scene.patch(PIPELINES, pipeline, stages=[{"id": str(b.id), "name": name}])
            late = await scene.create(LEADS, name="late", pipeline=pipeline)

            for lead in (moving, moved, late):
                assert (await scene.value(LEADS, lead)).stage == name
            assert (await scene.value(LEADS, orphan)).stage == "A"
            assert await scene.version(LEADS, orphan) == 1

    @fact
    async def test_a_stage_without_an_id_is_the_stage_of_its_name(self, scene: Scene) -> None:
        pipeline = await scene.create(PIPELINES, name="p", stages=_STAGES)
        before = (await scene.value(PIPELINES, pipeline)).stages
        shown = await scene.patch(PIPELINES, pipeline, stages=_STAGES)
        lead = await scene.create(LEADS, name="l", pipeline=pipeline, stage="B")
        await scene.patch(PIPELINES, pipeline, stages=[{"name": "A"}, {"id": str(before[1].id), "name": "Won"}])

        assert shown.version == 1
        assert (await scene.value(LEADS, lead)).stage == "Won"

    @fact
    async def test_a_disabled_user_cannot_be_newly_referred_to(self, scene: Scene) -> None:
        cohort = await scene.create(COHORTS, name_cohort="c")
        for resource, field, values in (
            (LEADS, "responsible", {"name": "l"}),
            (COHORTS, "instructor", {"name_cohort": "c"}),
            (ENROLLMENTS, "instructor", {"pathway_name": "p", "cohort": cohort}),
        ):
            with pytest.raises(InvalidError, match=f'Invalid pk "{DISABLED_USER}" - object does not exist.'):
                await scene.create(resource, **values, **{field: DISABLED_USER})
            id_ = await scene.create(resource, **values, **{field: USERS[0]})
            with pytest.raises(InvalidError):
                await scene.patch(resource, id_, **{field: DISABLED_USER})
            await self._refer(scene, resource, id_, field)

            assert (await scene.patch(resource, id_, **{field: DISABLED_USER})).version == 2
            assert await scene.found(resource, **{field: str(DISABLED_USER)}) == [id_]

    async def _refer(self, scene: Scene, resource: Resource, id_: UUID, field: str) -> None:
        """Write a reference to the disabled user, as it was before they were disabled."""
        key = Key(resource.name, id_)

        def decide() -> Steps[Changes]:
            record = (yield Needs(records=frozenset({key}))).records[key]
            assert record is not None
            value = attrs.evolve(record.value, **{field: DISABLED_USER})
            return Changes(writes=(put(scene.who, record, value),), answer=key)

        await scene.db.change(decide)

    @fact
    async def test_a_renamed_student_is_renamed_in_transfer_requests(self, scene: Scene) -> None:
        made = await scene.one_of_each()
        await scene.patch(SERVICES, made["service"], name="renamed")

        assert (await scene.value(TRANSFER_REQUESTS, made["transfer_request"])).student_name == "renamed"
        assert await scene.version(TRANSFER_REQUESTS, made["transfer_request"]) == 2

    @fact
    async def test_a_change_may_expect_a_version_and_is_told_what_others_changed(self, scene: Scene) -> None:
        id_ = await scene.create(CLIENTS, name="a")
        await scene.patch(CLIENTS, id_, name="b")
        await scene.patch(CLIENTS, id_, list_of_notes=[{"note": "n"}])

        for versions, fields in (({1}, ["list_of_notes", "name"]), ({2, 1}, ["list_of_notes"]), ({9}, []), (set(), [])):
            expected = frozenset(versions)
            with pytest.raises(VersionConflictError) as caught:
                await records.patch(scene.db, scene.who, CLIENTS, id_, {"name": "c"}, expected=expected)
            assert (caught.value.version, list(caught.value.fields)) == (3, fields)
            with pytest.raises(VersionConflictError):
                await records.delete(scene.db, scene.who, CLIENTS, id_, expected=expected)
        changed = await records.patch(scene.db, scene.who, CLIENTS, id_, {"name": "c"}, expected=frozenset({3}))
        assert changed.version == 4
        await records.delete(scene.db, scene.who, CLIENTS, id_, expected=frozenset({4}))
        assert await scene.db.get(Key(CLIENTS.name, id_)) is None

    @fact
    async def test_of_many_who_expect_one_version_one_succeeds(self, scene: Scene) -> None:
        id_ = await scene.create(CLIENTS, name="a")
        changing = (
            records.patch(scene.db, scene.who, CLIENTS, id_, {"name": str(number)}, expected=frozenset({1}))
            for number in range(10)
        )
        results = await at_once(*changing)

        assert sum(isinstance(each, VersionConflictError) for each in results) == 9
        assert await scene.version(CLIENTS, id_) == 2
