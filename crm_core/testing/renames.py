"""Tests of renamed attributes and values: all that names or holds them moves in one commit."""

# ruff: noqa: D102  # a test's name is the fact that it states

import pytest

from crm_core.errors import AttributeInUseError, InvalidError, VersionConflictError
from crm_core.model.records import Key
from crm_core.resources import ATTRIBUTES, CLIENTS, WEBHOOKS
from crm_core.testing.evolving import HOOK, attributes_of, cities, colors, dry_run, evolve, write
from crm_core.testing.scene import Facts, Scene, at_once, fact
from crm_core.testing.uniqueness import unique_state
from crm_core.use_cases import evolutions, restorations
from crm_core.use_cases.evolution_requests import Target
from crm_core.use_cases.online_evolutions import rename_online


class RenameFacts(Facts):
    """Renames of attributes."""

    @fact
    async def test_a_rename_moves_the_values_of_all_records_in_one_commit(self, scene: Scene) -> None:
        city, (ulm, _, none) = await cities(scene, "Ulm", "Bonn", None)
        before = (await scene.catalog("client")).version
        await evolve(scene, "rename", city, name="town")

        assert [await attributes_of(scene, id_) for id_ in (ulm, none)] == [{"town": "Ulm"}, {}]
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
        city, _ = await cities(scene)
        hook = await scene.create(WEBHOOKS, **HOOK)
        idle = await scene.create(WEBHOOKS, **{**HOOK, "is_active": False})
        other = await scene.create(WEBHOOKS, name="other", model="Client", url="https://example.com/")
        await evolve(scene, "rename", city, name="town")

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
        city, [ulm] = await cities(scene, "Ulm")
        await evolve(scene, "rename", city, name="town")
        for attempt in (
            scene.patch(CLIENTS, ulm, attributes={"city": "Bonn"}),
            scene.found(CLIENTS, **{"attributes.city": "Ulm"}),
            scene.create(WEBHOOKS, **HOOK),
        ):
            with pytest.raises(InvalidError, match=r"renamed to .*town"):
                await attempt
        await scene.create(ATTRIBUTES, "client", name="city", label="City", type="text")

        await scene.patch(CLIENTS, ulm, attributes={"city": "new", "town": "Ulm"})
        assert await scene.found(CLIENTS, **{"attributes.city": "new"}) == [ulm]

    @fact
    async def test_an_attribute_can_get_its_former_name_again(self, scene: Scene) -> None:
        city, [ulm] = await cities(scene, "Ulm")
        await evolve(scene, "rename", city, name="town")
        await evolve(scene, "rename", city, name="city")

        assert await attributes_of(scene, ulm) == {"city": "Ulm"}
        assert (await scene.value(ATTRIBUTES, city)).former_names == ("town",)
        with pytest.raises(InvalidError, match=r"renamed to .*city"):
            await scene.found(CLIENTS, **{"attributes.town": "Ulm"})

    @fact
    async def test_a_name_that_is_taken_or_malformed_or_held_by_records_is_refused(self, scene: Scene) -> None:
        city, [ulm] = await cities(scene, "Ulm")
        old = await scene.create(ATTRIBUTES, "client", name="old", label="Old", type="text")
        for name in ("old", "a b", "", "x" * 101):
            with pytest.raises(InvalidError):
                await evolve(scene, "rename", city, name=name)
        await scene.patch(CLIENTS, ulm, attributes={"city": "Ulm", "old": "kept"})
        await scene.delete(ATTRIBUTES, old)
        with pytest.raises(AttributeInUseError, match="1 record holds a value under `old`"):
            await evolve(scene, "rename", city, name="old")
        with pytest.raises(VersionConflictError):
            await evolutions.evolve(scene.db, scene.who, "rename", Target(city, frozenset({7})), {"name": "town"})
        assert await attributes_of(scene, ulm) == {"city": "Ulm", "old": "kept"}

    @fact
    async def test_a_name_of_another_attribute_is_refused_as_such_though_records_hold_it(self, scene: Scene) -> None:
        city, [ulm] = await cities(scene, "Ulm")
        await scene.create(ATTRIBUTES, "client", name="town", label="Town", type="text")
        await scene.patch(CLIENTS, ulm, attributes={"city": "Ulm", "town": "Ulm"})
        for rename in (dry_run, evolve):
            with pytest.raises(InvalidError, match="name: This field must be unique"):
                await rename(scene, "rename", city, name="town")
        with pytest.raises(InvalidError, match="name: This field must be unique"):
            await anext(rename_online(scene.db, lambda: scene.who, Target(city), "town"))

    @fact
    async def test_a_renamed_unique_attribute_stays_unique(self, scene: Scene) -> None:
        key = await scene.create(ATTRIBUTES, "client", name="key", label="Key", type="text", is_unique=True)
        await unique_state(scene, key)
        first = await scene.create(CLIENTS, name="c", attributes={"key": "A"})
        await evolve(scene, "rename", key, name="code")

        assert (await scene.value(ATTRIBUTES, key)).is_unique is True
        with pytest.raises(InvalidError):
            await scene.create(CLIENTS, name="d", attributes={"code": "a"})
        assert await attributes_of(scene, first) == {"code": "A"}

    @fact
    async def test_writers_beside_a_rename_leave_no_value_under_the_old_name(self, scene: Scene) -> None:
        city, ids = await cities(scene, *"abcdefgh")
        writes = [write(scene, id_, number) for id_ in ids for number in range(2)]
        await at_once(*writes[:8], evolve(scene, "rename", city, name="town"), *writes[8:])

        assert [set(await attributes_of(scene, id_)) for id_ in ids] == [{"town"}] * 8
        assert await scene.db.count_holders("client", "city") == 0

    @fact
    async def test_a_version_from_before_a_rename_is_restored_under_the_new_name(self, scene: Scene) -> None:
        city, [ulm] = await cities(scene, "Ulm")
        await scene.patch(CLIENTS, ulm, attributes={"city": "Bonn"})
        await evolve(scene, "rename", city, name="town")
        await restorations.restore(scene.db, scene.who, restorations.Target(CLIENTS, ulm, 1), {})

        assert await attributes_of(scene, ulm) == {"town": "Ulm"}

    @fact
    async def test_a_dry_run_counts_and_changes_nothing(self, scene: Scene) -> None:
        city, [ulm, _] = await cities(scene, "Ulm", "Bonn")
        hook = await scene.create(WEBHOOKS, **HOOK)
        report = await dry_run(scene, "rename", city, name="town")

        assert (report.records, report.webhooks, report.indexes, report.refusals) == (2, 1, 0, ())
        assert [each.webhook for each in report.named_webhooks] == [hook]
        assert await attributes_of(scene, ulm) == {"city": "Ulm"}
        deletion = await evolutions.delete_dry_run(scene.db, scene.who, Target(city))
        assert (deletion.records, deletion.webhooks) == (2, 1)
        assert [await scene.version(ATTRIBUTES, city), await scene.version(WEBHOOKS, hook)] == [1, 1]


