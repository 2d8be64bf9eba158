"""Deliveries in memory."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import attrs

from crm_adapters import json_documents
from crm_core.model.authors import with_author
from crm_core.use_cases.callers import new_secret
from crm_core.webhooks.attempts import LEASE, MAX_CONCURRENCY_PER_ENDPOINT, Attempt, Claim
from crm_core.webhooks.circuit_breaker import Health
from crm_core.webhooks.deliveries import Delivery, DeliveryState
from crm_core.webhooks.delivery_log import RETENTION, DeliveryDetail, LoggedDelivery, LogQuery
from crm_core.webhooks.entity import SECRET_OVERLAP, Webhook
from crm_core.webhooks.requests import NO_FORMER_NAMES, FormerNames, WebhookRequest, make_attempt
from crm_core.webhooks.retries import Result


@attrs.define(kw_only=True)
class _Row:
    delivery: Delivery
    request: WebhookRequest
    body: bytes
    state: DeliveryState
    next_at: datetime
    created_at: datetime
    attempts: int = 0
    claims: int = 0
    status: int | None = None
    error: str = ""
    answer: str = ""
    attempted_at: datetime | None = None
    finished_at: datetime | None = None

    def record(self, result: Result, now: datetime) -> None:
        """Record the result of the last attempt. A cancelled delivery that was accepted after all is delivered."""
        self.attempted_at, self.request = now, result.request or self.request
        self.status, self.error, self.answer = result.outcome.status, result.outcome.error, result.outcome.answer
        if self.state == "cancelled" and result.state != "delivered":
            return
        self.state = result.state
        if result.state == "pending":
            self.next_at = now + timedelta(seconds=result.wait)
        else:
            self.finished_at = now


@attrs.define(kw_only=True)
class _Endpoint:
    failures: int
    failing_since: datetime
    paused_until: datetime


class _Secret(NamedTuple):
    secret: str
    until: datetime | None = None


class MemoryOutbox:
    """Deliveries in memory (``crm_core.ports.Outbox`` and ``DeliveryLog``).

    Args:
        webhook: returns a webhook, or None if there is none with that id.
        clock: returns the time in UTC.
        former_names: returns the former names of the attributes of a webhook's model (``make_attempt``).
    """

    def __init__(
        self,
        webhook: Callable[[UUID], Webhook | None],
        clock: Callable[[], datetime],
        former_names: Callable[[Webhook], FormerNames] = lambda _: NO_FORMER_NAMES,
    ) -> None:
        self._webhook = webhook
        self._former_names = former_names
        self._clock = clock
        self._rows: dict[UUID, _Row] = {}
        self._endpoints: dict[UUID, _Endpoint] = {}
        self._secrets: dict[UUID, list[_Secret]] = {}
        self._has_work = False
        self._waiting: asyncio.Event | None = None

    # Called by its database

    def append(self, deliveries: Iterable[Delivery]) -> None:
        """Keep the deliveries of a commit, except those of webhooks that it deletes."""
        now = self._clock()
        for delivery in (each for each in deliveries if each.webhook in self._secrets):
            self._rows[delivery.id] = _Row(
                delivery=delivery,
                request=WebhookRequest(delivery.method, delivery.url, delivery.headers),
                body=json_documents.body_of(delivery),
                state="dead" if delivery.error else "pending",
                error=delivery.error,
                next_at=now,
                created_at=now,
                finished_at=now if delivery.error else None,
            )
            self._wake()

    def forget(self, erased: Mapping[UUID, int]) -> None:
        """Delete the deliveries of erased records before the versions of their erasures."""
        self._rows = {
            id_: row for id_, row in self._rows.items() if row.delivery.version >= erased.get(row.delivery.record, 0)
        }

    def rename_author(self, user: int, name: str) -> None:
        """Put a name in place of a user's."""
        for row in self._rows.values():
            row.body = with_author(row.body.decode(), user, name).encode()

    def add_webhook(self, webhook: UUID) -> None:
        """Make a secret for a new webhook."""
        self._secrets.setdefault(webhook, [_Secret(new_secret())])

    def secrets_of(self, webhook: UUID) -> Sequence[tuple[str, datetime | None]]:
        """Return the secrets of a webhook, the newest first, each with the time until which it signs."""
        return [(each.secret, each.until) for each in self._secrets[webhook]]

    def set_secrets(self, webhook: UUID, secrets: Iterable[tuple[str, datetime | None]]) -> None:
        """Set what ``secrets_of`` returns."""
        self._secrets[webhook] = [_Secret(secret, until) for secret, until in secrets]

    def remove_webhook(self, webhook: UUID) -> None:
        """Delete all that belongs to a deleted webhook."""
        self._secrets.pop(webhook, None)
        self._endpoints.pop(webhook, None)
        self._rows = {id_: row for id_, row in self._rows.items() if row.delivery.webhook != webhook}

    # For workers

    async def claim(self, limit: int, in_flight: Mapping[UUID, int], *, idle_only: bool = False) -> Claim:
        """Return attempts that are due, by their priority, the oldest first."""
        now = self._clock()
        room = Counter(
            {
                webhook: self._slots(webhook, now, idle_only=idle_only) - in_flight.get(webhook, 0)
                for webhook in self._secrets
            }
        )
        claimed: list[tuple[_Row, Webhook]] = []
        for row in self._first_of_each_record():
            webhook = self._webhook(row.delivery.webhook)
            if webhook and row.next_at <= now and room[webhook.id] > 0 and len(claimed) < limit:
                room[webhook.id] -= 1
                row.state, row.next_at = "sending", now + LEASE
                row.attempts, row.claims = row.attempts + 1, row.claims + 1
                claimed.append((row, webhook))
        return Claim([self._attempt(row, webhook, now) for row, webhook in claimed], len(claimed) == limit)

    async def record_results(self, results: Sequence[Result]) -> Mapping[UUID, Health]:
        """Record the results of attempts and return the health of the webhooks that failed."""
        now = self._clock()
        settled = [(row, each) for each in results if (row := self._claimed(each.delivery, each.claim))]
        for row, each in settled:
            row.record(each, now)
        delivered = {row.delivery.webhook for row, each in settled if each.state == "delivered"}
        for webhook in delivered:
            self._endpoints.pop(webhook, None)
        failed = Counter(row.delivery.webhook for row, each in settled if each.is_endpoints_failure)
        return {webhook: self._fail(webhook, failed[webhook], now) for webhook in failed.keys() - delivered}

    async def release(self, attempts: Sequence[Attempt]) -> None:
        """Give back attempts that were begun and have not ended."""
        for each in attempts:
            if (row := self._claimed(each.delivery, each.claim)) and row.state == "sending":
                row.state, row.next_at = "pending", self._clock()

    async def pause(self, webhook: UUID, seconds: float) -> None:
        """Send nothing to an endpoint for some seconds."""
        if endpoint := self._endpoints.get(webhook):
            endpoint.paused_until = self._clock() + timedelta(seconds=seconds)

    async def reset_health(self, webhook: UUID) -> None:
        """Forget the failures of an endpoint."""
        self._endpoints.pop(webhook, None)

    async def clean(self) -> int:
        """Delete what is kept no longer; return how many."""
        now = self._clock()
        rows = self._rows.items()
        old = [id_ for id_, row in rows if row.finished_at and row.finished_at < now - RETENTION[row.state]]
        for id_ in old:
            del self._rows[id_]
        return len(old)

    async def wait_for_work(self) -> None:
        """Wait for a commit."""
        while not self._has_work:
            self._waiting = asyncio.Event()  # of the event loop of this moment
            await self._waiting.wait()
        self._has_work = False

    # The delivery log

    async def find(self, webhook: UUID, query: LogQuery) -> Sequence[LoggedDelivery]:
        """Return deliveries of a webhook, the newest first."""
        rows = [_logged(row) for row in self._rows.values() if row.delivery.webhook == webhook]
        listed = [
            row
            for row in rows
            if query.state in (None, row.state) and (query.before is None or (row.created_at, row.id) < query.before)
        ]
        return sorted(listed, key=lambda row: (row.created_at, row.id), reverse=True)[: query.limit]

    async def get(self, webhook: UUID, delivery: UUID) -> tuple[LoggedDelivery, DeliveryDetail] | None:
        """Return one delivery with its request and the last answer."""
        row = self._row(webhook, delivery)
        if row is None:
            return None
        return _logged(row), DeliveryDetail(row.request, row.body, row.answer)

    async def redeliver(self, webhook: UUID, delivery: UUID) -> None:
        """Send a delivery again from its first attempt on."""
        row = self._row(webhook, delivery)
        if row and row.state != "sending":
            self._restart([row])

    async def cancel(self, webhook: UUID, delivery: UUID) -> None:
        """Finish a delivery that is not finished, without another attempt."""
        row = self._row(webhook, delivery)
        if row and row.finished_at is None:
            row.state, row.finished_at = "cancelled", self._clock()
            self._wake()

    async def recover(self, webhook: UUID, since: datetime) -> int:
        """Send all deliveries again that died since then; return how many."""
        return self._restart(
            row
            for row in self._rows.values()
            if row.delivery.webhook == webhook and row.state == "dead" and row.finished_at and row.finished_at >= since
        )

    async def secret(self, webhook: UUID) -> str | None:
        """Return the secret that a webhook's requests are signed with."""
        found = self._secrets.get(webhook)
        return found[0].secret if found else None

    async def first_secret(self, webhook: UUID) -> str | None:
        """Return the secret that a webhook was created with; None once it has another."""
        secrets = self._secrets.get(webhook, [])
        return secrets[0].secret if len(secrets) == 1 else None

    async def rotate(self, webhook: UUID, secret: str) -> None:
        """Sign with a new secret, and for a while also with the earlier ones."""
        if before := self._secrets.get(webhook):
            replaced = _Secret(before[0].secret, self._clock() + SECRET_OVERLAP)
            self._secrets[webhook] = [_Secret(secret), replaced, *before[1:]]

    def _wake(self) -> None:
        self._has_work = True
        if self._waiting:
            self._waiting.set()

    def _row(self, webhook: UUID, delivery: UUID) -> _Row | None:
        row = self._rows.get(delivery)
        return row if row and row.delivery.webhook == webhook else None

    def _claimed(self, delivery: UUID, claim: int) -> _Row | None:
        row = self._rows.get(delivery)
        return row if row and row.claims == claim and row.state in ("sending", "cancelled") else None

    def _first_of_each_record(self) -> list[_Row]:
        """Return what is due next; one for which others of its record wait has the highest priority of these."""
        first: dict[tuple[UUID, UUID], _Row] = {}
        priorities: dict[tuple[UUID, UUID], int] = {}
        for row in self._rows.values():
            place = row.delivery.webhook, row.delivery.record
            if row.finished_at is not None:
                continue
            if place not in first or row.delivery.version < first[place].delivery.version:
                first[place] = row
            priorities[place] = min(priorities.get(place, row.delivery.priority), row.delivery.priority)
        return sorted(
            first.values(), key=lambda row: (priorities[row.delivery.webhook, row.delivery.record], row.next_at)
        )

    def _slots(self, webhook: UUID, now: datetime, *, idle_only: bool) -> int:
        endpoint = self._endpoints.get(webhook)
        found = self._webhook(webhook)
        if found is None or not found.is_active or (endpoint and (idle_only or endpoint.paused_until > now)):
            return 0
        return 1 if endpoint or idle_only else MAX_CONCURRENCY_PER_ENDPOINT

    def _attempt(self, row: _Row, webhook: Webhook, now: datetime) -> Attempt:
        secrets = self._secrets[webhook.id]
        return make_attempt(
            row.claims,
            delivery=row.delivery.id,
            webhook=webhook.id,
            number=row.attempts,
            templates=webhook,
            body=row.body,
            earlier=row.request,
            secrets=tuple(each.secret for each in secrets if each.until is None or each.until > now),
            former_names=self._former_names(webhook),
        )

    def _fail(self, webhook: UUID, failures: int, now: datetime) -> Health:
        endpoint = self._endpoints.setdefault(webhook, _Endpoint(failures=0, failing_since=now, paused_until=now))
        endpoint.failures += failures
        return Health(failures=endpoint.failures, failing_for=now - endpoint.failing_since)

    def _restart(self, rows: Iterable[_Row]) -> int:
        restarted = list(rows)
        for row in restarted:
            row.state, row.attempts, row.next_at, row.finished_at = "pending", 0, self._clock(), None
            self._wake()
        return len(restarted)


def _logged(row: _Row) -> LoggedDelivery:
    delivery = row.delivery
    return LoggedDelivery(
        id=delivery.id,
        record=delivery.record,
        type=delivery.type,
        state=row.state,
        attempts=row.attempts,
        status=row.status,
        error=row.error,
        created_at=row.created_at,
        attempted_at=row.attempted_at,
        next_attempt_at=None if row.finished_at else row.next_at,
        finished_at=row.finished_at,
    )
