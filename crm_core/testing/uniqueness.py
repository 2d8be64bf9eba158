"""Tests of unique attributes: no two records have the same value, also in races, and upserts find records by them."""

# ruff: noqa: D102  # a test's name is the fact that it states

import asyncio
import json
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import pytest

from crm_core.errors import InvalidError, NotFoundError, VersionConflictError
from crm_core.model.entities import BUILDING
from crm_core.resources import ATTRIBUTES, CLIENTS, FOLLOW_UPS, SERVICES
from crm_core.testing.scene import Facts, Scene, at_once, fact
from crm_core.use_cases import upserts
from crm_core.use_cases.bulk import bulk
from crm_core.use_cases.upserts import Condition, Upserted

#: Texts that are the same value, though they are written in other ways.
_SAME: Final = (
    ("Straße", "STRASSE"),
    ("\u0130x", "ix"),
    ("\u00c9tat", "e\u0301tat"),
    ("a", " A\u00a0"),
    ("a  b", "a\tB"),
    ("\ufb01n", "FIN"),
    ("ΑΣ", "ας"),
    ("%", "\uff05"),
)
#: Texts that are other values, though searches find both.
_DIFFERENT: Final = (("\u00e9", "e"), ("\u0131", "i"), ("a b", "ab"), ("a_", "a%"), ("\u00f8", "o"))
_NUMBERS: Final = ((1, Decimal("1.0")), (Decimal("1E+2"), 100), (0, Decimal("-0.0")))


