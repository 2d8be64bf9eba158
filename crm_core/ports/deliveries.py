"""Deliveries of webhooks: what keeps them, shows them and sends them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from crm_core.webhooks.attempts import Attempt, Claim, Outcome
from crm_core.webhooks.circuit_breaker import Health
from crm_core.webhooks.delivery_log import DeliveryDetail, LoggedDelivery, LogQuery
from crm_core.webhooks.retries import Result


class Outbox(Protocol):
    """Keeps deliveries until they are sent, for workers. The clock is that of the store. May raise UnavailableError."""

    async def claim(self, limit: int, in_flight: Mapping[UUID, int], *, idle_only: bool = False) -> Claim:
        """Return attempts that are due, each under a lease within which no other worker is given it.

        Attempts are made by ``make_attempt`` from the webhooks as they are now.

        Of each record and webhook only the first unfinished delivery is due, of each endpoint a few, and of an
        endpoint that fails one. Those of a lower ``Delivery.priority`` number come first at each endpoint, and one for
        which such a one of its record waits soon does, too. Deliveries of endpoints that are paused or not active wait.

        Args:
            limit: the most attempts, shared fairly among all endpoints.
            in_flight: how many attempts this worker has under way, by webhook.
            idle_only: take only endpoints that do not fail and have nothing under way, one attempt for each.
        """
        ...

    async def record_results(self, results: Sequence[Result]) -> Mapping[UUID, Health]:
        """Record the results of attempts and return the health of the webhooks that failed.

        A result whose claim is not the latest changes nothing: its lease was over, and another worker has the delivery.
        A delivery that was cancelled during the attempt stays cancelled unless the receiver accepted it.
        """
        ...

    async def release(self, attempts: Sequence[Attempt]) -> None:
        """Give back attempts that were begun and have not ended; their deliveries are due at once."""

    async def pause(self, webhook: UUID, seconds: float) -> None:
        """Send nothing to an endpoint for some seconds."""

    async def reset_health(self, webhook: UUID) -> None:
        """Forget the failures of an endpoint."""

    async def clean(self) -> int:
        """Delete some deliveries that expired (``delivery_log.RETENTION``) or lost their webhook; return how many."""
        ...

    async def wait_for_work(self) -> None:
        """Wait until something may have become due. It may miss something, so workers also poll."""


class DeliveryLog(Protocol):
    """The log of a webhook's deliveries, and its secrets, for its administrators."""

    async def find(self, webhook: UUID, query: LogQuery) -> Sequence[LoggedDelivery]:
        """Return deliveries of a webhook, the newest first."""
        ...

    async def get(self, webhook: UUID, delivery: UUID) -> tuple[LoggedDelivery, DeliveryDetail] | None:
        """Return one delivery with its request and the last answer; None if the webhook has no such delivery."""

    async def redeliver(self, webhook: UUID, delivery: UUID) -> None:
        """Send a delivery again from its first attempt on; does nothing while it is being sent."""

    async def cancel(self, webhook: UUID, delivery: UUID) -> None:
        """Finish a delivery that waits; the record's next one becomes due. Does nothing to a finished one.

        An attempt under way goes on: if it succeeds the delivery is ``delivered``, else it stays ``cancelled``.
        """

    async def recover(self, webhook: UUID, since: datetime) -> int:
        """Send all deliveries again that died since then; return how many."""
        ...

    async def secret(self, webhook: UUID) -> str | None:
        """Return the secret that a webhook's requests are signed with."""

    async def first_secret(self, webhook: UUID) -> str | None:
        """Return the secret that a webhook was created with; None if it has been replaced."""

    async def rotate(self, webhook: UUID, secret: str) -> None:
        """Sign with a new secret, and for a day (``entity.SECRET_OVERLAP``) also with the earlier ones."""


class WebhookSender(Protocol):
    """Sends requests to webhooks' receivers."""

    async def send(self, attempt: Attempt) -> Outcome:
        """Try once, within a total deadline, and return the outcome, which says what went wrong. Raises nothing."""
        ...
