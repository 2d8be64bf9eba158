"""Folds the older events of histories, where they are not kept for ever (decision 119)."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from crm_core.errors import CrmError
from crm_core.ports import Database, Feed

logger: Final = logging.getLogger("crm.retention")

#: Seconds between two runs, and between two batches of one, in which others are served.
_INTERVAL: Final = 6 * 3600.0
_PAUSE: Final = 0.2


async def fold_histories(db: Database, feed: Feed, before: datetime, *, pause: float = _PAUSE) -> int:
    """Fold the events that are older than a time into one baseline for each record; return how many events went.

    What the change feed can still show stays. Deleted and erased records whose last event is older go whole.

    Args:
        db: the database.
        feed: its feed. What was committed until now can be folded once followers can no longer ask for it.
        before: the time.
        pause: seconds between two batches.
    """
    await feed.newest()
    count, after = 0, UUID(int=0)
    while True:
        folded = await db.fold(before, after)
        count += folded.events
        if folded.last is None:
            return count
        after = folded.last
        await asyncio.sleep(pause)


@contextmanager
def folding(db: Database, feed: Feed, kept: timedelta | None) -> Iterator[None]:
    """Fold what is older than ``kept``, now and every few hours while the block runs; nothing for None."""

    async def fold(kept: timedelta) -> None:
        while True:
            try:
                await fold_histories(db, feed, datetime.now(UTC) - kept)
            except CrmError as error:
                logger.warning("older events are kept longer: %s", error)
            await asyncio.sleep(_INTERVAL)

    task = asyncio.create_task(fold(kept)) if kept is not None else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
