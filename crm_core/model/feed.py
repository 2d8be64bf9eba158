"""The change feed: the events of all commits in one order, and positions in it (decision 64).

A *tick* is a moment at which everything that was committed is known. Its batch is what was committed since the tick
before. Ticks follow each other without a gap; inside a batch each commit stands together, and the versions of each
record ascend. So every reader gets the same order, and no commit is ever put before a position that was given out.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from crm_core.input.dates import read_datetime
from crm_core.model.events import Event
from crm_core.model.plain_values import parse_json

#: The most events of one page, and the most bytes of their bodies; one event is always given.
MAX_FEED_PAGE: Final = 1_000
MAX_FEED_BYTES: Final = 8_000_000
#: For how many days positions are kept by default.
FEED_DAYS: Final = 30


class Position(NamedTuple):
    """A position in the feed.

    Attributes:
        tick: the number of a tick.
        tag: four random bytes of that tick. In a copy of the database that took another course, the tick of this number
            has another tag.
        place: the last event that was read of the tick's batch: the highest ``seq`` of its commit, and its own; None if
            the whole batch was read.
    """

    tick: int
    tag: bytes
    place: tuple[int, int] | None = None


class FeedEvent(NamedTuple):
    """An event as the feed has it.

    Attributes:
        position: the position after this event.
        resource: the name of its resource.
        transaction: the same for all events of one commit, which stand together. Concurrent changes can share a commit.
        body: the event as a JSON object, as clients see it but for its ``id``.
    """

    position: Position
    resource: str
    transaction: str
    body: bytes

    @property
    def event(self) -> Event:
        """Return the event; the values in its changes are plain JSON values."""
        members: dict[str, Any] = parse_json(self.body)
        del members["transaction"]
        members["record"], members["at"] = UUID(members["record"]), read_datetime(members["at"])
        return Event(**members)


class FeedPage(NamedTuple):
    """A page of the feed.

    Attributes:
        events: the events that were asked for, in order.
        next: the position after all that was read, also after what was not asked for.
        more: whether another page can be read at once; it may be empty.
    """

    events: Sequence[FeedEvent]
    next: Position
    more: bool
