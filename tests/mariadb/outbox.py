"""MariadbOutbox: the ports Outbox and DeliveryLog, for workers of any number of processes."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from crm_adapters import json_documents
from crm_core.model.plain_values import parse_json
from crm_core.rules.attributes import former_names
from crm_core.webhooks.attempts import LEASE, MAX_CONCURRENCY_PER_ENDPOINT, Attempt, Claim
from crm_core.webhooks.circuit_breaker import Health
from crm_core.webhooks.delivery_log import RETENTION, DeliveryDetail, LoggedDelivery, LogQuery
from crm_core.webhooks.entity import MODELS, SECRET_OVERLAP, Webhook
from crm_core.webhooks.requests import FormerNames, WebhookRequest, make_attempt
from crm_core.webhooks.retries import Result
from tests.mariadb.commits import take_turn
from tests.mariadb.connection import Pool, Session, microseconds
from tests.mariadb.records import Records

_BATCH: Final = 1000
#: Of each record and webhook the first unfinished delivery, by the highest priority of those that wait there.
_DUE: Final = """
    select id, webhook from (
        select seq, id, webhook, next_at, row_number() over (partition by webhook, record order by version) as place,
            min(priority) over (partition by webhook, record) as urgency
        from delivery where finished_at is null
    ) as waiting
    where place = 1 and next_at <= utc_timestamp(6) order by urgency, next_at, seq
"""
_CLAIM: Final = """
    update delivery set state = 'sending', attempts = attempts + 1, claims = claims + 1,
        next_at = utc_timestamp(6) + interval %s microsecond
    where id = %s
"""
_CLAIMED: Final = "select claims, attempts, method, url, headers, body from delivery where id = %s"
_RECORD: Final = """
    update delivery set attempted_at = %s, status = %s, error = %s, answer = %s, method = coalesce(%s, method),
        url = coalesce(%s, url), headers = coalesce(%s, headers)
    where id = %s
"""
_SETTLE: Final = """
    update delivery set state = %s, next_at = %s + interval %s microsecond,
        finished_at = if(state = 'pending', null, %s)
    where id = %s
"""
_FAIL: Final = """
    insert into endpoint values (%s, %s, %s, %s) on duplicate key update failures = failures + value(failures)
