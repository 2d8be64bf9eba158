"""Answers whether the database is ready, within a second."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.sql import migrations
from crm_core.errors import UnavailableError

#: How long the answer to "is the database ready?" may take.
_READY_SECONDS: Final = 1.0


def readiness(pool: Pool) -> Callable[[], Awaitable[bool]]:
    """Return a function that says whether the database answers and has every migration."""
    check: asyncio.Task[bool] | None = None

    async def is_migrated() -> bool:
        try:
            async with pool.connect() as connection:
                return not await migrations.pending(connection)
        except UnavailableError:
            return False

    async def ready() -> bool:
        nonlocal check
        if check is None or check.done():
            check = asyncio.create_task(is_migrated())
        # It is not cancelled: a cancellation waits for the server, which may be what does not answer.
        await asyncio.wait({check}, timeout=_READY_SECONDS)
        return check.done() and check.result()

    return ready