class UniquenessFacts(Facts):
    """Unique attributes, and upserts."""

    @fact
    async def test_an_attribute_is_unique_once_it_was_building(self, scene: Scene) -> None:
        id_ = await scene.create(ATTRIBUTES, "client", name="key", label="k", type="text")
        changed = await scene.patch(ATTRIBUTES, id_, is_unique=True)

        assert json.loads(changed.body)["is_unique"] == "building"
        assert await unique_state(scene, id_) is True
        await scene.patch(ATTRIBUTES, id_, is_unique="building")
        assert (await scene.value(ATTRIBUTES, id_)).is_unique is True

    @fact
    async def test_no_two_records_have_values_that_differ_in_case_blanks_or_form_only(self, scene: Scene) -> None:
        await _unique(scene)
        for one, other in _SAME:
            first = await scene.create(CLIENTS, name="a", attributes={"key": one})

            assert await _refused(scene, other) == {"attributes": {"key": ["This field must be unique."]}}
            await scene.delete(CLIENTS, first)
        for texts in _DIFFERENT:
            for text in texts:
                await scene.create(CLIENTS, name="a", attributes={"key": text})

    @fact
    async def test_numbers_are_unique_by_value(self, scene: Scene) -> None:
        await _unique(scene, "number")
        for one, other in _NUMBERS:
            await scene.create(CLIENTS, name="a", attributes={"key": one})

            assert await _refused(scene, other) == {"attributes": {"key": ["This field must be unique."]}}

    @fact
    async def test_dates_are_unique_by_day(self, scene: Scene) -> None:
        await _unique(scene, "date")
        await scene.create(CLIENTS, name="a", attributes={"key": "2026-01-31"})
        await scene.create(CLIENTS, name="a", attributes={"key": "2026-02-01"})

        assert await _refused(scene, "2026-01-31") == {"attributes": {"key": ["This field must be unique."]}}

    @fact
    async def test_records_without_a_value_are_never_equal(self, scene: Scene) -> None:
        await _unique(scene)
        for values in ({}, {}, {"key": None}, {"key": ""}, {"key": " "}):
            await scene.create(CLIENTS, name="a", attributes=values)

        assert len(await scene.found(CLIENTS)) == 5

    @fact
    async def test_a_unique_text_has_at_most_200_characters(self, scene: Scene) -> None:
        await _unique(scene)
        await scene.create(CLIENTS, name="a", attributes={"key": "ß" * 200})
        too_long = {"attributes": {"key": ["Ensure this field has no more than 200 characters."]}}

        assert await _refused(scene, "x" * 201) == too_long
        assert await _refused(scene, "\ufdfa" * 200) == too_long

    @fact
    async def test_a_record_may_keep_its_value_and_write_it_in_another_way(self, scene: Scene) -> None:
        await _unique(scene)
        id_ = await scene.create(CLIENTS, name="a", attributes={"key": "x"})
        await scene.patch(CLIENTS, id_, name="b", attributes={"key": "x"})
        await scene.patch(CLIENTS, id_, attributes={"key": " X "})

        assert (await scene.value(CLIENTS, id_)).attributes == {"key": " X "}

    @fact
    async def test_a_value_is_free_again_after_a_change_or_a_delete(self, scene: Scene) -> None:
        await _unique(scene)
        first = await scene.create(CLIENTS, name="a", attributes={"key": "x"})
        await scene.patch(CLIENTS, first, attributes={"key": "y"})
        second = await scene.create(CLIENTS, name="b", attributes={"key": "x"})
        await scene.delete(CLIENTS, second)
        await scene.patch(CLIENTS, first, attributes={"key": "x"})

    @fact
    async def test_values_are_compared_within_one_entity_and_attribute(self, scene: Scene) -> None:
        await _unique(scene)
        await _unique(scene, name="other")
        await scene.create(CLIENTS, name="a", attributes={"key": "x", "other": "y"})
        await scene.create(CLIENTS, name="a", attributes={"key": "y", "other": "x"})

    @fact
    async def test_of_many_equal_values_at_once_one_is_taken(self, scene: Scene) -> None:
        for name in ("settled", "building"):
            await _unique(scene, name=name, settled=name == "settled")
            made = await at_once(*(scene.create(CLIENTS, name="a", attributes={name: "x"}) for _ in range(8)))

            assert [type(outcome) for outcome in made].count(UUID) == 1
            assert [type(outcome) for outcome in made].count(InvalidError) == 7

    @fact
    async def test_an_attribute_whose_values_repeat_does_not_become_unique(self, scene: Scene) -> None:
        id_ = await scene.create(ATTRIBUTES, "client", name="key", label="k", type="text")
        values = [text for number in range(21) for text in (f"v{number}", f" V{number}")] + ["x" * 201, "alone", ""]
        ids = [await scene.create(CLIENTS, name="a", attributes={"key": value}) for value in values]
        with pytest.raises(InvalidError) as caught:
            await scene.patch(ATTRIBUTES, id_, is_unique=True)
        problems: Any = caught.value.problems
        first, *groups, last = [problem.message for problem in problems["is_unique"]]

        assert first == "21 values are in more than one record."
        assert groups == [f"The same value: {ids[at]}, {ids[at + 1]}." for at in range(0, 40, 2)]
        assert last == "1 record has a value of more than 200 characters, which is too long."
        assert (await scene.value(ATTRIBUTES, id_)).is_unique is False

    @fact
    async def test_values_that_a_former_definition_left_count(self, scene: Scene) -> None:
        former = await scene.create(ATTRIBUTES, "client", name="key", label="k", type="text")
        for _ in range(2):
            await scene.create(CLIENTS, name="a", attributes={"key": "x"})
        await scene.delete(ATTRIBUTES, former)

        with pytest.raises(InvalidError):
            await _unique(scene)
        await _unique(scene, "number")

    @fact
    async def test_an_attribute_that_is_no_longer_unique_takes_equal_values(self, scene: Scene) -> None:
        id_ = await _unique(scene)
        await scene.create(CLIENTS, name="a", attributes={"key": "x"})
        await scene.patch(ATTRIBUTES, id_, is_unique=False)
        async with asyncio.timeout(10):
            while not await _is_taken_twice(scene):  # noqa: ASYNC110  # stores drop their indexes by themselves
                await asyncio.sleep(0.05)

        with pytest.raises(InvalidError):
            await scene.patch(ATTRIBUTES, id_, is_unique=True)

    @fact
    async def test_values_are_unique_within_one_bulk_too(self, scene: Scene) -> None:
        await _unique(scene)
        first = await scene.create(CLIENTS, name="a", attributes={"key": "x"})
        free = {"op": "update", "id": str(first), "data": {"attributes": {"key": "y"}}}
        one, other = ({"op": "create", "data": {"name": "b", "attributes": {"key": key}}} for key in ("x", " X"))
        answer = await bulk(scene.db, scene.who, CLIENTS, {"operations": [free, one, other]}, lenient=True)
        *done, refused = answer.outcomes

        assert [outcome.kind for outcome in done] == ["updated", "created"]
        assert "attributes.key: This field must be unique." in str(refused.error)

    @fact
    async def test_an_upsert_creates_a_record_and_then_changes_it(self, scene: Scene) -> None:
        await _unique(scene)
        created = await _upsert(scene, " Ann@x ", name="Ann")
        changed = await _upsert(scene, "ANN@X", name="Anna")
        same = await _upsert(scene, "ann@x", name="Anna")

        assert [each.is_new for each in (created, changed, same)] == [True, False, False]
        assert [each.document.version for each in (created, changed, same)] == [1, 2, 2]
        value = await scene.value(CLIENTS, created.id)
        assert (value.name, value.attributes) == ("Anna", {"key": "Ann@x"})
        assert await upserts.get(scene.db, scene.who, CLIENTS, "key", "ann@X") == (created.id, changed.document)

    @fact
    async def test_an_upsert_keeps_the_value_and_refuses_another(self, scene: Scene) -> None:
        await _unique(scene)
        await scene.create(ATTRIBUTES, "client", name="size", label="s", type="number")
        first = await _upsert(scene, "x", name="a", attributes={"size": 1})
        await _upsert(scene, "x", attributes={"size": 2})
        assert (await scene.value(CLIENTS, first.id)).attributes == {"key": "x", "size": 2}
        await _upsert(scene, "x", attributes={"key": " X"})
        assert (await scene.value(CLIENTS, first.id)).attributes == {"key": " X"}

        for value in ("x", "new"):
            with pytest.raises(InvalidError, match="This must be the value"):
                await _upsert(scene, value, name="a", attributes={"key": "y"})

    @fact
    async def test_an_upsert_may_be_asked_only_to_create_or_only_to_change(self, scene: Scene) -> None:
        await _unique(scene)
        with pytest.raises(VersionConflictError):
            await _upsert(scene, "x", Condition(exists=True), name="a")
        assert (await _upsert(scene, "x", Condition(exists=False), name="a")).is_new
        with pytest.raises(VersionConflictError):
            await _upsert(scene, "x", Condition(exists=False), name="b")
        with pytest.raises(VersionConflictError):
            await _upsert(scene, "x", Condition(exists=True, versions=frozenset({2})), name="b")
        assert not (await _upsert(scene, "x", Condition(exists=True, versions=frozenset({1})), name="b")).is_new

    @fact
    async def test_an_upsert_by_an_attribute_that_is_not_unique_finds_nothing(self, scene: Scene) -> None:
        await scene.create(ATTRIBUTES, "client", name="free", label="k", type="text")
        await _unique(scene)

        with pytest.raises(NotFoundError, match="key"):
            await upserts.upsert(scene.db, scene.who, CLIENTS, "free", "x", {"name": "a"})
        with pytest.raises(NotFoundError):
            await upserts.get(scene.db, scene.who, CLIENTS, "key", "x")

    @fact
    async def test_of_fifty_upserts_at_once_one_creates_the_record(self, scene: Scene) -> None:
        await _unique(scene)
        outcomes = await asyncio.gather(*(_upsert(scene, "x" if n % 2 else "X ", name=f"n{n}") for n in range(50)))

        assert [each.is_new for each in outcomes].count(True) == 1
        assert sorted(each.document.version for each in outcomes) == list(range(1, 51))
        assert await scene.found(CLIENTS) == [outcomes[0].id]

    @fact
    async def test_an_upsert_inside_a_parent_leaves_the_records_of_others_alone(self, scene: Scene) -> None:
        service = (await scene.one_of_each())["service"]
        other = await scene.create(SERVICES, name="s", client=(await scene.found(CLIENTS))[0])
        id_ = await scene.create(ATTRIBUTES, "follow_up", name="ref", label="r", type="text", is_unique=True)
        await unique_state(scene, id_)

        def upsert(parent: UUID, comment: str) -> Any:
            return upserts.upsert(scene.db, scene.who, FOLLOW_UPS, "ref", "1", {"comment": comment}, parent=parent)

        assert (await upsert(service, "a")).is_new
        assert not (await upsert(service, "b")).is_new
        with pytest.raises(InvalidError, match="This field must be unique"):
            await upsert(other, "c")