"""
_RESTART: Final = "update delivery set state = 'pending', attempts = 0, next_at = utc_timestamp(6), finished_at = null"
_LOGGED: Final = (
    *("id", "record", "type", "state", "attempts", "status", "error"),
    *("created_at", "attempted_at", "next_attempt_at", "finished_at"),
)
_COLUMNS: Final = ", ".join(_LOGGED).replace(
    "next_attempt_at", "if(finished_at is null, next_at, null) as next_attempt_at"
)


class MariadbOutbox:
    """Deliveries in MariaDB (``crm_core.ports.Outbox`` and ``DeliveryLog``).

    Args:
        pool: the connections.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._wakeup = asyncio.Event()

    def wake(self) -> None:
        """Let the worker of this process look; called after each commit."""
        self._wakeup.set()

    # For workers

    async def claim(self, limit: int, in_flight: Mapping[UUID, int], *, idle_only: bool = False) -> Claim:
        """Return attempts that are due, by their priority, the oldest first."""
        return await self._pool.run(
            "write", lambda session: _Claiming(session, idle_only=idle_only).claim(limit, in_flight)
        )

    async def record_results(self, results: Sequence[Result]) -> Mapping[UUID, Health]:
        """Record the results of attempts and return the health of the webhooks that failed."""
        return await self._pool.run("write", partial(_record_results, results=results))

    async def release(self, attempts: Sequence[Attempt]) -> None:
        """Give back attempts that were begun and have not ended."""
        change = "update delivery set state = 'pending', next_at = utc_timestamp(6)"
        for each in attempts:
            await self._run(f"{change} where id = %s and claims = %s and state = 'sending'", each.delivery, each.claim)

    async def pause(self, webhook: UUID, seconds: float) -> None:
        """Send nothing to an endpoint for some seconds."""
        until = microseconds(timedelta(seconds=seconds))
        change = "update endpoint set paused_until = utc_timestamp(6) + interval %s microsecond where webhook = %s"
        await self._run(change, until, webhook)

    async def reset_health(self, webhook: UUID) -> None:
        """Forget the failures of an endpoint."""
        await self._run("delete from endpoint where webhook = %s", webhook)

    async def clean(self) -> int:
        """Delete a batch of what is kept no longer; return how many."""
        old = "state = %s and finished_at < utc_timestamp(6) - interval %s microsecond"
        statement = f"delete from delivery where {old} limit {_BATCH}"
        return sum([await self._run(statement, state, microseconds(time)) for state, time in RETENTION.items()])

    async def wait_for_work(self) -> None:
        """Wait for a commit of this process; workers find those of others when they poll."""
        await self._wakeup.wait()
        self._wakeup.clear()

    # The delivery log

    async def find(self, webhook: UUID, query: LogQuery) -> Sequence[LoggedDelivery]:
        """Return deliveries of a webhook, the newest first."""
        at, id_ = query.before or (None, None)
        where = "webhook = %s and (%s is null or state = %s) and (%s is null or (created_at, id) < (%s, %s))"
        statement = f"select {_COLUMNS} from delivery where {where} order by created_at desc, id desc limit %s"
        rows = await self._rows(statement, webhook, query.state, query.state, at, at, id_, query.limit)
        return [_logged(row) for row in rows]

    async def get(self, webhook: UUID, delivery: UUID) -> tuple[LoggedDelivery, DeliveryDetail] | None:
        """Return one delivery with its request and the last answer."""
        columns = f"{_COLUMNS}, method, url, headers, body, answer"
        rows = await self._rows(f"select {columns} from delivery where webhook = %s and id = %s", webhook, delivery)
        for row in rows:
            *request, body, answer = row[len(_LOGGED) :]
            return _logged(row), DeliveryDetail(_request(request), body, answer)
        return None

    async def redeliver(self, webhook: UUID, delivery: UUID) -> None:
        """Send a delivery again from its first attempt on."""
        await self._run(f"{_RESTART} where webhook = %s and id = %s and state <> 'sending'", webhook, delivery)
        self.wake()

    async def cancel(self, webhook: UUID, delivery: UUID) -> None:
        """Finish a delivery that is not finished, without another attempt."""
        change = "update delivery set state = 'cancelled', finished_at = utc_timestamp(6)"
        await self._run(f"{change} where webhook = %s and id = %s and finished_at is null", webhook, delivery)
        self.wake()

    async def recover(self, webhook: UUID, since: datetime) -> int:
        """Send all deliveries again that died since then; return how many."""
        count = await self._run(
            f"{_RESTART} where webhook = %s and state = 'dead' and finished_at >= %s", webhook, since
        )
        self.wake()
        return count

    async def secret(self, webhook: UUID) -> str | None:
        """Return the secret that a webhook's requests are signed with."""
        found = await self._pool.run("read", partial(_secrets, webhook=webhook))
        return found[0] if found else None

    async def first_secret(self, webhook: UUID) -> str | None:
        """Return the secret that a webhook was created with; None once it has another."""
        rows = await self._rows("select secret from secret where webhook = %s", webhook)
        return rows[0][0] if len(rows) == 1 else None

    async def rotate(self, webhook: UUID, secret: str) -> None:
        """Sign with a new secret, and for a while also with the earlier ones."""

        async def rotate(session: Session) -> None:
            replaced = "update secret set until = utc_timestamp(6) + interval %s microsecond"
            where = "where webhook = %s and until is null"
            if await session.run(f"{replaced} {where}", microseconds(SECRET_OVERLAP), webhook):
                await session.run("insert into secret (webhook, secret) values (%s, %s)", webhook, secret)

        await self._pool.run("write", rotate)

    async def _rows(self, statement: str, *params: object) -> list[tuple[Any, ...]]:
        return await self._pool.run("read", lambda session: session.rows(statement, *params))

    async def _run(self, statement: str, *params: object) -> int:
        return await self._pool.run("write", lambda session: session.run(statement, *params))


