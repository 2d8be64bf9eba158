"""Tests of attributes that change: name, values and type move with all that names or holds them, in one commit."""

# ruff: noqa: D102  # a test's name is the fact that it states

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from crm_core.errors import AttributeInUseError, CrmError, InvalidError, RestoreRefusedError, VersionConflictError
from crm_core.model.evolutions import EvolutionReport
from crm_core.model.records import Key
from crm_core.resources import ATTRIBUTES, CLIENTS, WEBHOOKS
from crm_core.testing.scene import Facts, Scene, at_once, fact
from crm_core.testing.uniqueness import unique_state
from crm_core.use_cases import evolutions, records, restorations
from crm_core.use_cases.evolutions import EvolutionKind, Target
from crm_core.use_cases.online_evolutions import convert_online, rename_online

_HOOK: Mapping[str, Any] = {
    "name": "hook",
    "model": "Client",
    "url": "https://example.com/{attributes.city}?at={attributes.city}",
    "headers": {"X-City": "in {attributes.city}"},
    "conditions": [{"field": "attributes.city", "operator": "=", "value": "Ulm"}],
}


class RenameFacts(Facts):
    """Renames of attributes."""

    @fact
    async def test_a_rename_moves_the_values_of_all_records_in_one_commit(self, scene: Scene) -> None:
        city, (ulm, _, none) = await _cities(scene, "Ulm", "Bonn", None)
        before = (await scene.catalog("client")).version
        await _evolve(scene, "rename", city, name="town")

        assert [await _attributes(scene, id_) for id_ in (ulm, none)] == [{"town": "Ulm"}, {}]
        assert [await scene.version(CLIENTS, id_) for id_ in (ulm, none)] == [2, 1]
        assert (await scene.catalog("client")).version == before + 1
        definition = await scene.value(ATTRIBUTES, city)
        assert (definition.name, definition.former_names) == ("town", ("city",))
        [event, *_] = await scene.db.history(Key("client", ulm))
        assert event.changes == {
            "attributes.city": {"from": "Ulm", "to": None, "attribute": str(city)},
            "attributes.town": {"from": None, "to": "Ulm", "attribute": str(city)},
        }
        assert event.cause == {"resource": "attribute", "record": str(city), "version": 2}

    @fact
    async def test_a_rename_moves_the_name_in_conditions_urls_and_headers_of_webhooks(self, scene: Scene) -> None:
        city, _ = await _cities(scene)
        hook = await scene.create(WEBHOOKS, **_HOOK)
        idle = await scene.create(WEBHOOKS, **{**_HOOK, "is_active": False})
        other = await scene.create(WEBHOOKS, name="other", model="Client", url="https://example.com/")
        await _evolve(scene, "rename", city, name="town")

        for id_ in (hook, idle):
            webhook = await scene.value(WEBHOOKS, id_)
            assert webhook.url == "https://example.com/{attributes.town}?at={attributes.town}"
            assert (webhook.headers, webhook.conditions[0].field) == (
                {"X-City": "in {attributes.town}"},
                "attributes.town",
            )
        assert await scene.version(WEBHOOKS, other) == 1

    @fact
    async def test_a_former_name_is_refused_with_the_new_one_until_another_attribute_takes_it(
        self, scene: Scene
    ) -> None:
        city, [ulm] = await _cities(scene, "Ulm")
        await _evolve(scene, "rename", city, name="town")
        for attempt in (
            scene.patch(CLIENTS, ulm, attributes={"city": "Bonn"}),
            scene.found(CLIENTS, **{"attributes.city": "Ulm"}),
            scene.create(WEBHOOKS, **_HOOK),
        ):
            with pytest.raises(InvalidError, match=r"renamed to .*town"):
                await attempt
        await scene.create(ATTRIBUTES, "client", name="city", label="City", type="text")

        await scene.patch(CLIENTS, ulm, attributes={"city": "new", "town": "Ulm"})
        assert await scene.found(CLIENTS, **{"attributes.city": "new"}) == [ulm]

    @fact
    async def test_an_attribute_can_get_its_former_name_again(self, scene: Scene) -> None:
        city, [ulm] = await _cities(scene, "Ulm")
        await _evolve(scene, "rename", city, name="town")
        await _evolve(scene, "rename", city, name="city")

        assert await _attributes(scene, ulm) == {"city": "Ulm"}
        assert (await scene.value(ATTRIBUTES, city)).former_names == ("town",)
        with pytest.raises(InvalidError, match=r"renamed to .*city"):
            await scene.found(CLIENTS, **{"attributes.town": "Ulm"})

    @fact
    async def test_a_name_that_is_taken_or_malformed_or_held_by_records_is_refused(self, scene: Scene) -> None:
        city, [ulm] = await _cities(scene, "Ulm")
        old = await scene.create(ATTRIBUTES, "client", name="old", label="Old", type="text")
        for name in ("old", "a b", "", "x" * 101):
            with pytest.raises(InvalidError):
                await _evolve(scene, "rename", city, name=name)
        await scene.patch(CLIENTS, ulm, attributes={"city": "Ulm", "old": "kept"})
        await scene.delete(ATTRIBUTES, old)
        with pytest.raises(AttributeInUseError, match="1 record holds a value under `old`"):
            await _evolve(scene, "rename", city, name="old")
        with pytest.raises(VersionConflictError):
            await evolutions.evolve(scene.db, scene.who, "rename", Target(city, frozenset({7})), {"name": "town"})
        assert await _attributes(scene, ulm) == {"city": "Ulm", "old": "kept"}

    @fact
    async def test_a_renamed_unique_attribute_stays_unique(self, scene: Scene) -> None:
        key = await scene.create(ATTRIBUTES, "client", name="key", label="Key", type="text", is_unique=True)
        await unique_state(scene, key)
        first = await scene.create(CLIENTS, name="c", attributes={"key": "A"})
        await _evolve(scene, "rename", key, name="code")

        assert (await scene.value(ATTRIBUTES, key)).is_unique is True
        with pytest.raises(InvalidError):
            await scene.create(CLIENTS, name="d", attributes={"code": "a"})
        assert await _attributes(scene, first) == {"code": "A"}

    @fact
    async def test_writers_beside_a_rename_leave_no_value_under_the_old_name(self, scene: Scene) -> None:
        city, ids = await _cities(scene, *"abcdefgh")
        writes = [_write(scene, id_, number) for id_ in ids for number in range(2)]
        await at_once(*writes[:8], _evolve(scene, "rename", city, name="town"), *writes[8:])

        assert [set(await _attributes(scene, id_)) for id_ in ids] == [{"town"}] * 8
        assert await scene.db.count_holders("client", "city") == 0

    @fact
    async def test_a_version_from_before_a_rename_is_restored_under_the_new_name(self, scene: Scene) -> None:
        city, [ulm] = await _cities(scene, "Ulm")
        await scene.patch(CLIENTS, ulm, attributes={"city": "Bonn"})
        await _evolve(scene, "rename", city, name="town")
        await restorations.restore(scene.db, scene.who, restorations.Target(CLIENTS, ulm, 1), {})

        assert await _attributes(scene, ulm) == {"town": "Ulm"}

    @fact
    async def test_a_dry_run_counts_and_changes_nothing(self, scene: Scene) -> None:
        city, [ulm, _] = await _cities(scene, "Ulm", "Bonn")
        hook = await scene.create(WEBHOOKS, **_HOOK)
        report = await _dry_run(scene, "rename", city, name="town")

        assert (report.records, report.webhooks, report.indexes, report.refusals) == (2, 1, 0, ())
        assert [each.webhook for each in report.named_webhooks] == [hook]
        assert await _attributes(scene, ulm) == {"city": "Ulm"}
        deletion = await evolutions.delete_dry_run(scene.db, scene.who, Target(city))
        assert (deletion.records, deletion.webhooks) == (2, 1)
        assert [await scene.version(ATTRIBUTES, city), await scene.version(WEBHOOKS, hook)] == [1, 1]


