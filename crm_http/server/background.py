"""What runs beside requests: deliveries are sent and imports carried out, inside a block."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from crm_adapters.postgres.outbox import PostgresOutbox
from crm_adapters.postgres.records.database import PostgresDatabase
from crm_adapters.webhooks.policy import policy_of
from crm_adapters.webhooks.sender import HttpWebhookSender
from crm_core.use_cases.delivery_worker import DeliveryWorker
from crm_core.use_cases.import_runner import ImportRunner
from crm_core.webhooks.retries import Retries
from crm_http.server.signals import on_termination
from crm_http.settings import Settings

if TYPE_CHECKING:
    from crm_http.telemetry.metrics import Metrics


@asynccontextmanager
async def delivering(
    database: PostgresDatabase,
    outbox: PostgresOutbox,
    settings: Settings,
    *,
    allow_loopback: bool,
    metrics: "Metrics | None" = None,
) -> AsyncIterator[None]:
    """Send the deliveries of webhooks inside the block.

    Args:
        database: where the webhooks are.
        outbox: where the deliveries are.
        settings: which networks may be reached, and when a delivery is tried again.
        allow_loopback: whether this machine may be reached too.
        metrics: what counts the deliveries.
    """
    sender = HttpWebhookSender(policy_of(settings.webhook_allow, allow_loopback=allow_loopback))
    counted = metrics.counting(sender) if metrics else sender
    worker = DeliveryWorker(database, outbox, counted, Retries(settings.webhook_retry_delays))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(outbox.close)
        stack.push_async_callback(sender.close)
        running = asyncio.create_task(worker.run())
        try:
            yield
        finally:
            worker.stop()
            await running


@asynccontextmanager
async def importing(runner: ImportRunner) -> AsyncIterator[None]:
    """Carry out imports inside the block, or until the process is told to stop."""
    running = asyncio.create_task(runner.run())
    try:
        with on_termination(runner.stop):
            yield
    finally:
        runner.stop()
        await running
