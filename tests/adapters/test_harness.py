"""The machine finds databases that are almost right."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import attrs
import pytest
from hypothesis import HealthCheck, Phase, settings

from crm_adapters.memory import MemoryDatabase
from crm_core import Changes, Database, Decide, Document, Key, Known, Needs, Page, Query, Receipt
from crm_core.testing import USERS, assert_agreement


class LosesUpdates(MemoryDatabase):
    """Lets others in between reading and committing."""

    async def change(self, needs: Needs, decide: Decide) -> Document | None:
        known = await self.known(needs)
        await asyncio.sleep(0)

        def on_what_was_read(now: Known) -> Changes | Needs:
            return decide(attrs.evolve(now, records={**now.records, **known.records}))

        return await super().change(needs, on_what_was_read)


class ForgetsHistories(MemoryDatabase):
    async def changed_fields(self, key: Key, since: int) -> Sequence[str]:
        return sorted(await super().changed_fields(key, since))[:1]


class ForgetsReceipts(MemoryDatabase):
    async def receipt(self, user: int, key: str) -> Receipt | None:  # noqa: ARG002  # as the port has it
        return None


class SkipsBetweenPages(MemoryDatabase):
    """Begins each page one record too late."""

    async def page(self, query: Query) -> Page:
        page = await super().page(query)
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
