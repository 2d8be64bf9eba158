"""Databases that commit too much, too little, or twice."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import attrs

from crm_adapters.memory import MemoryDatabase
from crm_core import Changes, Decide, Decision, Document, Event, Key, Receipt, Webhook
from crm_core.model.events import EventPlace
from crm_core.testing.scene import deciding
from crm_core.webhooks.entity import MODELS


class LosesUpdates(MemoryDatabase):
    """Reads in one transaction and writes in the next, so that what comes in between is overwritten."""

    async def change(self, decide: Decide) -> Document | None:
        decision = Decision(decide)
        while decision.needs:
            decision.send(await self.known(decision.needs))
        await asyncio.sleep(0)
        return await super().change(deciding(decision.changes))


class CommitsHalf(MemoryDatabase):
    """Commits each write by itself, so that a failure leaves those before it."""

    def _commit(self, changes: Changes) -> None:
        if not changes.erasures:
            for write in changes.writes[:-1]:
                super()._commit(Changes(writes=(write,)))
            changes = attrs.evolve(changes, writes=changes.writes[-1:])
        super()._commit(changes)


class KeepsRefusedDeliveries(MemoryDatabase):
    """Keeps deliveries in a transaction of their own, which stays when the change is refused."""

    async def change(self, decide: Decide) -> Document | None:
        changes = self._decide(decide)
        self.outbox.append(changes.deliveries)
        return await super().change(decide)


class ForgetsReceipts(MemoryDatabase):
    """Carries out a repeated request again."""

    async def receipt(self, user: int, key: str) -> Receipt | None:  # noqa: ARG002  # as the port has it
        return None


class SharesReceipts(MemoryDatabase):
    """Finds the receipt of a request by its key alone, also that of another user."""

    async def receipt(self, user: int, key: str) -> Receipt | None:
        owners = [owner for owner, name in self._receipts._kept if name == key]
        return await super().receipt(owners[0] if owners else user, key)


class KeepsCatalogs(MemoryDatabase):
    """The catalog that a webhook leaves gets no new version, so that other processes go on calling it."""

    def _keep(self, key: Key, row: Any) -> None:
        before = self._rows.get(key)
        super()._keep(key, row)
        if row and before and isinstance(row.value, Webhook) and row.value.model != before.value.model:
            self.accounts.catalog_versions[MODELS[before.value.model][0]] -= 1


class ForgetsEventsOfRuns(MemoryDatabase):
    """Finds no event of an import, so that undoing it does nothing; no usual step shows it, only what is drawn."""

    async def events_of_run(self, run: UUID, *, before: EventPlace | None, limit: int) -> Sequence[Event]:  # noqa: ARG002  # as the port has it
        return ()