async def _unique(scene: Scene, type_: str = "text", *, name: str = "key", settled: bool = True) -> UUID:
    id_ = await scene.create(ATTRIBUTES, "client", name=name, label="k", type=type_, is_unique=True)
    if settled:
        assert await unique_state(scene, id_) is True
    return id_


async def unique_state(scene: Scene, id_: UUID) -> object:
    """Return ``is_unique`` when it is not ``building`` any more."""
    async with asyncio.timeout(30):
        while (state := (await scene.value(ATTRIBUTES, id_)).is_unique) == BUILDING:  # noqa: ASYNC110  # and build them
            await asyncio.sleep(0.02)
    return state


async def _is_taken_twice(scene: Scene) -> bool:
    [outcome] = await at_once(scene.create(CLIENTS, name="b", attributes={"key": "x"}))
    return isinstance(outcome, UUID)


async def _upsert(scene: Scene, value: str, condition: Condition | None = None, **data: object) -> Upserted:
    return await upserts.upsert(scene.db, scene.who, CLIENTS, "key", value, data, condition=condition or Condition())


async def _refused(scene: Scene, value: object) -> object:
    with pytest.raises(InvalidError) as caught:
        await scene.create(CLIENTS, name="a", attributes={"key": value})
    problems: Any = caught.value.problems
    return {"attributes": {name: [each.message for each in found] for name, found in problems["attributes"].items()}}
