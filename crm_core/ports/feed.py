"""The change feed."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from crm_core.model.feed import FeedPage, Position


class Feed(Protocol):
    """Reads the events of all commits in one order, and keeps the cursors of followers. May raise UnavailableError.

    No event ever comes before a position that was given out. What was committed before a call of ``newest`` is before
    the position that it returns; and a page without ``more`` has all that was committed before the call of ``read``.
    """

    async def oldest(self) -> Position:
        """Return the position before the oldest event that is kept."""
        ...

    async def newest(self) -> Position:
        """Return a position after everything that is committed."""
        ...

    async def read(self, after: Position, resources: Collection[str], limit: int) -> FeedPage | None:
        """Return the events of some resources after a position.

        A page ends where further reading would take long, so it can be empty although more follow; then the next page
        goes on. All readers get the same order: each commit as a whole, and the versions of a record ascending.

        Args:
            after: a position that this store gave out. None is returned if it is not known, or is no longer kept.
            resources: the names of the resources whose events are returned; the position passes the others.
            limit: the most events, up to ``MAX_FEED_PAGE``; a page also ends before ``MAX_FEED_BYTES``.
        """

    async def wait(self, after: Position) -> None:
        """Wait until something may follow a position: at once after a commit of this process, soon after another's.

        It holds no connection. It may return without news, and callers limit the time.
        """

    async def forget(self, before: datetime) -> None:
        """Stop keeping positions older than this time: they cannot be followed any longer. The events stay."""

    async def cursor(self, follower: str) -> str:
        """Return the cursor that a follower has saved; empty if there is none."""
        ...

    async def save_cursor(self, follower: str, cursor: str) -> None:
        """Save the cursor of a follower, in place of the earlier one."""
