"""Tests of attributes that get another type, and of changes of attributes in the background."""

# ruff: noqa: D102  # a test's name is the fact that it states

from contextlib import aclosing
from functools import partial

import pytest

from crm_core.errors import AttributeInUseError, InvalidError, RestoreRefusedError
from crm_core.resources import ATTRIBUTES, CLIENTS, WEBHOOKS
from crm_core.testing.evolving import HOOK, attributes_of, cities, dry_run, evolve
from crm_core.testing.scene import Facts, Scene, fact
from crm_core.testing.uniqueness import unique_state
from crm_core.use_cases import restorations
from crm_core.use_cases.evolution_requests import Target
from crm_core.use_cases.online_evolutions import convert_online, rename_online


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
            await evolve(scene, "convert", id_, type=type_)
            assert (await scene.value(ATTRIBUTES, id_)).type == type_
            await evolve(scene, "convert", id_, type="text")

            assert [(await attributes_of(scene, each))[name] for each in ids] == values

    @fact
    async def test_values_that_cannot_be_converted_are_counted_and_refused(self, scene: Scene) -> None:
        city, ids = await cities(scene, "5", "five", "five", "", None)
        report = await dry_run(scene, "convert", city, type="number")

        assert (report.records, report.failing) == (4, 3)
        assert [(each.value, each.records) for each in report.failing_values] == [("five", 2), ("", 1)]
        assert set(report.failing_records) == set(ids[1:4])
        with pytest.raises(AttributeInUseError, match="3 records hold"):
            await evolve(scene, "convert", city, type="number")
        assert await attributes_of(scene, ids[0]) == {"city": "5"}

    @fact
    async def test_values_that_were_cleared_come_back_by_restoring(self, scene: Scene) -> None:
        city, [five, word] = await cities(scene, "5", "five")
        await evolve(scene, "convert", city, type="number", failing="clear")
        assert [await attributes_of(scene, five), await attributes_of(scene, word)] == [{"city": 5}, {}]
        with pytest.raises(RestoreRefusedError):
            await restorations.restore(scene.db, scene.who, restorations.Target(CLIENTS, word, 1), {})
        await scene.patch(CLIENTS, five, attributes={"city": 6})
        await restorations.restore(scene.db, scene.who, restorations.Target(CLIENTS, five, 1), {})
        assert await attributes_of(scene, five) == {"city": 5}
        await evolve(scene, "convert", city, type="text")
        await restorations.restore(scene.db, scene.who, restorations.Target(CLIENTS, word, 1), {})

        assert await attributes_of(scene, word) == {"city": "five"}

    @fact
    async def test_numbers_dates_and_words_are_read_as_the_body_says(self, scene: Scene) -> None:
        number, date, flag = [
            await scene.create(ATTRIBUTES, "client", name=name, label="l", type="text") for name in "ndf"
        ]
        id_ = await scene.create(CLIENTS, name="c", attributes={"n": "1,5", "d": "3.4.2026", "f": "Ja"})
        await evolve(scene, "convert", number, type="number", decimal=",")
        await evolve(scene, "convert", date, type="date", format="DD.MM.YYYY")
        await evolve(scene, "convert", flag, type="boolean", true=["ja"], false=["nein"])

        assert {name: str(value) for name, value in (await attributes_of(scene, id_)).items()} == {
            "n": "1.5",
            "d": "2026-04-03",
            "f": "True",
        }
        for body in ({"type": "date"}, {"type": "number"}, {"type": "x"}, {}):
            with pytest.raises(InvalidError):
                await evolve(scene, "convert", number, **body)

    @fact
    async def test_a_dry_run_counts_only_records_whose_value_becomes_another(self, scene: Scene) -> None:
        city, ids = await cities(scene, "Ulm", "Bonn; Ulm")
        report = await dry_run(scene, "convert", city, type="list")
        await evolve(scene, "convert", city, type="list")

        assert report.records == 1
        assert [await scene.version(CLIENTS, each) for each in ids] == [1, 2]

    @fact
    async def test_a_list_gets_the_values_that_records_hold(self, scene: Scene) -> None:
        city, _ = await cities(scene, "Ulm", "Bonn; Ulm", "Bonn")
        await evolve(scene, "convert", city, type="list")

        assert (await scene.value(ATTRIBUTES, city)).list_values == ("Bonn", "Ulm")

    @fact
    async def test_a_required_or_unique_attribute_is_so_afterwards_or_refused(self, scene: Scene) -> None:
        required = await scene.create(ATTRIBUTES, "client", name="r", label="l", type="text", is_required=True)
        key = await scene.create(ATTRIBUTES, "client", name="key", label="l", type="text", is_unique=True)
        await unique_state(scene, key)
        for value in ("1", "1.0"):
            await scene.create(CLIENTS, name="c", attributes={"r": "word", "key": value})

        with pytest.raises(AttributeInUseError, match="required"):
            await evolve(scene, "convert", required, type="number", failing="clear")
        with pytest.raises(AttributeInUseError, match="unique, and 1 converted"):
            await evolve(scene, "convert", key, type="number")
        with pytest.raises(InvalidError):
            await evolve(scene, "convert", key, type="boolean", failing="clear")

    @fact
    async def test_conditions_compare_with_converted_values_or_the_webhook_is_named(self, scene: Scene) -> None:
        city, _ = await cities(scene, "5")
        condition = {"field": "attributes.city", "operator": "in", "value": ["5", "6"]}
        hook = await scene.create(WEBHOOKS, **{**HOOK, "conditions": [condition]})
        await evolve(scene, "convert", city, type="number")
        assert list((await scene.value(WEBHOOKS, hook)).conditions[0].value) == [5, 6]
        await evolve(scene, "convert", city, type="text")
        await scene.patch(WEBHOOKS, hook, conditions=[{**condition, "operator": "contains", "value": "5"}])

        with pytest.raises(AttributeInUseError, match="webhook hook"):
            await evolve(scene, "convert", city, type="number")


