"""Tests of upserts in bulk requests: each finds its record by the value of a unique attribute (decision 114)."""

# ruff: noqa: D102  # a test's name is the fact that it states

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import attrs
import pytest

from crm_core.bulk.outcomes import Outcome
from crm_core.errors import BulkRefusedError, CrmError, PermissionDeniedError
from crm_core.model.accounts import Actor, Caller, Idempotency, User
from crm_core.resources import ATTRIBUTES, CLIENTS, FOLLOW_UPS, SERVICES
from crm_core.testing.pairs import USERS
from crm_core.testing.scene import Facts, Scene, at_once, fact
from crm_core.use_cases.bulk import BulkAnswer, bulk
from crm_core.use_cases.callers import caller, new_id

_REPEATED = "Another operation is about the same record."


class BulkUpsertFacts(Facts):
    """Upserts in bulk requests."""

    @fact
    async def test_an_upsert_in_bulk_creates_a_record_or_changes_the_one_that_has_the_value(self, scene: Scene) -> None:
        await _unique(scene)
        found = await _client(scene, "Ann@x", city="Ulm")
        new, changed = await _bulk(scene, _upsert("bob@x", name="Bob"), _upsert(" ANN@X", name="Anna"))

        assert (new.kind, changed) == ("created", Outcome("updated", found, 2))
        value = await scene.value(CLIENTS, found)
        assert (value.name, value.attributes) == ("Anna", {"key": "Ann@x", "city": "Ulm"})
        again = await _bulk(scene, _upsert("bob@x", name="Bob"))
        assert again == [Outcome("unchanged", new.id, 1)]

    @fact
    async def test_more_attributes_than_the_value_replace_those_of_the_record_as_in_an_update(
        self, scene: Scene
    ) -> None:
        await _unique(scene)
        found = await _client(scene, "a", city="Ulm")
        await _bulk(scene, _upsert("A", attributes={"city": "Bonn"}))

        assert (await scene.value(CLIENTS, found)).attributes == {"key": "A", "city": "Bonn"}

    @fact
    async def test_numbers_and_dates_find_records_as_they_are_compared(self, scene: Scene) -> None:
        await _unique(scene, name="number", type="number")
        await _unique(scene, name="day", type="date")
        first = await scene.create(CLIENTS, name="a", attributes={"number": 10, "day": "2026-02-01"})
        number = {"op": "upsert", "by": "number", "data": {"name": "b", "attributes": {"number": 10.0}}}
        day = {"op": "upsert", "by": "day", "data": {"name": "c", "attributes": {"day": "2026-02-01"}}}

        assert [await _bulk(scene, each) for each in (number, day)] == [
            [Outcome("updated", first, 2)],
            [Outcome("updated", first, 3)],
        ]

    @fact
    async def test_a_ref_of_an_upsert_is_the_record_that_it_found_or_created(self, scene: Scene) -> None:
        await _unique(scene)
        found = await _client(scene, "a")
        services = [
            {"op": "create", "resource": "services", "data": {"name": "s", "client": {"ref": ref}}} for ref in "xy"
        ]
        _, new, *made = await _bulk(
            scene, {**_upsert("a"), "ref": "x"}, {**_upsert("b", name="b"), "ref": "y"}, *services
        )

        assert [(await scene.value(SERVICES, each.id)).client for each in made if each.id] == [found, new.id]

    @fact
    async def test_two_operations_about_the_record_of_an_upsert_are_both_refused(self, scene: Scene) -> None:
        await _unique(scene)
        found = str(await _client(scene, "a"))
        cases: Sequence[tuple[Mapping[str, Any], Mapping[str, Any], str]] = (
            (_upsert("new", name="a"), _upsert(" NEW", name="b"), "by"),
            (_upsert("a", name="a"), _upsert("A", name="b"), "by"),
            ({"op": "create", "data": {"name": "n", "attributes": {"key": "new"}}}, _upsert("new"), "non_field_errors"),
            ({"op": "update", "id": found, "data": {"attributes": {"key": "b"}}}, _upsert("b"), "id"),
            ({"op": "merge", "id": found, "data": {"attributes": {"key": None}}}, _upsert("a"), "id"),
            ({"op": "delete", "id": found}, _upsert("a"), "id"),
        )
        for one, other, name in cases:
            refused = await _refused(scene, one, other)
            assert refused == {0: [_named(name, _REPEATED)], 1: [f"by: {_REPEATED}"]}
        assert await scene.found(CLIENTS) == [UUID(found)]

    @fact
    async def test_an_upsert_by_what_is_not_unique_or_without_a_value_is_refused(self, scene: Scene) -> None:
        await _unique(scene)
        await scene.create(ATTRIBUTES, "client", name="plain", label="p", type="text")
        await _unique(scene, name="number", type="number")
        unique = "This attribute is not unique. Those that are unique: key, number."
        required = "The value of this attribute is required in `attributes` of `data`."
        blank = "Records cannot be found by this value: it is blank or too long."
        cases: Sequence[tuple[str, Mapping[str, Any], str]] = (
            ("plain", {"attributes": {"plain": "x"}}, unique),
            ("none", {"attributes": {"none": "x"}}, unique),
            ("key", {"name": "a"}, required),
            ("key", {"name": "a", "attributes": None}, required),
            ("key", {"attributes": {"key": None}}, required),
            ("key", {"attributes": {"key": " \t"}}, blank),
            ("key", {"attributes": {"key": "x" * 201}}, blank),
            ("number", {"attributes": {"number": True}}, "A valid number is required."),
        )
        operations = [{"op": "upsert", "by": by, "data": data} for by, data, _ in cases]

        assert await _refused(scene, *operations) == {index: [f"by: {case[2]}"] for index, case in enumerate(cases)}

    @fact
    async def test_in_a_lenient_bulk_upserts_are_refused_one_by_one(self, scene: Scene) -> None:
        await _unique(scene)
        created, *refused = await _bulk(
            scene,
            _upsert("a", name="a"),
            _upsert("b"),
            _upsert("c", name=""),
            {**_upsert("d"), "by": "x"},
            lenient=True,
        )

        assert created.kind == "created"
        assert [str(each.error) for each in refused] == [
            "name: This field is required.",
            "name: This field may not be blank.",
            "by: This attribute is not unique. Those that are unique: key.",
        ]
        taken = {"op": "create", "data": {"name": "x", "attributes": {"key": "a"}}}
        assert [each.kind for each in await _bulk(scene, taken, _upsert("a", name="z"), lenient=True)] == [
            "refused",
            "updated",
        ]

    @fact
    async def test_follow_ups_are_found_inside_their_service(self, scene: Scene) -> None:
        await _unique(scene, entity="follow_up")
        client = str(await scene.create(CLIENTS, name="c"))
        ann, bob = [await scene.create(SERVICES, name=name, client=client) for name in ("ann", "bob")]
        found = {**_upsert("k", comment="c"), "resource": "follow-ups"}
        inside = [{**found, "data": {**found["data"], "service": str(each)}} for each in (ann, bob)]
        assert (await _refused(scene, found)) == {0: ["service: This field is required."]}
        [created] = await _bulk(scene, inside[0])
        assert created.id
        assert (await scene.value(FOLLOW_UPS, created.id)).service == ann
        assert await _bulk(scene, found) == [Outcome("unchanged", created.id, 1)]
        assert await _bulk(scene, inside[0]) == [Outcome("unchanged", created.id, 1)]
        assert (await _refused(scene, inside[1])) == {0: ["attributes.key: This field must be unique."]}
        owner = {"op": "delete", "resource": "services", "id": str(ann)}
        gone, lost = await _bulk(scene, owner, inside[0], lenient=True)
        assert (gone.kind, lost.kind) == ("deleted", "refused")

    @fact
    async def test_many_bulks_at_once_with_one_new_value_create_one_record(self, scene: Scene) -> None:
        await _unique(scene)
        service = {"op": "create", "resource": "services", "data": {"name": "s", "client": {"ref": "x"}}}
        results = await at_once(
            *(_bulk(scene, {**_upsert("a", name=f"a {number}"), "ref": "x"}, service) for number in range(10))
        )

        done = [result for result in results if isinstance(result, list)]
        assert sorted(outcomes[0].kind for outcomes in done) == ["created", *["updated"] * 9]
        [id_] = await scene.found(CLIENTS)
        assert {(await scene.value(SERVICES, outcomes[1].id)).client for outcomes in done} == {id_}
        assert await scene.version(CLIENTS, id_) == 10

    @fact
    async def test_an_upsert_beside_a_change_or_delete_of_its_record_is_never_lost(self, scene: Scene) -> None:
        await _unique(scene)
        for number in range(5):
            id_ = await _client(scene, f"{number}")
            other = scene.delete(CLIENTS, id_) if number % 2 else scene.patch(CLIENTS, id_, attributes={"key": "o"})
            _, outcomes = await at_once(other, _bulk(scene, _upsert(f"{number}", name="z")))
            assert isinstance(outcomes, list)
            assert outcomes[0].kind in {"created", "updated"}
            for left in await scene.found(CLIENTS):
                await scene.delete(CLIENTS, left)

    @fact
    async def test_an_upsert_needs_the_permission_of_what_it_does(self, scene: Scene) -> None:
        await _unique(scene)
        await _client(scene, "a")
        adder, changer, nobody = (_who(*verbs) for verbs in (("add",), ("change",), ()))
        for who, sent in ((adder, "a"), (changer, "new"), (nobody, "a")):
            with pytest.raises(PermissionDeniedError):
                await _sent(scene, who, _upsert(sent, name="x"))
        changed = await _sent(scene, changer, _upsert("a", name="b"))
        created = await _sent(scene, adder, _upsert("b", name="b"))
        assert [answer.outcomes[0].kind for answer in (changed, created)] == ["updated", "created"]
        with pytest.raises(PermissionDeniedError):  # what it would do is not known
            await _sent(scene, adder, {**_upsert("a"), "by": "none"})

    @fact
    async def test_a_bulk_that_comes_again_has_created_also_for_whoever_can_only_add(self, scene: Scene) -> None:
        await _unique(scene)
        first, again = [
            await _sent(scene, _who("add", idempotency=Idempotency("k", b"asked")), _upsert("a", name="a"))
            for _ in range(2)
        ]

        assert again.is_replayed
        assert again.outcomes == first.outcomes
        assert first.outcomes[0].kind == "created"


