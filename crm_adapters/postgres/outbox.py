"""PostgresOutbox: the deliveries that commits leave for workers, and their log."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

import msgspec
import psycopg

from crm_adapters import json_documents
from crm_adapters.postgres.connection.errors import translated
from crm_adapters.postgres.connection.options import connect, parameters
from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.connection.session import SET_LOCAL, Row, is_behind_pooler
from crm_adapters.postgres.sql.statements import log
from crm_adapters.postgres.sql.statements import query as statement_of
from crm_core.engine.receipts import RECEIPTS_KEPT
from crm_core.rules.attributes import former_names
from crm_core.webhooks.attempts import LEASE, MAX_CONCURRENCY_PER_ENDPOINT, Attempt, Claim
from crm_core.webhooks.circuit_breaker import Health
from crm_core.webhooks.delivery_log import RETENTION, DeliveryDetail, LoggedDelivery, LogQuery
from crm_core.webhooks.entity import SECRET_OVERLAP
from crm_core.webhooks.requests import NO_FORMER_NAMES, WebhookRequest, make_attempt
from crm_core.webhooks.retries import Result

logger: Final = logging.getLogger("crm.postgres")

_BATCH: Final = 1000
#: Connections of an outbox's own pool: if it waited behind requests, leases would run out.
OUTBOX_CONNECTIONS: Final = 3
#: Seconds between two notifications to other processes, and before listening again after a failure.
_NOTIFY_INTERVAL: Final = 0.05
_RETRY_INTERVAL: Final = 2.0


class PostgresOutbox:
    """Deliveries in PostgreSQL (``crm_core.ports.Outbox`` and ``DeliveryLog``).

    Workers of any number of processes share them. One object serves one worker.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._sender = uuid4().hex
        self._wakeup = asyncio.Event()
        self._pending_notify = False
        self._notifying: asyncio.Task[None] | None = None
        self._listening: asyncio.Task[None] | None = None

    # For workers

    async def claim(self, limit: int, in_flight: Mapping[UUID, int], *, idle_only: bool = False) -> Claim:
        """Return attempts that are due, shared fairly among endpoints."""
        healthy, failing = (1, 0) if idle_only else (MAX_CONCURRENCY_PER_ENDPOINT, 1)
        params = {
            "per_healthy": healthy,
            "per_failing": failing,
            "limit": limit,
            "lease": LEASE,
            "in_flight": list(in_flight),
            "counts": list(in_flight.values()),
        }
        rows = await self._pool.fetch(statement_of("claim"), params)
        attempts = [_attempt(row) for row in rows if row[1] is not None]
        if blocked := rows[0][0]:
            await self._pool.fetch(statement_of("put_off"), {"webhooks": blocked})
        return Claim(attempts, bool(blocked) or len(attempts) == limit)

    async def record_results(self, results: Sequence[Result]) -> Mapping[UUID, Health]:
        """Record the results of attempts and return the health of the webhooks that failed."""
        params = {
            "ids": [result.delivery for result in results],
            "claims": [result.claim for result in results],
            "states": [result.state for result in results],
            "waits": [result.wait for result in results],
            "statuses": [result.outcome.status for result in results],
            "errors": [result.outcome.error for result in results],
            "answers": [result.outcome.answer for result in results],
            "blamed": [result.is_endpoints_failure for result in results],
            "methods": [result.request and result.request.method for result in results],
            "urls": [result.request and result.request.url for result in results],
            "headers": [
                result.request and json_documents.encode(result.request.headers).decode() for result in results
            ],
        }
        rows = await self._pool.fetch(statement_of("record_results"), params)
        return {webhook: Health(failures=failures, failing_for=age) for webhook, failures, age in rows}

    async def release(self, attempts: Sequence[Attempt]) -> None:
        """Give back attempts that were begun and have not ended."""
        params = {"ids": [attempt.delivery for attempt in attempts], "claims": [attempt.claim for attempt in attempts]}
        await self._pool.fetch(statement_of("release"), params)

    async def pause(self, webhook: UUID, seconds: float) -> None:
        """Send nothing to an endpoint for some seconds."""
        await self._pool.fetch(statement_of("pause"), {"webhook": webhook, "seconds": seconds})

    async def reset_health(self, webhook: UUID) -> None:
        """Forget the failures of an endpoint."""
        await self._pool.fetch(statement_of("reset_health"), {"webhook": webhook})

    async def clean(self) -> int:
        """Delete a batch of what is kept no longer; return how many."""
        return len(
            await self._pool.fetch(statement_of("clean"), {**RETENTION, "receipts": RECEIPTS_KEPT, "limit": _BATCH})
        )

    async def wait_for_work(self) -> None:
        """Wait for a commit of this process, or a notification of another's."""
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen())
        await self._wakeup.wait()
        self._wakeup.clear()

    # The delivery log

    async def find(self, webhook: UUID, query: LogQuery) -> Sequence[LoggedDelivery]:
        """Return deliveries of a webhook, the newest first."""
        at, id_ = query.before or (None, None)
        params = {"webhook": webhook, "at": at, "id": id_, "limit": query.limit}
        rows = await self._pool.fetch_again(log(query.state), params)
        return [LoggedDelivery(**dict(zip(_LOGGED, row, strict=True))) for row in rows]

    async def get(self, webhook: UUID, delivery: UUID) -> tuple[LoggedDelivery, DeliveryDetail] | None:
        """Return one delivery with its request and the last answer."""
        rows = await self._pool.fetch_again(statement_of("logged"), {"webhook": webhook, "id": delivery})
        if not rows:
            return None
        logged = LoggedDelivery(**dict(zip(_LOGGED, rows[0], strict=False)))
        method, url, headers, body, answer = rows[0][len(_LOGGED) :]
        return logged, DeliveryDetail(WebhookRequest(method, url, msgspec.json.decode(headers)), body, answer)

    async def redeliver(self, webhook: UUID, delivery: UUID) -> None:
        """Send a delivery again from its first attempt on."""
        await self._pool.fetch(statement_of("redeliver"), {"webhook": webhook, "id": delivery})
        self.wake()

    async def cancel(self, webhook: UUID, delivery: UUID) -> None:
        """Finish a delivery that is not finished, without another attempt."""
        await self._pool.fetch(statement_of("cancel"), {"webhook": webhook, "id": delivery})
        self.wake()

    async def recover(self, webhook: UUID, since: datetime) -> int:
        """Send all deliveries again that died since then; return how many."""
        # Those that die again while this runs are not taken a second time.
        [(until,)] = await self._pool.fetch(statement_of("moment"), {})
        params = {"webhook": webhook, "since": since, "until": until, "limit": _BATCH}
        total = 0
        while recovered := len(await self._pool.fetch(statement_of("recover"), params)):
            total += recovered
            self.wake()
        return total

    async def secret(self, webhook: UUID) -> str | None:
        """Return the secret that a webhook's requests are signed with."""
        rows = await self._pool.fetch_again(statement_of("secret"), {"webhook": webhook})
        return rows[0][0] if rows else None

    async def first_secret(self, webhook: UUID) -> str | None:
        """Return the secret that a webhook was created with; None once it has another."""
        rows = await self._pool.fetch_again(statement_of("first_secret"), {"webhook": webhook})
        return rows[0][0] if rows else None

    async def rotate(self, webhook: UUID, secret: str) -> None:
        """Sign with a new secret, and for a while also with the earlier ones."""
        params = {"webhook": webhook, "secret": secret, "overlap": SECRET_OVERLAP}
        await self._pool.fetch(statement_of("rotate_secret"), params)

    # Waking

    def wake(self) -> None:
        """Wake the worker of this process and notify other processes; called after each commit.

        A NOTIFY inside the transactions would serialize all commits of the server. Here one notification is sent for
        all commits within an interval.
        """
        self._wakeup.set()
        self._pending_notify = True
        if self._notifying is None or self._notifying.done():
            self._notifying = asyncio.create_task(self._notify())

    async def close(self) -> None:
        """Stop the background tasks. The owner of the pool closes the pool."""
        tasks = [task for task in (self._notifying, self._listening) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _notify(self) -> None:
        while self._pending_notify:
            self._pending_notify = False
            with contextlib.suppress(Exception):  # without it, others find the work when they poll, within a second
                await self._pool.fetch(statement_of("notify"), {"sender": self._sender})
            await asyncio.sleep(_NOTIFY_INTERVAL)

    async def _listen(self) -> None:
        while True:
            try:
                await self._listen_once()
            except Exception as error:  # noqa: BLE001  # workers poll until it works again
                logger.info("not listening for deliveries: %s", type(error).__name__)
            else:
                logger.info("behind a pooler: other processes' deliveries are looked for once a second")
                return
            await asyncio.sleep(_RETRY_INTERVAL)

    async def _listen_once(self) -> None:
        async with await connect(self._pool.conninfo, autocommit=True, application_name="crm listener") as connection:
            if await is_behind_pooler(connection):
                return
            await connection.execute("listen crm_outbox")
            async for notice in connection.notifies():
                if notice.payload != self._sender:
                    self._wakeup.set()


def outbox_statistics(url: str) -> Mapping[str, float]:
    """Return how many deliveries wait, the age in seconds of the oldest, and how many are dead; needs no event loop."""
    with translated(), psycopg.connect(**parameters(url)) as connection:  # type: ignore[arg-type]  # all are libpq's own
        connection.execute(SET_LOCAL)
        [(waiting, oldest, dead)] = connection.execute(statement_of("statistics")).fetchall()
        return {"waiting": waiting, "oldest_seconds": oldest, "dead": dead}


def _attempt(row: Row) -> Attempt:
    _, id_, webhook, number, claim, body, *requests, secrets, names = row
    earlier, templates = _request(requests[:3]), _request(requests[3:])
    return make_attempt(
        claim,
        delivery=id_,
        webhook=webhook,
        number=number,
        templates=templates,
        body=body,
        earlier=earlier,
        secrets=tuple(secrets),
        former_names=former_names(msgspec.json.decode(names)) if names else NO_FORMER_NAMES,
    )


def _request(cells: Sequence[Any]) -> WebhookRequest:
    method, url, headers = cells
    return WebhookRequest(method, url, msgspec.json.decode(headers))


_LOGGED: Final = (
    *("id", "record", "type", "state", "attempts", "status", "error"),
    *("created_at", "attempted_at", "next_attempt_at", "finished_at"),
)
