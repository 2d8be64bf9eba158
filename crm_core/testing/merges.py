"""Tests of merges: nothing that the merged records have is lost, and each of them can become its own again."""

# ruff: noqa: D102  # a test's name is the fact that it states

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import attrs
import pytest

from crm_core.engine.receipts import Document
from crm_core.errors import ErasedError, InvalidError, MergedError, NotFoundError, RestoreRefusedError
from crm_core.model.accounts import Idempotency
from crm_core.model.plain_values import json_text, plain
from crm_core.model.records import Key
from crm_core.resources import (
    ATTRIBUTES,
    CLIENTS,
    COHORTS,
    ENROLLMENT_DETAILS,
    ENROLLMENTS,
    FOLLOW_UPS,
    LEADS,
    PIPELINES,
    SERVICES,
    TRANSFER_REQUESTS,
    Resource,
)
from crm_core.testing.scene import Facts, Scene, at_once, fact
from crm_core.testing.uniqueness import unique_state
from crm_core.use_cases import erasures, history, merges, records, restorations
from crm_core.use_cases.erasures import ErasureTarget
from crm_core.use_cases.restorations import Target


class MergeFacts(Facts):
    """Merges of records."""

    @fact
    async def test_what_belongs_to_the_losers_belongs_to_the_winner(self, scene: Scene) -> None:
        winner = await scene.create(
            CLIENTS, name="Acme", list_of_tasks=[{"task": "a"}], list_of_images=["/files/a.png"]
        )
        loser = await scene.create(
            CLIENTS, name="Acme Ltd", list_of_notes=[{"note": "b"}], list_of_images=["/files/b.png"]
        )
        other = await scene.create(CLIENTS, name="ACME", list_of_tasks=[{"task": "c"}], list_of_images=["/files/a.png"])
        service = await scene.create(SERVICES, name="s", client=loser)
        lead = await scene.create(LEADS, name="l", possible_client=other)
        await _merge(scene, CLIENTS, winner, loser, other)

        value = await scene.value(CLIENTS, winner)
        assert value.name == "Acme"
        assert [task.task for task in value.list_of_tasks] == ["a", "c"]
        assert [(note.note, note.user_name) for note in value.list_of_notes] == [("b", "tester")]
        assert value.list_of_images == ("/files/a.png", "/files/b.png")
        assert (await scene.value(SERVICES, service)).client == winner
        assert (await scene.value(LEADS, lead)).possible_client == winner
        assert await scene.record(CLIENTS, loser) is await scene.record(CLIENTS, other) is None

    @fact
    async def test_the_history_tells_what_was_merged(self, scene: Scene) -> None:
        winner, loser = [await scene.create(LEADS, name=name) for name in "ab"]
        client, twin = [await scene.create(CLIENTS, name=name) for name in "cd"]
        service = await scene.create(SERVICES, name="s", client=twin)
        await _merge(scene, LEADS, winner, loser)
        await _merge(scene, CLIENTS, client, twin, take={"name": twin})

        assert await _latest(scene, LEADS, winner) == ("updated", 2, {"merged_from": [str(loser)], "taken": {}})
        followed = {"resource": "lead", "record": str(winner), "version": 2}
        assert await _latest(scene, LEADS, loser) == ("deleted", 2, {"merged_into": str(winner), **followed})
        cause = {"merged_from": [str(twin)], "taken": {"name": str(twin)}}
        assert await _latest(scene, CLIENTS, client) == ("updated", 2, cause)
        followed = {"resource": "client", "record": str(client), "version": 2}
        assert await _latest(scene, SERVICES, service) == ("updated", 2, followed)

    @fact
    async def test_a_winner_takes_what_it_lacks_and_what_it_is_told_to(self, scene: Scene) -> None:
        for name in ("city", "size", "plan"):
            await scene.create(ATTRIBUTES, "lead", name=name, label=name, type="text")
        sales = await scene.create(PIPELINES, name="p", stages=[{"name": "A"}, {"name": "B"}])
        winner = await scene.create(LEADS, name="a", attributes={"city": "Bonn", "size": "S"})
        loser = await scene.create(LEADS, name="b", pipeline=sales, stage="B", attributes={"size": "L", "plan": "x"})
        other = await scene.create(LEADS, name="c", stage="Q", responsible=1, attributes={"plan": "y"})
        take = {"name": other, "attributes.size": loser, "attributes.city": other}
        await _merge(scene, LEADS, winner, loser, other, take=take)

        value = await scene.value(LEADS, winner)
        assert (value.name, value.pipeline, value.stage, value.responsible) == ("c", sales, "B", 1)
        assert value.attributes == {"size": "L", "plan": "x"}

    @fact
    async def test_rules_hold_in_a_merge(self, scene: Scene) -> None:
        one, two = [await scene.create(PIPELINES, name=name, stages=[{"name": name}]) for name in "AB"]
        winner, loser = (
            await scene.create(LEADS, name="a", pipeline=one),
            await scene.create(LEADS, name="b", pipeline=two),
        )
        assert await _problems(scene, LEADS, winner, [loser], {"stage": loser}) == {"stage"}
        await scene.create(ATTRIBUTES, "lead", name="plan", label="p", type="text", is_required=True)
        await scene.create(ATTRIBUTES, "lead", name="city", label="c", type="text")
        rich = await scene.create(LEADS, name="c", attributes={"plan": "x", "city": "Bonn"})
        assert await _problems(scene, LEADS, winner, [rich], {"attributes.plan": winner}) == {"attributes"}
        assert [await scene.version(LEADS, each) for each in (winner, loser, rich)] == [1, 1, 1]

    @fact
    async def test_a_winner_can_take_a_unique_value_of_a_loser(self, scene: Scene) -> None:
        await scene.create(ATTRIBUTES, "client", name="email", label="e", type="text", is_unique=True)
        winner = await scene.create(CLIENTS, name="a", attributes={"email": "a@example.com"})
        loser = await scene.create(CLIENTS, name="b", attributes={"email": "b@example.com"})
        third = await scene.create(CLIENTS, name="c", attributes={"email": "c@example.com"})
        await _merge(scene, CLIENTS, winner, loser, take={"attributes.email": loser})
        await scene.create(CLIENTS, name="d", attributes={"email": "a@example.com"})

        assert (await scene.value(CLIENTS, winner)).attributes == {"email": "b@example.com"}
        assert (await scene.value(CLIENTS, third)).attributes == {"email": "c@example.com"}
        with pytest.raises(RestoreRefusedError) as caught:
            await _restore(scene, CLIENTS, loser)
        assert set(_member(caught.value.reasons, "winner")) == {"attributes"}
        with pytest.raises(RestoreRefusedError):  # the winner keeps the value, so the loser cannot have it
            await _restore(scene, CLIENTS, loser, partly=True)

    @fact
    async def test_a_loser_comes_back_with_a_unique_value_before_what_refers_to_it(self, scene: Scene) -> None:
        unique = await scene.create(ATTRIBUTES, "service", name="key", label="K", type="text", is_unique=True)
        await unique_state(scene, unique)
        client = await scene.create(CLIENTS, name="c")
        winner, loser = [
            await scene.create(SERVICES, name=name, client=client, attributes={"key": name}) for name in "ab"
        ]
        visit = await scene.create(FOLLOW_UPS, loser, comment="v")
        await _merge(scene, SERVICES, winner, loser, take={"attributes.key": loser})
        await _restore(scene, SERVICES, loser)

        keys = [(await scene.value(SERVICES, each)).attributes["key"] for each in (winner, loser)]
        assert keys == ["a", "b"]
        assert (await scene.value(FOLLOW_UPS, visit)).service == loser

    @fact
    async def test_a_student_is_once_in_an_enrollment_after_a_merge(self, scene: Scene) -> None:
        client, cohort = await scene.create(CLIENTS, name="c"), await scene.create(COHORTS, name_cohort="c")
        winner, loser = [await scene.create(SERVICES, name=name, client=client) for name in "ab"]
        both, own = [await scene.create(ENROLLMENTS, cohort=cohort, pathway_name=name) for name in "pq"]
        await scene.create(ENROLLMENT_DETAILS, enrollment=both, student=winner)
        twin = await scene.create(ENROLLMENT_DETAILS, enrollment=both, student=loser)
        moved = await scene.create(ENROLLMENT_DETAILS, enrollment=own, student=loser)
        visit = await scene.create(FOLLOW_UPS, loser, comment="v")
        transfer = await scene.create(TRANSFER_REQUESTS, student=loser, cohort_request="x")
        await _merge(scene, SERVICES, winner, loser, take={"name": loser})

        assert await scene.record(ENROLLMENT_DETAILS, twin) is None
        assert (await scene.value(ENROLLMENT_DETAILS, moved)).student == winner
        assert (await scene.value(FOLLOW_UPS, visit)).service == winner
        request = await scene.value(TRANSFER_REQUESTS, transfer)
        assert (request.student, request.student_name) == (winner, "b")
        await _restore(scene, SERVICES, loser)
        assert (await scene.value(SERVICES, winner)).name == "a"
        for resource, id_ in ((ENROLLMENT_DETAILS, twin), (ENROLLMENT_DETAILS, moved), (TRANSFER_REQUESTS, transfer)):
            assert (await scene.value(resource, id_)).student == loser
        assert (await scene.value(FOLLOW_UPS, visit)).service == loser
        assert (await scene.value(TRANSFER_REQUESTS, transfer)).student_name == "b"

    @fact
    async def test_a_dry_run_of_a_merge_names_all_changes_and_makes_none(self, scene: Scene) -> None:
        winner, loser = [await scene.create(CLIENTS, name=name) for name in "ab"]
        service = await scene.create(SERVICES, name="s", client=loser)
        body = {"from": [str(loser)], "take": {"name": str(loser)}}
        entries = await merges.merge_dry_run(scene.db, scene.who, CLIENTS, winner, body)

        assert [(each["record"], each["kind"]) for each in entries] == [
            (str(winner), "updated"),
            (str(service), "updated"),
            (str(loser), "deleted"),
        ]
        assert [await scene.version(CLIENTS, each) for each in (winner, loser)] == [1, 1]
        assert await scene.version(SERVICES, service) == 1

    @fact
    async def test_what_cannot_be_merged_is_refused(self, scene: Scene) -> None:
        winner, loser = [await scene.create(CLIENTS, name=name) for name in "ab"]
        lead = await scene.create(LEADS, name="l")
        for losers in ([], [winner], [loser, loser], [lead], [loser] * 21):
            assert await _problems(scene, CLIENTS, winner, losers, {}) == {"from"}
        for take in (
            *({"name": lead}, {"list_of_tasks": loser}, {"attributes": loser}, {"nothing": loser}),
            {"attributes.nothing": loser},
        ):
            assert await _problems(scene, CLIENTS, winner, [loser], take) == {"take"}
        with pytest.raises(NotFoundError):
            await _merge(scene, CLIENTS, lead, loser)
        await scene.create(ATTRIBUTES, "client", name="x", label="x", type="text")
        assert await _problems(scene, CLIENTS, winner, [loser], {"attributes.x": loser}) == set()

    @fact
    async def test_a_merged_record_is_found_as_the_last_winner(self, scene: Scene) -> None:
        one, two, three, four = [await scene.create(LEADS, name=name) for name in "abcd"]
        await _merge(scene, LEADS, two, one)
        await _merge(scene, LEADS, three, two)

        for id_ in (one, two):
            with pytest.raises(MergedError) as caught:
                await records.get(scene.db, scene.who, LEADS, id_)
            assert (caught.value.winner, caught.value.path) == (three, "leads")
        await _restore(scene, LEADS, two)
        assert (await records.get(scene.db, scene.who, LEADS, two)).version == 4
        await scene.delete(LEADS, three)
        await scene.delete(LEADS, two)
        for id_ in (one, two, three, UUID(int=4)):
            with pytest.raises(NotFoundError):
                await records.get(scene.db, scene.who, LEADS, id_)
        assert await scene.version(LEADS, four) == 1

    @fact
    async def test_a_merge_is_undone_by_restoring_the_loser(self, scene: Scene) -> None:
        task, note = {"task": "t", "date": "2026-01-31"}, {"note": "n"}
        winner = await scene.create(CLIENTS, name="a", list_of_tasks=[task], list_of_images=["/files/a.png"])
        loser = await scene.create(CLIENTS, name="b", list_of_tasks=[task], list_of_notes=[note])
        third = await scene.create(CLIENTS, name="c", list_of_notes=[note], list_of_images=["/files/c.png"])
        services = [await scene.create(SERVICES, name="s", client=each) for each in (winner, loser, third)]
        before = [await scene.value(CLIENTS, each) for each in (winner, loser, third)]
        await _merge(scene, CLIENTS, winner, loser, third, take={"name": third})
        await _restore(scene, CLIENTS, loser)
        await _restore(scene, CLIENTS, third)

        after = [await scene.value(CLIENTS, each) for each in (winner, loser, third)]
        assert [_unstamped(each) for each in after] == [_unstamped(each) for each in before]
        owners = [(await scene.value(SERVICES, each)).client for each in services]
        assert owners == [winner, loser, third]
        latest = await _latest(scene, CLIENTS, winner)
        followed = {"resource": "client", "record": str(third), "version": 3}
        assert latest == ("updated", 4, {"unmerged": str(third), **followed})
        await _merge(scene, CLIENTS, winner, loser)
        assert [each.task for each in (await scene.value(CLIENTS, winner)).list_of_tasks] == ["t", "t"]

    @fact
    async def test_what_cannot_go_back_is_named_and_can_be_left(self, scene: Scene) -> None:
        winner = await scene.create(CLIENTS, name="a")
        loser = await scene.create(CLIENTS, name="b", list_of_tasks=[{"task": "t"}], list_of_notes=[{"note": "n"}])
        another = await scene.create(CLIENTS, name="c")
        moved, kept = [await scene.create(SERVICES, name="s", client=loser) for _ in range(2)]
        await _merge(scene, CLIENTS, winner, loser, take={"name": loser})
        [task] = (await scene.value(CLIENTS, winner)).list_of_tasks
        tasks = [{"id": str(task.id), "task": "t", "completed": True}]
        await scene.patch(CLIENTS, winner, name="New", list_of_tasks=tasks)
        await scene.patch(SERVICES, moved, client=str(another))
        with pytest.raises(RestoreRefusedError) as caught:
            await _restore(scene, CLIENTS, loser)
        assert set(_member(caught.value.reasons, "winner")) == {"name", "list_of_tasks"}
        assert set(_member(caught.value.reasons, "moved")) == {str(moved)}
        await _restore(scene, CLIENTS, loser, partly=True)

        value = await scene.value(CLIENTS, winner)
        assert (value.name, [each.completed for each in value.list_of_tasks], value.list_of_notes) == (
            "New",
            [True],
            (),
        )
        value = await scene.value(CLIENTS, loser)
        assert (value.name, [each.completed for each in value.list_of_tasks]) == ("b", [False])
        assert [(await scene.value(SERVICES, each)).client for each in (moved, kept)] == [another, loser]

    @fact
    async def test_a_loser_whose_winner_is_gone_comes_back_alone(self, scene: Scene) -> None:
        one, two, three = [await scene.create(CLIENTS, name=name) for name in "abc"]
        service = await scene.create(SERVICES, name="s", client=one)
        await _merge(scene, CLIENTS, two, one)
        await _merge(scene, CLIENTS, three, two)
        with pytest.raises(RestoreRefusedError) as caught:
            await _restore(scene, CLIENTS, one)
        assert set(caught.value.reasons) == {"winner"}
        await _restore(scene, CLIENTS, one, partly=True)
        assert (await scene.value(CLIENTS, one)).name == "a"
        assert (await scene.value(SERVICES, service)).client == three
        with pytest.raises(InvalidError):
            await restorations.restore(scene.db, scene.who, Target(CLIENTS, three, 1), {"partly": True})

    @fact
    async def test_an_erasure_forgets_what_was_merged_into_the_record(self, scene: Scene) -> None:
        one, two, winner = [await scene.create(LEADS, name=f"Lovelace {name}") for name in "abc"]
        await _merge(scene, LEADS, two, one, take={"name": one})
        await _merge(scene, LEADS, winner, two)
        report = await erasures.erase(scene.db, None, scene.who, ErasureTarget(LEADS, winner))

        assert {each.record for each in report.records} == {one, two, winner}
        for id_ in (one, two, winner):
            events = await scene.db.history(Key("lead", id_))
            assert "Lovelace" not in json_text(plain([event.changes for event in events]))
            with pytest.raises(ErasedError):
                await history.version(scene.db, scene.who, LEADS, id_, 1)
            with pytest.raises(NotFoundError):
                await records.get(scene.db, scene.who, LEADS, id_)

    @fact
    async def test_of_merges_at_once_each_loses_nothing(self, scene: Scene) -> None:
        one, two = [await scene.create(CLIENTS, name=name) for name in "ab"]
        service = await scene.create(SERVICES, name="s", client=two)
        outcomes = await at_once(
            _merge(scene, CLIENTS, one, two),
            _merge(scene, CLIENTS, two, one),
            scene.create(SERVICES, name="t", client=two),
            scene.patch(SERVICES, service, name="u"),
        )
        left = [each for each in (one, two) if await scene.record(CLIENTS, each)]

        assert len(left) == 1
        assert sum(isinstance(each, Document) for each in outcomes[:2]) == 1
        for id_ in await scene.found(SERVICES):
            assert (await scene.value(SERVICES, id_)).client == left[0]
        assert (await scene.value(SERVICES, service)).name == "u"

    @fact
    async def test_a_repeated_merge_is_answered_as_the_first(self, scene: Scene) -> None:
        winner, loser = [await scene.create(LEADS, name=name) for name in "ab"]
        who = attrs.evolve(scene.who, idempotency=Idempotency("key", b"asked"))
        first = await merges.merge(scene.db, who, LEADS, winner, {"from": [str(loser)]})
        await scene.patch(LEADS, winner, name="c")
        again = await merges.merge(scene.db, who, LEADS, winner, {"from": [str(loser)]})

        assert again == first._replace(is_replayed=True)
        assert await scene.version(LEADS, winner) == 3


