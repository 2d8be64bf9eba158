"""The harness itself: the machine finds databases that are almost right, and records that are drawn can be kept."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import attrs
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from crm_adapters import documents
from crm_adapters.memory import MemoryDatabase
from crm_core import RESOURCES, Database, Decide, Decision, Document, Key, Page, Query, Receipt, Resource
from crm_core.model.documents import parse_json, plain
from crm_core.testing import USERS, assert_agreement, entities
from crm_core.testing.scene import deciding


class LosesUpdates(MemoryDatabase):
    """Lets others in between reading and committing."""

    async def change(self, decide: Decide) -> Document | None:
        decision = Decision(decide)
        while decision.needs:
            decision.send(await self.known(decision.needs))
        await asyncio.sleep(0)
        return await super().change(deciding(decision.changes))


class ForgetsHistories(MemoryDatabase):
    async def changed_fields(self, key: Key, since: int) -> Sequence[str]:
        return sorted(await super().changed_fields(key, since))[:1]


class ForgetsReceipts(MemoryDatabase):
    async def receipt(self, user: int, key: str) -> Receipt | None:  # noqa: ARG002  # as the port has it
        return None


class SkipsBetweenPages(MemoryDatabase):
    """Begins each page one record too late."""

    async def page(self, query: Query, *, reader: int | None = None) -> Page:
        page = await super().page(query, reader=reader)
        return (
            page
            if query.after is None or page.next is None
            else await super().page(attrs.evolve(query, after=page.next))
        )


@pytest.mark.parametrize("faulty", [LosesUpdates, ForgetsHistories, ForgetsReceipts, SkipsBetweenPages])
def test_what_is_almost_right_does_not_agree(faulty: type[MemoryDatabase]) -> None:
    @asynccontextmanager
    async def pair() -> AsyncIterator[tuple[Database, Database]]:
        both = MemoryDatabase(), faulty()
        for database in both:
            for number in USERS:
                await database.accounts.add_user(f"user {number}", "!")
        yield both

    quick = settings(
        max_examples=60,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    with pytest.raises(AssertionError):
        assert_agreement(pair, settings=quick)


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=lambda resource: resource.name)
@given(data=st.data())
def test_every_record_that_is_drawn_is_its_document(resource: Resource, data: st.DataObject) -> None:
    record = data.draw(entities(resource))
    document = documents.encode(record)

    assert documents.decode(resource.name, document) == record
    assert parse_json(document) == plain(record)
