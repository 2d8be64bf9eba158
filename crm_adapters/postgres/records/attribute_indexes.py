"""AttributeIndexes: builds and drops the indexes of attributes in the background, as their definitions change."""

import asyncio
import logging
from typing import Final

from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.sql import indexes
from crm_core.engine.changes import Changes
from crm_core.errors import UnavailableError
from crm_core.ports import Database
from crm_core.resources import ATTRIBUTES
from crm_core.use_cases.uniqueness import finish

logger: Final = logging.getLogger("crm.postgres")

#: Seconds that background tasks have to end at the close.
_GRACE: Final = 1.0


class AttributeIndexes:
    """The indexes of attributes that are indexed or unique.

    Args:
        pool: the connections; its owner opens and closes it.
        db: the records on these connections, where it is recorded whether an attribute is unique.
    """

    def __init__(self, pool: Pool, db: Database) -> None:
        self._pool = pool
        self._db = db
        self._background: set[asyncio.Task[None]] = set()

    def follow_changes(self, changes: Changes) -> None:
        """Follow the definitions if changes that were committed concern an index."""
        definitions = [write.event for write in changes.writes if write.key.resource == ATTRIBUTES.name]
        rewrite = changes.rewrite
        if (rewrite and indexes.are_replaced(rewrite.before, rewrite.after)) or any(map(indexes.concerns, definitions)):
            self.follow()

    def follow(self) -> None:
        """Build and drop indexes in the background, as the definitions say."""
        task = asyncio.create_task(self._follow())
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _follow(self) -> None:
        for id_, is_built in (await indexes.follow_definitions(self._pool.conninfo)).items():
            if not is_built:
                logger.warning("an attribute cannot be unique, as records have the same value: %s", id_)
            try:
                await finish(self._db, id_, is_built=is_built)
            except UnavailableError:  # the next start finds it as it is now
                logger.warning("it was not recorded whether an attribute is unique: %s", id_)

    async def close(self) -> None:
        """Stop the background tasks.

        They have a moment to end by themselves: a task that is cancelled while it connects leaves the connection open.
        """
        if self._background:
            await asyncio.wait(self._background, timeout=_GRACE)
        for task in tuple(self._background):
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