class ValueFacts(Facts):
    """Values of lists that change."""

    @fact
    async def test_a_renamed_value_moves_inside_lists_and_stands_there_once(self, scene: Scene) -> None:
        color, ids = await _colors(scene, "red", ["red", "blue"], ["green", "red"], "green")
        hook = await scene.create(
            WEBHOOKS,
            name="w",
            model="Client",
            url="https://example.com/",
            conditions=[{"field": "attributes.color", "operator": "contains", "value": "red"}],
        )
        report = await _dry_run(scene, "values/rename", color, **{"from": "red", "to": "blue"})
        await _evolve(scene, "values/rename", color, **{"from": "red", "to": "blue"})

        assert (report.records, report.merged, report.webhooks) == (3, 1, 1)
        held = [(await _attributes(scene, id_))["color"] for id_ in ids]
        assert held == ["blue", ["blue"], ["green", "blue"], "green"]
        assert (await scene.value(ATTRIBUTES, color)).list_values == ("blue", "green")
        assert (await scene.value(WEBHOOKS, hook)).conditions[0].value == "blue"
        assert await scene.version(CLIENTS, ids[3]) == 1

    @fact
    async def test_a_value_in_use_is_removed_only_with_a_replacement(self, scene: Scene) -> None:
        color, [red, _] = await _colors(scene, ["red"], "blue")
        with pytest.raises(AttributeInUseError, match="1 record holds this value"):
            await _evolve(scene, "values/remove", color, value="red")
        await _evolve(scene, "values/remove", color, value="green")
        with pytest.raises(InvalidError):
            await _evolve(scene, "values/remove", color, value="red", replace_with="none")
        await _evolve(scene, "values/remove", color, value="red", replace_with="blue")

        assert (await scene.value(ATTRIBUTES, color)).list_values == ("blue",)
        assert await _attributes(scene, red) == {"color": ["blue"]}

    @fact
    async def test_only_values_of_lists_are_renamed(self, scene: Scene) -> None:
        city, _ = await _cities(scene, "Ulm")
        color, _ = await _colors(scene)
        for id_, old in ((city, "Ulm"), (color, "pink")):
            with pytest.raises(InvalidError):
                await _evolve(scene, "values/rename", id_, **{"from": old, "to": "b"})

    @fact
    async def test_a_version_from_before_a_renamed_value_is_restored_with_the_new_one(self, scene: Scene) -> None:
        color, [id_] = await _colors(scene, ["red", "green"])
        await scene.patch(CLIENTS, id_, attributes={"color": "green"})
        await _evolve(scene, "values/rename", color, **{"from": "red", "to": "crimson"})
        await restorations.restore(scene.db, scene.who, restorations.Target(CLIENTS, id_, 1), {})

        assert await _attributes(scene, id_) == {"color": ["crimson", "green"]}


