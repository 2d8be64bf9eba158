"""Tests of catalogs: the definitions and webhooks of an entity, and their version."""

# ruff: noqa: D102  # a test's name is the fact that it states

import itertools
from collections.abc import Mapping
from typing import Any

import pytest

from crm_core.errors import InvalidError
from crm_core.model.entities import ENTITIES
from crm_core.resources import ATTRIBUTES, CLIENTS, WEBHOOKS
from crm_core.rules.needs import Needs
from crm_core.testing.scene import Facts, Scene, fact


class CatalogFacts(Facts):
    """Catalogs as decisions know them."""

    @fact
    async def test_every_change_of_an_attribute_moves_its_catalog_alone(self, scene: Scene) -> None:
        versions = [await self._versions(scene)]
        id_ = await scene.create(ATTRIBUTES, "client", name="n", label="l", type="text")
        versions.append(await self._versions(scene))
        await scene.patch(ATTRIBUTES, id_, label="m")
        versions.append(await self._versions(scene))
        await scene.delete(ATTRIBUTES, id_)
        versions.append(await self._versions(scene))

        assert _ascends(version["client"] for version in versions)
        assert len({(version["lead"], version["service"], version["follow_up"]) for version in versions}) == 1

    @fact
    async def test_every_change_of_a_webhook_moves_the_catalogs_of_its_models(self, scene: Scene) -> None:
        versions = [await self._versions(scene)]
        id_ = await scene.create(WEBHOOKS, name="w", model="Lead", url="https://example.com")
        versions.append(await self._versions(scene))
        await scene.patch(WEBHOOKS, id_, model="FollowUp")
        versions.append(await self._versions(scene))
        await scene.delete(WEBHOOKS, id_)
        versions.append(await self._versions(scene))

        assert _ascends(version["lead"] for version in versions[:3])
        assert _ascends(version["follow_up"] for version in versions[1:])
        assert len({(version["client"], version["service"]) for version in versions}) == 1

    async def _versions(self, scene: Scene) -> Mapping[str, int]:
        return {entity: (await scene.catalog(entity)).version for entity in ENTITIES}

    @fact
    async def test_a_catalog_has_definitions_by_name_and_the_active_webhooks(self, scene: Scene) -> None:
        ids = [await scene.create(ATTRIBUTES, "lead", name=name, label="l", type="date") for name in ("é", "b")]
        await scene.create(ATTRIBUTES, "client", name="é", label="l", type="text")
        hook: dict[str, object] = {"name": "w", "url": "https://example.com", "headers": {"X-A": "secret"}}
        active = [await scene.create(WEBHOOKS, model="Lead", **hook) for _ in range(2)]
        await scene.create(WEBHOOKS, model="Lead", is_active=False, **hook)
        await scene.create(WEBHOOKS, model="Client", **hook)
        catalog = await scene.catalog("lead")

        assert {name: definition.id for name, definition in catalog.definitions.items()} == dict(
            zip(("é", "b"), ids, strict=True)
        )
        assert {definition.entity for definition in catalog.definitions.values()} == {"lead"}
        assert [webhook.id for webhook in catalog.webhooks] == active
        assert catalog.webhooks[0] == await scene.value(WEBHOOKS, active[0])

    @fact
    async def test_a_catalog_is_as_fresh_as_is_asked(self, scene: Scene) -> None:
        """A caller who got a version with the credentials never gets an older one."""
        for number in range(5):
            await scene.create(ATTRIBUTES, "lead", name=f"n{number}", label="l", type="text")
            seen = (await scene.catalog("lead")).version
            known = await scene.db.known(Needs(catalogs={"lead": seen}))

            assert known.catalogs["lead"].version >= seen
            assert len(known.catalogs["lead"].definitions) == number + 1

    @fact
    async def test_a_requirement_counts_from_the_next_change_on(self, scene: Scene) -> None:
        await scene.create(CLIENTS, name="a")
        await scene.create(ATTRIBUTES, "client", name="n", label="l", type="text", is_required=True)

        with pytest.raises(InvalidError):
            await scene.create(CLIENTS, name="b", attributes={})


def _ascends(values: Any) -> bool:
    return all(one < next_ for one, next_ in itertools.pairwise(values))
