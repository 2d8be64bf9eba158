"""Renames and conversions in PostgreSQL: their indexes, and a server that ends the session half-way."""

import asyncio
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest

from crm_core.errors import UnavailableError
from crm_core.resources import ATTRIBUTES, CLIENTS
from crm_core.testing.scene import Scene, fact
from crm_core.testing.uniqueness import unique_state
from crm_core.use_cases.evolution_requests import Target
from crm_core.use_cases.evolutions import evolve
from tests.adapters.postgres.on_postgres import OnPostgres

_INDEXES = """
select relname, pg_get_indexdef(indexrelid) from pg_index join pg_class on pg_class.oid = indexrelid
where relname ~ '^(attribute|unique)_[0-9a-f]{32}'"""
_WAITING = "select pid from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"


class TestEvolutions(OnPostgres):
    """Facts beyond the contract."""

    @fact
    async def test_indexes_follow_the_name_and_the_type_in_the_commit(self, scene: Scene) -> None:
        flags = {"is_indexed": True, "is_unique": True}
        key = await scene.create(ATTRIBUTES, "client", name="key", label="Key", type="text", **flags)
        await unique_state(scene, key)
        await scene.create(CLIENTS, name="c", attributes={"key": "1"})
        await evolve(scene.db, scene.who, "rename", Target(key), {"name": "code"})
        assert {name: "'code'" in text for name, text in self._own(key).items()} == {"attribute": True, "unique": True}
        await evolve(scene.db, scene.who, "convert", Target(key), {"type": "number"})

        assert all("crm_number(attributes, 'code'" in text for text in self._own(key).values())
        async with asyncio.timeout(30):
            while any("_replaced_" in name for name, _ in self._rows(_INDEXES)):  # noqa: ASYNC110  # it drops them beside
                await asyncio.sleep(0.05)
        assert len(self._rows(_INDEXES)) == 2

    @fact
    async def test_a_rename_that_is_killed_half_way_changes_nothing_and_can_be_made_again(self, scene: Scene) -> None:
        city = await scene.create(ATTRIBUTES, "client", name="city", label="City", type="text")
        ids = [await scene.create(CLIENTS, name="c", attributes={"city": "Ulm"}) for _ in range(3)]
        with psycopg.connect(self.url) as holder:
            holder.execute("select from client where id = %s for update", (ids[-1],))
            renaming = asyncio.create_task(evolve(scene.db, scene.who, "rename", Target(city), {"name": "town"}))
            async with asyncio.timeout(30):
                while not (waiting := self._rows(_WAITING)):  # noqa: ASYNC110  # no event tells that it waits
                    await asyncio.sleep(0.02)
            self._rows("select pg_terminate_backend(%s)", *waiting[0])
            with pytest.raises(UnavailableError):
                await renaming
        assert [(await scene.value(CLIENTS, id_)).attributes for id_ in ids] == [{"city": "Ulm"}] * 3
        await evolve(scene.db, scene.who, "rename", Target(city), {"name": "town"})

        assert [(await scene.value(CLIENTS, id_)).attributes for id_ in ids] == [{"town": "Ulm"}] * 3
        assert [await scene.version(CLIENTS, id_) for id_ in ids] == [2] * 3

    def _own(self, key: Any) -> dict[str, str]:
        """Return the definitions of the indexes of an attribute, by kind."""
        return {name.split("_")[0]: text for name, text in self._rows(_INDEXES) if name.endswith(f"_{key.hex}")}

    def _rows(self, statement: str, *params: object) -> Sequence[Any]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(statement.encode(), params or None).fetchall()
