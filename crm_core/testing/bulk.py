"""Tests of bulk requests: many operations in one commit."""

# ruff: noqa: D102  # a test's name is the fact that it states

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import attrs
import pytest

from crm_core.bulk.outcomes import Outcome
from crm_core.errors import (
    BulkRefusedError,
    IdempotencyKeyReusedError,
    InUseError,
    InvalidError,
    NotFoundError,
    VersionConflictError,
)
from crm_core.model.accounts import Idempotency
from crm_core.model.records import Key
from crm_core.resources import CLIENTS, ENROLLMENT_DETAILS, FOLLOW_UPS, LEADS, PIPELINES, SERVICES, Resource
from crm_core.testing.scene import Facts, Scene, at_once, fact
from crm_core.use_cases.bulk import bulk
from crm_core.use_cases.callers import new_id


class BulkFacts(Facts):
    """What a Database must show about bulk requests."""

    @fact
    async def test_a_bulk_creates_updates_and_deletes_in_one_commit(self, scene: Scene) -> None:
        changed, gone = [await scene.create(CLIENTS, name=name) for name in "ab"]
        made, *others = await _bulk(
            scene,
            CLIENTS,
            {"op": "create", "data": {"name": "c"}},
            {"op": "update", "id": str(changed), "data": {"name": "changed"}},
            {"op": "delete", "id": str(gone), "if_match": 1},
        )

        assert (made.kind, made.version) == ("created", 1)
        assert others == [Outcome("updated", changed, 2), Outcome("deleted", gone, 2)]
        assert await scene.found(CLIENTS) == [made.id, changed]
        assert (await scene.value(CLIENTS, changed)).name == "changed"

    @fact
    async def test_an_operation_can_refer_to_the_record_of_an_earlier_one(self, scene: Scene) -> None:
        client, service, follow_up = await _bulk(
            scene,
            CLIENTS,
            {"op": "create", "ref": "ann", "data": {"name": "Ann"}},
            {"op": "create", "resource": "services", "ref": "s", "data": {"name": "S", "client": {"ref": "ann"}}},
            {"op": "create", "resource": "follow-ups", "data": {"comment": "c", "service": {"ref": "s"}}},
        )

        assert client.id
        assert service.id
        assert follow_up.id
        assert (await scene.value(SERVICES, service.id)).client == client.id
        assert (await scene.value(FOLLOW_UPS, follow_up.id)).service == service.id

    @fact
    async def test_a_bulk_with_a_refused_operation_has_no_effect_and_names_each_of_them(self, scene: Scene) -> None:
        id_ = await scene.create(CLIENTS, name="a")
        with pytest.raises(BulkRefusedError) as caught:
            await _bulk(
                scene,
                CLIENTS,
                {"op": "update", "id": str(id_), "data": {"name": "b"}},
                {"op": "create", "data": {"name": ""}},
                {"op": "delete", "id": str(new_id())},
            )

        assert {index: type(error) for index, error in caught.value.errors.items()} == {
            1: InvalidError,
            2: NotFoundError,
        }
        assert await scene.version(CLIENTS, id_) == 1
        assert await scene.found(CLIENTS) == [id_]

    @fact
    async def test_in_a_lenient_bulk_the_other_operations_count(self, scene: Scene) -> None:
        made = await scene.one_of_each()
        outcomes = await _bulk(
            scene,
            CLIENTS,
            {"op": "create", "ref": "x", "data": {"name": ""}},
            {"op": "create", "resource": "services", "data": {"name": "s", "client": {"ref": "x"}}},
            {"op": "delete", "id": str(made["client"])},
            {"op": "update", "resource": "leads", "id": str(made["lead"]), "data": {"name": "b"}, "if_match": 9},
            {"op": "create", "data": {"name": "c"}},
            lenient=True,
        )

        errors = [type(outcome.error) for outcome in outcomes]
        assert errors == [InvalidError, InvalidError, InUseError, VersionConflictError, type(None)]
        assert [outcome.kind for outcome in outcomes] == ["refused"] * 4 + ["created"]
        assert (await scene.found(CLIENTS))[0] == outcomes[4].id
        assert await scene.version(LEADS, made["lead"]) == 1

    @fact
    async def test_a_text_that_cannot_be_stored_refuses_its_own_operation_alone(self, scene: Scene) -> None:
        refused, made = await _bulk(
            scene,
            CLIENTS,
            {"op": "create", "data": {"name": "a\x00"}},
            {"op": "create", "data": {"name": "b"}},
            lenient=True,
        )

        assert isinstance(refused.error, InvalidError)
        assert str(refused.error) == "name: Null characters are not allowed."
        assert await scene.found(CLIENTS) == [made.id]

    @fact
    async def test_operations_see_what_earlier_ones_of_the_same_bulk_did(self, scene: Scene) -> None:
        made = await scene.one_of_each()
        pair = {"enrollment": str(made["enrollment"]), "student": str(made["service"])}
        detail = str(made["enrollment_detail"])
        outcomes = await _bulk(
            scene,
            ENROLLMENT_DETAILS,
            {"op": "create", "data": pair},
            {"op": "delete", "id": detail},
            {"op": "create", "data": pair},
            {"op": "create", "data": pair},
            lenient=True,
        )

        assert [outcome.kind for outcome in outcomes] == ["refused", "deleted", "created", "refused"]
        assert await scene.found(ENROLLMENT_DETAILS) == [outcomes[2].id]

    @fact
    async def test_a_pair_can_go_from_record_to_record_in_one_bulk(self, scene: Scene) -> None:
        made = await scene.one_of_each()
        students = [made["service"]]
        students += [await scene.create(SERVICES, name="s", client=made["client"]) for _ in range(2)]
        details = [made["enrollment_detail"]]
        details += [await scene.create(ENROLLMENT_DETAILS, enrollment=made["enrollment"], student=students[1])]
        outcomes = await _bulk(
            scene,
            ENROLLMENT_DETAILS,
            {"op": "update", "id": str(details[1]), "data": {"student": str(students[2])}},
            {"op": "update", "id": str(details[0]), "data": {"student": str(students[1])}},
        )

        assert [outcome.version for outcome in outcomes] == [2, 2]
        assert [(await scene.value(ENROLLMENT_DETAILS, id_)).student for id_ in details] == students[1:]

    @fact
    async def test_a_record_that_follows_and_is_changed_itself_has_both_changes(self, scene: Scene) -> None:
        made = await scene.one_of_each()
        a, b = (await scene.value(PIPELINES, made["pipeline"])).stages
        stages = [{"id": str(a.id), "name": "Won"}, {"id": str(b.id), "name": "B"}]
        lead = str(made["lead"])
        outcomes = await _bulk(
            scene,
            LEADS,
            {"op": "update", "id": lead, "data": {"name": "moved"}},
            {"op": "update", "resource": "pipelines", "id": str(made["pipeline"]), "data": {"stages": stages}},
            {"op": "create", "data": {"name": "late", "pipeline": str(made["pipeline"])}},
        )

        value = await scene.value(LEADS, made["lead"])
        assert (value.name, value.stage) == ("moved", "Won")
        assert await scene.version(LEADS, made["lead"]) == 3
        assert outcomes[2].id
        assert (await scene.value(LEADS, outcomes[2].id)).stage == "Won"

    @fact
    async def test_students_go_with_all_that_belongs_to_them_in_one_bulk(self, scene: Scene) -> None:
        made = [await scene.one_of_each() for _ in range(1)]
        more = [await scene.create(SERVICES, name="s", client=made[0]["client"]) for _ in range(30)]
        follow_ups = [await scene.create(FOLLOW_UPS, service, comment="c") for service in more]
        outcomes = await _bulk(
            scene, SERVICES, *({"op": "delete", "id": str(id_)} for id_ in (made[0]["service"], *more))
        )

        assert {outcome.kind for outcome in outcomes} == {"deleted"}
        assert await scene.found(SERVICES) == []
        for key in (Key("transfer_request", made[0]["transfer_request"]), Key("follow_up", follow_ups[0])):
            assert await scene.db.get(key) is None

    @fact
    async def test_what_a_bulk_does_not_change_keeps_its_version(self, scene: Scene) -> None:
        id_ = await scene.create(CLIENTS, name="a")

        assert await _bulk(scene, CLIENTS, {"op": "update", "id": str(id_), "data": {"name": "a"}}) == [
            Outcome("unchanged", id_, 1)
        ]
        assert await _bulk(scene, CLIENTS) == []

    @fact
    async def test_a_bulk_that_comes_again_has_its_effect_once(self, scene: Scene) -> None:
        who = attrs.evolve(scene.who, idempotency=Idempotency("key", b"asked"))
        sent = {"operations": [{"op": "create", "data": {"name": name}} for name in ("a", "", "b")]}
        sent["operations"].append({"op": "delete", "id": str(new_id())})
        first = await bulk(scene.db, who, CLIENTS, sent, lenient=True)
        again = await bulk(scene.db, who, CLIENTS, sent, lenient=True)

        assert again.is_replayed
        assert not first.is_replayed
        assert [_shown(each) for each in again.outcomes] == [_shown(each) for each in first.outcomes]
        assert len(await scene.found(CLIENTS)) == 2
        other = attrs.evolve(who, idempotency=Idempotency("key", b"something else"))
        with pytest.raises(IdempotencyKeyReusedError):
            await bulk(scene.db, other, CLIENTS, sent)

    @fact
    async def test_bulks_of_the_same_records_in_any_order_both_succeed(self, scene: Scene) -> None:
        ids = [await scene.create(CLIENTS, name="a") for _ in range(40)]
        named = [[{"op": "update", "id": str(id_), "data": {"name": name}} for id_ in ids] for name in "bc"]
        results = await at_once(_bulk(scene, CLIENTS, *named[0]), _bulk(scene, CLIENTS, *reversed(named[1])))

        assert all(isinstance(result, list) for result in results)
        assert {await scene.version(CLIENTS, id_) for id_ in ids} == {3}
        assert len({(await scene.value(CLIENTS, id_)).name for id_ in ids}) == 1

    @fact
    async def test_changes_beside_a_bulk_are_not_lost(self, scene: Scene) -> None:
        ids = [await scene.create(CLIENTS, name="a") for _ in range(10)]
        sent = [{"op": "update", "id": str(id_), "data": {"name": "b"}} for id_ in ids]
        notes = (scene.patch(CLIENTS, id_, list_of_notes=[{"note": "n"}]) for id_ in ids)
        await at_once(_bulk(scene, CLIENTS, *sent), *notes)

        values = [await scene.value(CLIENTS, id_) for id_ in ids]
        assert {(value.name, len(value.list_of_notes)) for value in values} == {("b", 1)}


async def _bulk(
    scene: Scene, resource: Resource, *operations: Mapping[str, Any], lenient: bool = False
) -> Sequence[Outcome]:
    answer = await bulk(scene.db, scene.who, resource, {"operations": list(operations)}, lenient=lenient)
    return list(answer.outcomes)


def _shown(outcome: Outcome) -> tuple[str, UUID | None, int | None, str]:
    return outcome.kind, outcome.id, outcome.version, str(outcome.error)