class ConversionFacts(Facts):
    """Attributes that get another type."""

    @fact
    async def test_there_and_back_gives_the_first_values(self, scene: Scene) -> None:
        for type_, values in {
            "number": ["5", "-1.50", "12345678901234567890"],
            "date": ["2026-01-31"],
            "boolean": ["true", "false"],
            "list": ["red", "red; blue", '["a; b"]'],
            "file": ["https://example.com/a.pdf"],
        }.items():
            name = f"as-{type_}"
            id_ = await scene.create(ATTRIBUTES, "client", name=name, label="l", type="text")
            ids = [await scene.create(CLIENTS, name="c", attributes={name: value}) for value in values]
            await _evolve(scene, "convert", id_, type=type_)
            assert (await scene.value(ATTRIBUTES, id_)).type == type_
            await _evolve(scene, "convert", id_, type="text")

            assert [(await _attributes(scene, each))[name] for each in ids] == values

    @fact
    async def test_values_that_cannot_be_converted_are_counted_and_refused(self, scene: Scene) -> None:
        city, ids = await _cities(scene, "5", "five", "five", "", None)
        report = await _dry_run(scene, "convert", city, type="number")

        assert (report.records, report.failing) == (4, 3)
        assert [(each.value, each.records) for each in report.failing_values] == [("five", 2), ("", 1)]
        assert set(report.failing_records) == set(ids[1:4])
        with pytest.raises(AttributeInUseError, match="3 records hold"):
            await _evolve(scene, "convert", city, type="number")
        assert await _attributes(scene, ids[0]) == {"city": "5"}

    @fact
    async def test_values_that_were_cleared_come_back_by_restoring(self, scene: Scene) -> None:
        city, [five, word] = await _cities(scene, "5", "five")
        await _evolve(scene, "convert", city, type="number", failing="clear")
        assert [await _attributes(scene, five), await _attributes(scene, word)] == [{"city": 5}, {}]
        with pytest.raises(RestoreRefusedError):
            await restorations.restore(scene.db, scene.who, restorations.Target(CLIENTS, word, 1), {})
        await scene.patch(CLIENTS, five, attributes={"city": 6})
        await restorations.restore(scene.db, scene.who, restorations.Target(CLIENTS, five, 1), {})
        assert await _attributes(scene, five) == {"city": 5}
        await _evolve(scene, "convert", city, type="text")
        await restorations.restore(scene.db, scene.who, restorations.Target(CLIENTS, word, 1), {})

        assert await _attributes(scene, word) == {"city": "five"}

    @fact
    async def test_numbers_dates_and_words_are_read_as_the_body_says(self, scene: Scene) -> None:
        number, date, flag = [
            await scene.create(ATTRIBUTES, "client", name=name, label="l", type="text") for name in "ndf"
        ]
        id_ = await scene.create(CLIENTS, name="c", attributes={"n": "1,5", "d": "3.4.2026", "f": "Ja"})
        await _evolve(scene, "convert", number, type="number", decimal=",")
        await _evolve(scene, "convert", date, type="date", format="DD.MM.YYYY")
        await _evolve(scene, "convert", flag, type="boolean", true=["ja"], false=["nein"])

        assert {name: str(value) for name, value in (await _attributes(scene, id_)).items()} == {
            "n": "1.5",
            "d": "2026-04-03",
            "f": "True",
        }
        for body in ({"type": "date"}, {"type": "number"}, {"type": "x"}, {}):
            with pytest.raises(InvalidError):
                await _evolve(scene, "convert", number, **body)

    @fact
    async def test_a_list_gets_the_values_that_records_hold(self, scene: Scene) -> None:
        city, _ = await _cities(scene, "Ulm", "Bonn; Ulm", "Bonn")
        await _evolve(scene, "convert", city, type="list")

        assert (await scene.value(ATTRIBUTES, city)).list_values == ("Bonn", "Ulm")

    @fact
    async def test_a_required_or_unique_attribute_is_so_afterwards_or_refused(self, scene: Scene) -> None:
        required = await scene.create(ATTRIBUTES, "client", name="r", label="l", type="text", is_required=True)
        key = await scene.create(ATTRIBUTES, "client", name="key", label="l", type="text", is_unique=True)
        await unique_state(scene, key)
        for value in ("1", "1.0"):
            await scene.create(CLIENTS, name="c", attributes={"r": "word", "key": value})

        with pytest.raises(AttributeInUseError, match="required"):
            await _evolve(scene, "convert", required, type="number", failing="clear")
        with pytest.raises(AttributeInUseError, match="unique, and 1 converted"):
            await _evolve(scene, "convert", key, type="number")
        with pytest.raises(InvalidError):
            await _evolve(scene, "convert", key, type="boolean", failing="clear")

    @fact
    async def test_conditions_compare_with_converted_values_or_the_webhook_is_named(self, scene: Scene) -> None:
        city, _ = await _cities(scene, "5")
        condition = {"field": "attributes.city", "operator": "in", "value": ["5", "6"]}
        hook = await scene.create(WEBHOOKS, **{**_HOOK, "conditions": [condition]})
        await _evolve(scene, "convert", city, type="number")
        assert list((await scene.value(WEBHOOKS, hook)).conditions[0].value) == [5, 6]
        await _evolve(scene, "convert", city, type="text")
        await scene.patch(WEBHOOKS, hook, conditions=[{**condition, "operator": "contains", "value": "5"}])

        with pytest.raises(AttributeInUseError, match="webhook hook"):
            await _evolve(scene, "convert", city, type="number")


