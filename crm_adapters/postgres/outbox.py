"""PostgresOutbox: the deliveries that commits have left, for workers to claim and for people to look at."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

import msgspec
import psycopg

from crm_adapters.postgres.connection.errors import translated
from crm_adapters.postgres.connection.options import SET_LOCAL, connect, is_behind_pooler, parameters
from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.connection.session import Row
from crm_adapters.postgres.sql.statements import log, query
from crm_core.engine.receipts import RECEIPTS_KEPT
from crm_core.webhooks.attempts import LEASE, MAX_CONCURRENCY_PER_ENDPOINT, Attempt, Claim
from crm_core.webhooks.circuit_breaker import Health
from crm_core.webhooks.delivery_log import RETENTION, DeliveryDetail, LoggedDelivery, LogQuery
from crm_core.webhooks.entity import SECRET_OVERLAP
from crm_core.webhooks.retries import Result

logger = logging.getLogger("crm.postgres")

_BATCH: Final = 1000
#: Seconds between two wake-ups of other processes, and before listening for theirs again when that failed.
_BETWEEN_WAKES: Final = 0.05
_BETWEEN_TRIES: Final = 2.0


class PostgresOutbox:
    """Deliveries in PostgreSQL (``crm_core.ports.Outbox`` and ``DeliveryLog``).

    Workers of any number of processes share it. One object wakes one worker.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._sender = uuid4().hex
        self._stirred = asyncio.Event()
        self._is_untold = False
        self._telling: asyncio.Task[None] | None = None
        self._listening: asyncio.Task[None] | None = None

    # For workers

    async def claim(self, most: int, busy: Mapping[UUID, int], *, scarce: bool = False) -> Claim:
        """Attempts that are due, in fair shares."""
        shares = {"each": 1, "probes": 0} if scarce else {"each": MAX_CONCURRENCY_PER_ENDPOINT, "probes": 1}
        params = {**shares, "most": most, "lease": LEASE, "busy": list(busy), "counts": list(busy.values())}
        rows = await self._pool.fetch(query("claim"), params)
        attempts = [_attempt(row) for row in rows if row[1] is not None]
        if behind := rows[0][0]:
            await self._pool.fetch(query("put_off"), {"webhooks": behind})
        return Claim(attempts, bool(behind) or len(attempts) == most)

    async def record_results(self, results: Sequence[Result]) -> Mapping[UUID, Health]:
        """Write down what came of attempts."""
        params = {
            "ids": [each.delivery for each in results],
            "claims": [each.claim for each in results],
            "states": [each.state for each in results],
            "waits": [each.wait for each in results],
            "statuses": [each.outcome.status for each in results],
            "errors": [each.outcome.error for each in results],
            "answers": [each.outcome.answer for each in results],
            "blamed": [each.is_endpoints_failure for each in results],
        }
        rows = await self._pool.fetch(query("record_results"), params)
        return {webhook: Health(failures=failures, failing_for=age) for webhook, failures, age in rows}

    async def release(self, attempts: Sequence[Attempt]) -> None:
        """Give back what was begun and has not ended."""
        params = {"ids": [each.delivery for each in attempts], "claims": [each.claim for each in attempts]}
        await self._pool.fetch(query("release"), params)

    async def pause(self, webhook: UUID, seconds: float) -> None:
        """Let nothing be sent to an endpoint for some time."""
        await self._pool.fetch(query("pause"), {"webhook": webhook, "seconds": seconds})

    async def forgive(self, webhook: UUID) -> None:
        """Forget that an endpoint failed."""
        await self._pool.fetch(query("forgive"), {"webhook": webhook})

    async def clean(self) -> int:
        """Delete a batch of what is kept no longer."""
        return len(await self._pool.fetch(query("clean"), {**RETENTION, "receipts": RECEIPTS_KEPT, "most": _BATCH}))

    async def woken(self) -> None:
        """Wait for a commit of this process, or word of another's."""
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen())
        await self._stirred.wait()
        self._stirred.clear()

    # For those who look after webhooks

    async def find(self, webhook: UUID, query_: LogQuery) -> Sequence[LoggedDelivery]:
        """Deliveries of a webhook, the newest first."""
        at, id_ = query_.before or (None, None)
        params = {"webhook": webhook, "at": at, "id": id_, "limit": query_.limit}
        rows = await self._pool.fetch_again(log(query_.state), params)
        return [LoggedDelivery(**dict(zip(_LOGGED, row, strict=True))) for row in rows]

    async def get(self, webhook: UUID, delivery: UUID) -> tuple[LoggedDelivery, DeliveryDetail] | None:
        """One of them, with what is sent and what was answered."""
        rows = await self._pool.fetch_again(query("logged"), {"webhook": webhook, "id": delivery})
        if not rows:
            return None
        logged = LoggedDelivery(**dict(zip(_LOGGED, rows[0], strict=False)))
        method, url, headers, body, answer = rows[0][len(_LOGGED) :]
        return logged, DeliveryDetail(method, url, msgspec.json.decode(headers), body, answer)

    async def redeliver(self, webhook: UUID, delivery: UUID) -> None:
        """Have a delivery sent anew."""
        await self._pool.fetch(query("redeliver"), {"webhook": webhook, "id": delivery})
        self.wake()

    async def recover(self, webhook: UUID, since: datetime) -> int:
        """Have all that died since then sent anew."""
        # What dies anew while this goes on is not taken again.
        [(until,)] = await self._pool.fetch(query("moment"), {})
        params = {"webhook": webhook, "since": since, "until": until, "most": _BATCH}
        total = 0
        while recovered := len(await self._pool.fetch(query("recover"), params)):
            total += recovered
            self.wake()
        return total

    async def secret(self, webhook: UUID) -> str | None:
        """What a webhook's requests are signed with."""
        rows = await self._pool.fetch_again(query("secret"), {"webhook": webhook})
        return rows[0][0] if rows else None

    async def rotate(self, webhook: UUID, secret: str) -> None:
        """Sign with another secret."""
        params = {"webhook": webhook, "secret": secret, "overlap": SECRET_OVERLAP}
        await self._pool.fetch(query("rotate_secret"), params)

    # Waking

    def wake(self) -> None:
        """Say that something may be due: after the commit, and never inside a writer's transaction.

        There a NOTIFY would make all commits of the server wait for one another. Those of one moment are told together.
        """
        self._stirred.set()
        self._is_untold = True
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell())

    async def close(self) -> None:
        """Stop what runs in the background; the pool is its owner's to close."""
        tasks = [task for task in (self._telling, self._listening) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _tell(self) -> None:
        while self._is_untold:
            self._is_untold = False
            with contextlib.suppress(Exception):  # a hint that fails to come costs others a second
                await self._pool.fetch(query("wake"), {"sender": self._sender})
            await asyncio.sleep(_BETWEEN_WAKES)

    async def _listen(self) -> None:
        while True:
            try:
                await self._hear()
            except Exception as error:  # noqa: BLE001  # polling does until it works again
                logger.info("not listening for deliveries: %s", type(error).__name__)
            else:
                logger.info("a pooler is in between: what other processes commit is looked for once a second")
                return
            await asyncio.sleep(_BETWEEN_TRIES)

    async def _hear(self) -> None:
        async with await connect(self._pool.conninfo, autocommit=True, application_name="crm listener") as connection:
            if await is_behind_pooler(connection):
                return
            await connection.execute("listen crm_outbox")
            async for notice in connection.notifies():
                if notice.payload != self._sender:
                    self._stirred.set()


def outbox_figures(url: str) -> Mapping[str, float]:
    """How much waits in the outbox and how long, and how much is dead; without an event loop."""
    with translated(), psycopg.connect(**parameters(url)) as connection:  # type: ignore[arg-type]  # all are libpq's own
        connection.execute(SET_LOCAL)
        [(waiting, oldest, dead)] = connection.execute(query("figures")).fetchall()
        return {"waiting": waiting, "oldest_seconds": oldest, "dead": dead}


def _attempt(row: Row) -> Attempt:
    _, id_, webhook, number, claim, method, url, headers, body, secrets = row
    return Attempt(
        delivery=id_,
        webhook=webhook,
        number=number,
        claim=claim,
        method=method,
        url=url,
        headers=msgspec.json.decode(headers),
        body=body,
        secrets=tuple(secrets),
    )


_LOGGED: Final = (
    *("id", "record", "type", "state", "attempts", "status", "error"),
    *("created_at", "attempted_at", "next_attempt_at", "finished_at"),
)