class ValueFacts(Facts):
    """Values of lists that change."""

    @fact
    async def test_a_renamed_value_moves_inside_lists_and_stands_there_once(self, scene: Scene) -> None:
        color, ids = await colors(scene, "red", ["red", "blue"], ["green", "red"], "green")
        hook = await scene.create(
            WEBHOOKS,
            name="w",
            model="Client",
            url="https://example.com/",
            conditions=[{"field": "attributes.color", "operator": "contains", "value": "red"}],
        )
        report = await dry_run(scene, "values/rename", color, **{"from": "red", "to": "blue"})
        await evolve(scene, "values/rename", color, **{"from": "red", "to": "blue"})

        assert (report.records, report.merged, report.webhooks) == (3, 1, 1)
        held = [(await attributes_of(scene, id_))["color"] for id_ in ids]
        assert held == ["blue", ["blue"], ["green", "blue"], "green"]
        assert (await scene.value(ATTRIBUTES, color)).list_values == ("blue", "green")
        assert (await scene.value(WEBHOOKS, hook)).conditions[0].value == "blue"
        assert await scene.version(CLIENTS, ids[3]) == 1

    @fact
    async def test_a_value_in_use_is_removed_only_with_a_replacement(self, scene: Scene) -> None:
        color, [red, _] = await colors(scene, ["red"], "blue")
        with pytest.raises(AttributeInUseError, match="1 record holds this value"):
            await evolve(scene, "values/remove", color, value="red")
        await evolve(scene, "values/remove", color, value="green")
        with pytest.raises(InvalidError):
            await evolve(scene, "values/remove", color, value="red", replace_with="none")
        await evolve(scene, "values/remove", color, value="red", replace_with="blue")

        assert (await scene.value(ATTRIBUTES, color)).list_values == ("blue",)
        assert await attributes_of(scene, red) == {"color": ["blue"]}

    @fact
    async def test_only_values_of_lists_are_renamed(self, scene: Scene) -> None:
        city, _ = await cities(scene, "Ulm")
        color, _ = await colors(scene)
        for id_, old in ((city, "Ulm"), (color, "pink")):
            with pytest.raises(InvalidError):
                await evolve(scene, "values/rename", id_, **{"from": old, "to": "b"})

    @fact
    async def test_a_version_from_before_a_renamed_value_is_restored_with_the_new_one(self, scene: Scene) -> None:
        color, [id_] = await colors(scene, ["red", "green"])
        await scene.patch(CLIENTS, id_, attributes={"color": "green"})
        await evolve(scene, "values/rename", color, **{"from": "red", "to": "crimson"})
        await restorations.restore(scene.db, scene.who, restorations.Target(CLIENTS, id_, 1), {})

        assert await attributes_of(scene, id_) == {"color": ["crimson", "green"]}
