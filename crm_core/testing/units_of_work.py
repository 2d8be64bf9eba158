"""Tests of units of work: several use cases are committed together or not at all."""

# ruff: noqa: D102  # a test's name is the fact that it states

import attrs
import pytest

from crm_core.errors import InUseError, InvalidError, NotFoundError
from crm_core.model.accounts import Idempotency
from crm_core.model.records import Key
from crm_core.resources import CLIENTS, LEADS, SERVICES
from crm_core.testing.scene import Facts, Scene, fact
from crm_core.use_cases import records
from crm_core.use_cases.units_of_work import unit_of_work


class UnitOfWorkFacts(Facts):
    """What a Database must show about units of work."""

    @fact
    async def test_the_changes_of_a_unit_of_work_are_committed_at_its_end(self, scene: Scene) -> None:
        async with unit_of_work(scene.db) as work:
            client, _ = await records.create(work, scene.who, CLIENTS, {"name": "a"})
            service, _ = await records.create(work, scene.who, SERVICES, {"name": "s", "client": str(client)})
            changed = await records.patch(work, scene.who, CLIENTS, client, {"name": "b"})
            seen = await records.get(work, scene.who, CLIENTS, client)
            assert await scene.db.get(Key("client", client)) is None

        assert changed == seen == await scene.db.get(Key("client", client))
        assert seen.version == 2
        assert (await scene.value(SERVICES, service)).client == client

    @fact
    async def test_a_unit_of_work_that_fails_leaves_nothing(self, scene: Scene) -> None:
        id_ = await scene.create(CLIENTS, name="a")

        async def fail() -> None:
            async with unit_of_work(scene.db) as work:
                await records.patch(work, scene.who, CLIENTS, id_, {"name": "b"})
                await records.create(work, scene.who, LEADS, {"name": ""})

        with pytest.raises(InvalidError):
            await fail()
        assert await scene.version(CLIENTS, id_) == 1

    @fact
    async def test_a_refused_use_case_whose_error_is_caught_has_no_effect(self, scene: Scene) -> None:
        client = await scene.create(CLIENTS, name="a")
        async with unit_of_work(scene.db) as work:
            await records.create(work, scene.who, SERVICES, {"name": "s", "client": str(client)})
            with pytest.raises(InUseError):
                await records.delete(work, scene.who, CLIENTS, client)

        assert len(await scene.found(SERVICES)) == 1

    @fact
    async def test_what_others_change_meanwhile_is_not_overwritten(self, scene: Scene) -> None:
        kept, gone = [await scene.create(CLIENTS, name="a") for _ in range(2)]
        async with unit_of_work(scene.db) as work:
            await records.patch(work, scene.who, CLIENTS, kept, {"name": "b"})
            await scene.patch(CLIENTS, kept, list_of_notes=[{"note": "n"}])

        value = await scene.value(CLIENTS, kept)
        assert (value.name, len(value.list_of_notes)) == ("b", 1)

        async def lose() -> None:
            async with unit_of_work(scene.db) as work:
                await records.patch(work, scene.who, CLIENTS, kept, {"name": "c"})
                await records.patch(work, scene.who, CLIENTS, gone, {"name": "c"})
                await scene.delete(CLIENTS, gone)

        with pytest.raises(NotFoundError):
            await lose()
        assert (await scene.value(CLIENTS, kept)).name == "b"

    @fact
    async def test_a_unit_of_work_takes_no_idempotency_key(self, scene: Scene) -> None:
        who = attrs.evolve(scene.who, idempotency=Idempotency("key", b"asked"))
        with pytest.raises(ValueError, match="idempotency"):
            async with unit_of_work(scene.db) as work:
                await records.create(work, who, CLIENTS, {"name": "a"})

        assert await scene.found(CLIENTS) == []
