"""Tests of duplicates: every store finds the same groups, page by page, as the records are now."""

# ruff: noqa: D102  # a test's name is the fact that it states

from collections.abc import Sequence
from typing import Any, Final

from crm_core.model.duplicates import DuplicateGroup
from crm_core.resources import ATTRIBUTES, CLIENTS, LEADS, SERVICES, Resource
from crm_core.rules.likeness import MAX_ALIKE, likeness_keys
from crm_core.testing.scene import Facts, Scene, fact
from crm_core.use_cases import duplicates

#: Names in several scripts and spellings, with what keys are made of: blanks, legal forms, signs, letters without form.
_NAMES: Final = (
    "Acme GmbH & Co. KG",
    "ACME",
    "Zoë  Smythe-Jones",
    "jones smith, zoe",
    "Łukasz Ørsted",
    "Müller-Lüdenscheidt",
    "Иван Петров",
    "Petrov Иван",
    "Ltd",
    "%",
    "O'Neill_Phéck 7",
    "ΣΊΣΥΦΟΣ",
    "山田 太郎",
)
_VALUES: Final = (
    "Ann@Example.com",
    "ann@example.com ",
    "a@b",
    "@x.y",
    "+49 (151) 234-567.8",
    "0049151234567 8",
    "2026-01-31",
    "123456",
    "1234567890123456",
    "tel 1234567",
    "ﬀ@example.com",
)


class DuplicateFacts(Facts):
    """Records that may be duplicates."""

    @fact
    async def test_records_with_similar_names_or_the_same_value_are_groups(self, scene: Scene) -> None:
        for name in ("email", "phone"):
            await scene.create(ATTRIBUTES, "client", name=name, label=name, type="text")
        jon = await scene.create(CLIENTS, name="Jon Smyth", attributes={"email": "Jon@example.com"})
        smith = await scene.create(CLIENTS, name="SMITH, John", attributes={"email": "jon@example.com"})
        acme = await scene.create(CLIENTS, name="Acme GmbH", attributes={"phone": "+49 151 23456"})
        zoe = await scene.create(CLIENTS, name="Zoe", attributes={"phone": "+49 (151) 234-56"})
        await scene.create(CLIENTS, name="Nobody", attributes={"email": "no@example.com"})
        await scene.create(LEADS, name="Acme")
        groups = await _groups(scene, CLIENTS, 50)

        assert [[each.id for each in group.records] for group in groups] == [[jon, smith], [acme, zoe]]
        assert [[(each.field, each.match) for each in group.reasons] for group in groups] == [
            [("name", "similar"), ("attributes.email", "equal")],
            [("attributes.phone", "equal")],
        ]
        assert groups[0].score > groups[1].score == 0.9
        assert await _groups(scene, LEADS, 50) == []

    @fact
    async def test_pages_of_duplicates_have_every_group_once(self, scene: Scene) -> None:
        client = await scene.create(CLIENTS, name="c")
        for name in ("Ann Lee", "ann lee", "Bob", "BOB", "Bób", "Zed", "Eve Ray", "Ray Eve"):
            await scene.create(SERVICES, name=name, client=client)
        whole = await _groups(scene, SERVICES, 50)

        assert [[each.name for each in group.records] for group in whole] == [
            ["Ann Lee", "ann lee"],
            ["Bob", "BOB", "Bób"],
            ["Eve Ray", "Ray Eve"],
        ]
        assert await _groups(scene, SERVICES, 1) == await _groups(scene, SERVICES, 2) == whole

    @fact
    async def test_duplicates_follow_the_records(self, scene: Scene) -> None:
        await scene.create(ATTRIBUTES, "lead", name="email", label="e", type="text")
        one = await scene.create(LEADS, name="Ann Lee", attributes={"email": "a@example.com"})
        two = await scene.create(LEADS, name="Bob Ray")
        assert await _groups(scene, LEADS, 50) == []
        await scene.patch(LEADS, two, name="Lee Ann")
        assert len(await _groups(scene, LEADS, 50)) == 1
        await scene.patch(LEADS, two, name="Bob", attributes={"email": "A@example.com"})
        [group] = await _groups(scene, LEADS, 50)
        assert [each.field for each in group.reasons] == ["attributes.email"]
        await scene.delete(LEADS, one)
        assert await _groups(scene, LEADS, 50) == []

    @fact
    async def test_a_group_has_no_more_records_than_can_be_compared(self, scene: Scene) -> None:
        for _ in range(MAX_ALIKE + 1):
            await scene.create(LEADS, name="Test")
        [group] = await _groups(scene, LEADS, 50)
        assert len(group.records) == MAX_ALIKE

    @fact
    async def test_the_keys_of_a_store_are_those_of_the_core(self, scene: Scene) -> None:
        await scene.create(ATTRIBUTES, "lead", name="größe", label="g", type="text")
        made: list[dict[str, Any]] = [{"name": name} for name in _NAMES]
        made += [{"name": value, "attributes": {"größe": value}} for value in _VALUES]
        for values in made:
            for _ in range(2):  # what is there once has no key in common with anything
                await scene.create(LEADS, **values)
        page = await scene.db.alike("lead", after="", limit=1_000)

        expected: set[str] = set()
        for id_ in await scene.found(LEADS):
            lead = await scene.value(LEADS, id_)
            expected |= likeness_keys(lead.name, lead.attributes)
        assert [key for key, _ in page.alike] == sorted(expected)
        for key, records in page.alike:
            for record in records:
                lead = await scene.value(LEADS, record.id)
                assert (record.name, record.keys) == (lead.name, likeness_keys(lead.name, lead.attributes))
                assert key in record.keys


async def _groups(scene: Scene, resource: Resource, limit: int) -> Sequence[DuplicateGroup]:
    """Return all groups, read page by page."""
    groups: list[DuplicateGroup] = []
    cursor: str | None = ""
    while cursor is not None:
        params = {"limit": str(limit), "cursor": cursor}
        page = await duplicates.find(scene.db, scene.who, resource, params)
        groups += page.groups
        cursor = page.next
    return groups
