"""Facts about a store that cannot be reached: every operation raises one error, which no driver's error is."""

# ruff: noqa: D102  # a test's name is the fact that it states

from contextlib import AbstractAsyncContextManager
from typing import Final
from uuid import UUID

import pytest

from crm_core.engine.queries import Query
from crm_core.errors import UnavailableError
from crm_core.model.records import Key
from crm_core.ports import Database
from crm_core.resources import CLIENTS
from crm_core.rules.needs import Needs
from crm_core.testing.pairs import USERS
from crm_core.testing.scene import Facts, Scene, fact

_KEY: Final = Key("client", UUID(int=1))


class UnavailableContract(Facts):
    """All tests of a Database whose store is gone: ``open`` yields one, for example with the address of no server."""

    def open(self) -> AbstractAsyncContextManager[Database]:
        """Open a database whose store cannot be reached."""
        raise NotImplementedError

    @fact
    async def test_a_read_raises_unavailable_error(self, scene: Scene) -> None:
        with pytest.raises(UnavailableError):
            await scene.db.get(_KEY)

    @fact
    async def test_what_a_decision_needs_raises_unavailable_error(self, scene: Scene) -> None:
        with pytest.raises(UnavailableError):
            await scene.db.known(Needs(records=frozenset({_KEY})))

    @fact
    async def test_a_page_and_a_stream_raise_unavailable_error(self, scene: Scene) -> None:
        with pytest.raises(UnavailableError):
            await scene.db.page(Query(resource=CLIENTS, limit=1))
        with pytest.raises(UnavailableError):
            async for _ in scene.db.stream(Query(resource=CLIENTS), separator=","):
                pass

    @fact
    async def test_a_history_raises_unavailable_error(self, scene: Scene) -> None:
        with pytest.raises(UnavailableError):
            await scene.db.history(_KEY)
        with pytest.raises(UnavailableError):
            await scene.db.receipt(USERS[0], "key")

    @fact
    async def test_a_change_raises_unavailable_error(self, scene: Scene) -> None:
        with pytest.raises(UnavailableError):
            await scene.create(CLIENTS, name="a")