class OnlineFacts(Facts):
    """Changes of attributes in the background."""

    @fact
    async def test_a_rename_online_ends_as_a_rename_does(self, scene: Scene) -> None:
        city, [ulm, bonn] = await _cities(scene, "Ulm", "Bonn")
        hook = await scene.create(WEBHOOKS, **_HOOK)
        phases = [each.phase async for each in rename_online(scene.db, lambda: scene.who, Target(city), "town")]

        assert phases == ["copy", "switch", "drop"]
        assert [await _attributes(scene, id_) for id_ in (ulm, bonn)] == [{"town": "Ulm"}, {"town": "Bonn"}]
        definition = await scene.value(ATTRIBUTES, city)
        assert (definition.name, definition.former_names, definition.renaming_to) == ("town", ("city",), None)
        assert (await scene.value(WEBHOOKS, hook)).conditions[0].field == "attributes.town"

    @fact
    async def test_a_rename_online_that_is_stopped_anywhere_goes_on_and_no_value_is_ever_missing(
        self, scene: Scene
    ) -> None:
        city, ids = await _cities(scene, "a", "b")
        for phase in ("copy", "switch", "drop"):
            async with aclosing(rename_online(scene.db, lambda: scene.who, Target(city), "town")) as steps:
                async for step in steps:
                    name = (await scene.value(ATTRIBUTES, city)).name
                    assert [name in await _attributes(scene, id_) for id_ in ids] == [True, True]
                    if step.phase == phase:
                        break
            with pytest.raises((AttributeInUseError, InvalidError)):
                await scene.create(ATTRIBUTES, "client", name="town", label="l", type="text")
            with pytest.raises(AttributeInUseError, match="--online"):
                await _evolve(scene, "rename", city, name="other")
            current = (await scene.value(ATTRIBUTES, city)).name
            await scene.patch(CLIENTS, ids[0], attributes={current: f"written after {phase}"})
        async for _ in rename_online(scene.db, lambda: scene.who, Target(city), "town"):
            pass

        held = [await _attributes(scene, id_) for id_ in ids]
        assert held == [{"town": "written after drop"}, {"town": "b"}]
        assert (await scene.value(ATTRIBUTES, city)).renaming_to is None

    @fact
    async def test_a_rename_online_is_undone_before_the_switch_by_the_present_name(self, scene: Scene) -> None:
        city, [ulm] = await _cities(scene, "Ulm")
        async with aclosing(rename_online(scene.db, lambda: scene.who, Target(city), "town")) as steps:
            await anext(steps)
        assert await _attributes(scene, ulm) == {"city": "Ulm", "town": "Ulm"}
        async for _ in rename_online(scene.db, lambda: scene.who, Target(city), "city"):
            pass

        assert await _attributes(scene, ulm) == {"city": "Ulm"}
        assert (await scene.value(ATTRIBUTES, city)).renaming_to is None

    @fact
    async def test_a_conversion_online_goes_on_and_ends_as_a_conversion_does(self, scene: Scene) -> None:
        city, [five, word] = await _cities(scene, "5", "five")
        convert = partial(convert_online, scene.db, lambda: scene.who, Target(city))
        with pytest.raises(AttributeInUseError, match="1 record holds"):
            await anext(convert({"type": "number"}))
        body = {"type": "number", "failing": "clear"}
        async with aclosing(convert(body)) as steps:
            await anext(steps)
        assert (await scene.value(ATTRIBUTES, city)).type == "text"
        phases = [step.phase async for step in convert(body)]

        assert phases == ["convert", "switch"]
        assert (await scene.value(ATTRIBUTES, city)).type == "number"
        assert [await _attributes(scene, five), await _attributes(scene, word)] == [{"city": 5}, {}]