async def _merge(
    scene: Scene, resource: Resource, winner: UUID, *losers: UUID, take: Mapping[str, UUID] | None = None
) -> Document:
    return await merges.merge(scene.db, scene.who, resource, winner, _body(losers, take or {}))


def _body(losers: Sequence[UUID], take: Mapping[str, UUID]) -> Mapping[str, object]:
    body: Any = plain({"from": losers, "take": take})
    return dict(body)


async def _problems(
    scene: Scene, resource: Resource, winner: UUID, losers: Sequence[UUID], take: Mapping[str, UUID]
) -> set[str]:
    """Return the fields with problems of a merge; none if it succeeds."""
    try:
        await merges.merge(scene.db, scene.who, resource, winner, _body(losers, take))
    except InvalidError as error:
        return set(error.problems)
    return set()


async def _restore(scene: Scene, resource: Resource, loser: UUID, **body: object) -> None:
    """Restore the version of a loser before the merge."""
    [deletion] = await scene.db.history(Key(resource.name, loser), limit=1)
    target = Target(resource, loser, deletion.version - 1)
    await restorations.restore(scene.db, scene.who, target, body)


async def _latest(scene: Scene, resource: Resource, id_: UUID) -> tuple[str, int, Mapping[str, object]]:
    [event] = await scene.db.history(Key(resource.name, id_), limit=1)
    return event.kind, event.version, event.cause


def _unstamped(value: Any) -> object:
    return attrs.evolve(value, updated_at=None, updated_by=None)


def _member(reasons: Mapping[str, Any], name: str) -> Mapping[str, object]:
    member: Mapping[str, object] = reasons[name]
    return member
