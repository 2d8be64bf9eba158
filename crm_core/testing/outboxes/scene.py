"""A database with its outbox, and what the tests of outboxes do with them."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import attrs
import pytest

from crm_core.ports import Database, DeliveryLog, Outbox
from crm_core.resources import LEADS, WEBHOOKS
from crm_core.testing.scene import OnOneLoop, Scene
from crm_core.use_cases import records
from crm_core.webhooks.attempts import Attempt, Outcome
from crm_core.webhooks.deliveries import PRIORITY_OF_RUNS, DeliveryState
from crm_core.webhooks.delivery_log import LoggedDelivery
from crm_core.webhooks.retries import Result

TAKEN = Outcome(status=200, answer="thank you")
BROKEN = Outcome(status=500, answer="sorry")


class WholeOutbox(Outbox, DeliveryLog, Protocol):
    """Both ports, as adapters have them."""


class Opened(NamedTuple):
    """A database and its outbox."""

    database: Database
    outbox: WholeOutbox


class Post(Scene):
    """A scene with an outbox."""

    def __init__(self, opened: Opened) -> None:
        super().__init__(opened.database)
        self.outbox: WholeOutbox = opened.outbox

    async def hook(self, **values: object) -> UUID:
        """Create a webhook for leads."""
        return await self.create(WEBHOOKS, **{"name": "w", "model": "Lead", "url": "https://a.example/{id}"} | values)

    async def lead(self, name: str = "John") -> UUID:
        """Create a lead."""
        return await self.create(LEADS, name=name)

    async def lead_of_run(self) -> UUID:
        """Create a lead as a run over many records does."""
        who = attrs.evolve(self.who, priority=PRIORITY_OF_RUNS)
        id_, _ = await records.create(self.db, who, LEADS, {"name": "John"})
        return id_

    async def claim(self, limit: int = 100, in_flight: dict[UUID, int] | None = None) -> Sequence[Attempt]:
        """Claim all attempts that are due, by as many claims as that takes."""
        attempts: list[Attempt] = []
        more = True
        while more and len(attempts) < limit:
            found, more = await self.outbox.claim(
                limit - len(attempts), Counter(in_flight or {}) + by_webhook(attempts)
            )
            attempts += found
        return attempts

    async def claim_one(self) -> Attempt:
        """Claim the only attempt that is due."""
        [attempt] = await self.claim()
        return attempt

    async def settle(
        self, attempt: Attempt, state: DeliveryState, outcome: Outcome = BROKEN, wait: float = 0.0
    ) -> None:
        """Record the result of an attempt."""
        await self.outbox.record_results([result(attempt, state, outcome, wait)])

    async def deliver(self, attempt: Attempt) -> None:
        """Record that an attempt succeeded."""
        await self.settle(attempt, "delivered", TAKEN)

    async def logged(self, webhook: UUID, delivery: UUID) -> LoggedDelivery:
        """Return a delivery from the log, which must exist."""
        found = await self.outbox.get(webhook, delivery)
        assert found is not None
        return found[0]


def result(attempt: Attempt, state: DeliveryState, outcome: Outcome = BROKEN, wait: float = 0.0) -> Result:
    """Return the result of an attempt."""
    return Result(delivery=attempt.delivery, claim=attempt.claim, state=state, wait=wait, outcome=outcome)


def by_webhook(attempts: Sequence[Attempt]) -> Counter[UUID]:
    """Return how many attempts there are of each webhook."""
    return Counter(each.webhook for each in attempts)


def sent_body(attempt: Attempt) -> Any:
    """Return the decoded JSON body of an attempt."""
    return json.loads(attempt.body)


class OutboxFacts(OnOneLoop):
    """A class of tests of an outbox and its database, which a subclass opens."""

    def open_both(self) -> AbstractAsyncContextManager[Opened]:
        """Return a context manager of an empty database, as ``Facts.open`` does, with its outbox."""
        raise NotImplementedError

    async def elapse(self, time: timedelta) -> None:
        """Let time pass in the outbox."""
        raise NotImplementedError

    def now(self) -> datetime:
        """Return the time of the outbox."""
        return datetime.now(UTC)

    @pytest.fixture
    def post(self) -> Iterator[Post]:
        """Open an empty database with its outbox."""
        yield from map(Post, self.opened(self.open_both()))