class _Claiming:
    """One claim. Workers claim one after the other, so that none of them is given what another has."""

    def __init__(self, session: Session, *, idle_only: bool) -> None:
        self._session = session
        self._records = Records(session)
        self._idle_only = idle_only

    async def claim(self, limit: int, in_flight: Mapping[UUID, int]) -> Claim:
        await take_turn(self._session, "claims")
        webhooks = {each.id: each for each in await self._records.values("webhook")}
        room = Counter(await self._slots(webhooks)) - Counter(in_flight)
        claimed: list[tuple[UUID, Webhook]] = []
        for delivery, webhook in await self._session.rows(_DUE):
            if room[id_ := UUID(webhook)] > 0 and len(claimed) < limit:
                room[id_] -= 1
                claimed.append((UUID(delivery), webhooks[id_]))
        return Claim([await self._attempt(*each) for each in claimed], len(claimed) == limit)

    async def _slots(self, webhooks: Mapping[UUID, Webhook]) -> Mapping[UUID, int]:
        """Return how many attempts each endpoint has room for."""
        rows = await self._session.rows("select webhook, paused_until > utc_timestamp(6) from endpoint")
        failing = {UUID(webhook): bool(is_paused) for webhook, is_paused in rows}
        usual = 1 if self._idle_only else MAX_CONCURRENCY_PER_ENDPOINT
        slots = {id_: usual for id_, webhook in webhooks.items() if webhook.is_active}
        of_failing = {
            id_: 0 if is_paused or self._idle_only else 1 for id_, is_paused in failing.items() if id_ in slots
        }
        return {**slots, **of_failing}

    async def _attempt(self, delivery: UUID, webhook: Webhook) -> Attempt:
        await self._session.run(_CLAIM, microseconds(LEASE), delivery)
        [(claim, number, *request, body)] = await self._session.rows(_CLAIMED, delivery)
        return make_attempt(
            claim,
            delivery=delivery,
            webhook=webhook.id,
            number=number,
            templates=webhook,
            body=body,
            earlier=_request(request),
            secrets=tuple(await _secrets(self._session, webhook.id)),
            former_names=await self._former_names(webhook),
        )

    async def _former_names(self, webhook: Webhook) -> FormerNames:
        catalog = await self._records.catalog(MODELS[webhook.model][0])
        return former_names({name: each.former_names for name, each in catalog.definitions.items()})


async def _record_results(session: Session, results: Sequence[Result]) -> Mapping[UUID, Health]:
    now = await session.now()
    settled = [(webhook, each) for each in results if (webhook := await _record(session, each, now))]
    delivered = {webhook for webhook, each in settled if each.state == "delivered"}
    for webhook in delivered:
        await session.run("delete from endpoint where webhook = %s", webhook)
    failed = Counter(webhook for webhook, each in settled if each.is_endpoints_failure)
    return {webhook: await _fail(session, webhook, failed[webhook], now) for webhook in failed.keys() - delivered}


async def _record(session: Session, result: Result, now: datetime) -> UUID | None:
    """Record a result, and return the webhook; None if the claim is not the latest."""
    claimed = "select webhook, state from delivery where id = %s and claims = %s and state in %s for update"
    rows = await session.rows(claimed, result.delivery, result.claim, ("sending", "cancelled"))
    for webhook, state in rows:
        outcome, request = result.outcome, result.request
        headers = request and json_documents.encode(request.headers).decode()
        sent = request and request.method, request and request.url, headers
        await session.run(_RECORD, now, outcome.status, outcome.error, outcome.answer, *sent, result.delivery)
        if state == "sending" or result.state == "delivered":
            wait = microseconds(timedelta(seconds=result.wait))
            await session.run(_SETTLE, result.state, now, wait, now, result.delivery)
        return UUID(webhook)
    return None


async def _fail(session: Session, webhook: UUID, failures: int, now: datetime) -> Health:
    await session.run(_FAIL, webhook, failures, now, now)
    [(count, since)] = await session.rows("select failures, failing_since from endpoint where webhook = %s", webhook)
    return Health(failures=count, failing_for=now - since)


async def _secrets(session: Session, webhook: UUID) -> Sequence[str]:
    """Return the secrets that sign, the newest first."""
    where = "webhook = %s and (until is null or until > utc_timestamp(6))"
    return [
        secret
        for (secret,) in await session.rows(f"select secret from secret where {where} order by number desc", webhook)
    ]


def _request(cells: Sequence[Any]) -> WebhookRequest:
    method, url, headers = cells
    return WebhookRequest(method, url, parse_json(headers))


def _logged(row: Sequence[Any]) -> LoggedDelivery:
    members: dict[str, Any] = dict(zip(_LOGGED, row, strict=False))
    return LoggedDelivery(id=UUID(members.pop("id")), record=UUID(members.pop("record")), **members)