async def _cities(scene: Scene, *cities: str | None) -> tuple[UUID, Sequence[UUID]]:
    """Define the attribute ``city``; return its id, and those of clients with these values."""
    id_ = await scene.create(ATTRIBUTES, "client", name="city", label="City", type="text")
    held: list[dict[str, str]] = [{} if city is None else {"city": city} for city in cities]
    return id_, [await scene.create(CLIENTS, name="c", attributes=each) for each in held]


async def _colors(scene: Scene, *values: object) -> tuple[UUID, Sequence[UUID]]:
    """Define the list ``color``; return its id, and those of clients with these values."""
    options = ["red", "blue", "green"]
    id_ = await scene.create(ATTRIBUTES, "client", name="color", label="C", type="list", list_values=options)
    return id_, [await scene.create(CLIENTS, name="c", attributes={"color": value}) for value in values]


async def _write(scene: Scene, id_: UUID, number: int) -> object:
    """Change the city of a client, under the name that it has at the moment."""
    name = next(name for name in await _attributes(scene, id_))
    try:
        return await records.patch(scene.db, scene.who, CLIENTS, id_, {"attributes": {name: f"written {number}"}})
    except CrmError as error:
        return error


async def _evolve(scene: Scene, kind: EvolutionKind, id_: UUID, **body: object) -> object:
    return await evolutions.evolve(scene.db, scene.who, kind, Target(id_), body)


async def _dry_run(scene: Scene, kind: EvolutionKind, id_: UUID, **body: object) -> EvolutionReport:
    return await evolutions.dry_run(scene.db, scene.who, kind, Target(id_), body)


async def _attributes(scene: Scene, id_: UUID) -> Mapping[str, Any]:
    held: Mapping[str, Any] = (await scene.value(CLIENTS, id_)).attributes
    return held