def _upsert(key: str, *, attributes: Mapping[str, object] | None = None, **data: object) -> dict[str, Any]:
    return {"op": "upsert", "by": "key", "data": {**data, "attributes": {"key": key, **(attributes or {})}}}


async def _unique(scene: Scene, name: str = "key", *, entity: str = "client", type: str = "text") -> None:  # noqa: A002
    await scene.create(ATTRIBUTES, entity, name=name, label="k", type=type, is_unique=True)
    if name == "key" and entity == "client":
        await scene.create(ATTRIBUTES, entity, name="city", label="c", type="text")


async def _client(scene: Scene, key: str, **attributes: object) -> UUID:
    return await scene.create(CLIENTS, name="a", attributes={"key": key, **attributes})


async def _bulk(scene: Scene, *operations: Mapping[str, Any], lenient: bool = False) -> Sequence[Outcome]:
    answer = await bulk(scene.db, scene.who, CLIENTS, {"operations": list(operations)}, lenient=lenient)
    return list(answer.outcomes)


async def _sent(scene: Scene, who: Caller, *operations: Mapping[str, Any]) -> BulkAnswer:
    return await bulk(scene.db, who, CLIENTS, {"operations": list(operations)})


def _who(*verbs: str, idempotency: Idempotency | None = None) -> Caller:
    permissions = frozenset(CLIENTS.permission(verb) for verb in verbs)
    actor = Actor(user=User(id=USERS[0], username="tester"), permissions=permissions)
    return attrs.evolve(caller(actor, request_id=str(new_id())), idempotency=idempotency)


async def _refused(scene: Scene, *operations: Mapping[str, Any]) -> Mapping[int, list[str]]:
    with pytest.raises(BulkRefusedError) as caught:
        await _bulk(scene, *operations)
    return {index: _lines(error) for index, error in caught.value.errors.items()}


def _lines(error: CrmError) -> list[str]:
    return str(error).split("; ")


def _named(name: str, message: str) -> str:
    return f"{name}: {message}"
