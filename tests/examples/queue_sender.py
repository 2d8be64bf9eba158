"""A WebhookSender of one's own: deliveries go to a queue instead of over HTTP, as to a message broker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from crm_core import Attempt, Database, Outbox, Outcome
from crm_core.use_cases import DeliveryWorker


class QueueSender:
    """Hands each delivery to a queue (``crm_core.ports.WebhookSender``).

    It tells what came of it in the words of HTTP: 2xx is success, anything else is tried again later.
    """

    def __init__(self, queue: "asyncio.Queue[Attempt]") -> None:
        self._queue = queue

    async def send(self, attempt: Attempt) -> Outcome:
        """Try once. Nothing is raised: the worker decides by the outcome when to try again."""
        try:
            self._queue.put_nowait(attempt)
        except asyncio.QueueFull:
            return Outcome(error="The queue is full.")
        return Outcome(status=202)


@asynccontextmanager
async def delivering(db: Database, outbox: Outbox, queue: "asyncio.Queue[Attempt]") -> AsyncIterator[None]:
    """Send what webhooks are told, as long as the block lasts."""
    worker = DeliveryWorker(db, outbox, QueueSender(queue))
    running = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        await running