class OnlineFacts(Facts):
    """Changes of attributes in the background."""

    @fact
    async def test_a_rename_online_ends_as_a_rename_does(self, scene: Scene) -> None:
        city, [ulm, bonn] = await cities(scene, "Ulm", "Bonn")
        hook = await scene.create(WEBHOOKS, **HOOK)
        phases = [each.phase async for each in rename_online(scene.db, lambda: scene.who, Target(city), "town")]

        assert phases == ["copy", "switch", "drop"]
        assert [await attributes_of(scene, id_) for id_ in (ulm, bonn)] == [{"town": "Ulm"}, {"town": "Bonn"}]
        definition = await scene.value(ATTRIBUTES, city)
        assert (definition.name, definition.former_names, definition.renaming_to) == ("town", ("city",), None)
        assert (await scene.value(WEBHOOKS, hook)).conditions[0].field == "attributes.town"

    @fact
    async def test_a_rename_online_that_is_stopped_anywhere_goes_on_and_no_value_is_ever_missing(
        self, scene: Scene
    ) -> None:
        city, ids = await cities(scene, "a", "b")
        for phase in ("copy", "switch", "drop"):
            async with aclosing(rename_online(scene.db, lambda: scene.who, Target(city), "town")) as steps:
                async for step in steps:
                    name = (await scene.value(ATTRIBUTES, city)).name
                    assert [name in await attributes_of(scene, id_) for id_ in ids] == [True, True]
                    if step.phase == phase:
                        break
            with pytest.raises((AttributeInUseError, InvalidError)):
                await scene.create(ATTRIBUTES, "client", name="town", label="l", type="text")
            with pytest.raises(AttributeInUseError, match="--online"):
                await evolve(scene, "rename", city, name="other")
            current = (await scene.value(ATTRIBUTES, city)).name
            await scene.patch(CLIENTS, ids[0], attributes={current: f"written after {phase}"})
        async for _ in rename_online(scene.db, lambda: scene.who, Target(city), "town"):
            pass

        held = [await attributes_of(scene, id_) for id_ in ids]
        assert held == [{"town": "written after drop"}, {"town": "b"}]
        assert (await scene.value(ATTRIBUTES, city)).renaming_to is None

    @fact
    async def test_a_rename_online_is_undone_before_the_switch_by_the_present_name(self, scene: Scene) -> None:
        city, [ulm] = await cities(scene, "Ulm")
        async with aclosing(rename_online(scene.db, lambda: scene.who, Target(city), "town")) as steps:
            await anext(steps)
        assert await attributes_of(scene, ulm) == {"city": "Ulm", "town": "Ulm"}
        async for _ in rename_online(scene.db, lambda: scene.who, Target(city), "city"):
            pass

        assert await attributes_of(scene, ulm) == {"city": "Ulm"}
        assert (await scene.value(ATTRIBUTES, city)).renaming_to is None

    @fact
    async def test_a_conversion_online_goes_on_and_ends_as_a_conversion_does(self, scene: Scene) -> None:
        city, [five, word] = await cities(scene, "5", "five")
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
        assert [await attributes_of(scene, five), await attributes_of(scene, word)] == [{"city": 5}, {}]
