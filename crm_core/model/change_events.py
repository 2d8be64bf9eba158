"""The changes of the feed as clients and embedders get them."""

import datetime as dt
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import attrs


@attrs.frozen(kw_only=True)
class ChangeEvent:
    """One change of one record.

    Attributes:
        id: the cursor after this change.
        resource: the name of the resource, such as ``lead``.
        record: the id of the record.
        version: the version that the change made.
        kind: ``created``, ``updated`` or ``deleted``; pass over others.
        at: when the change was decided.
        actor: the id of the user who made it; None for the system.
        actor_name: that user's name at the time.
        request_id: the id of the request that made it.
        transaction: the same for all changes of one commit, which follow each other.
        changes: what changed, by field, as JSON values.
        cause: why the change was made, if the request does not tell.
    """

    id: str
    resource: str
    record: UUID
    version: int
    kind: str
    at: dt.datetime
    actor: int | None
    actor_name: str
    request_id: str
    transaction: str
    changes: Mapping[str, Mapping[str, Any]]
    cause: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen
class ChangesPage:
    """A page of the change feed.

    Attributes:
        events: the changes, oldest first.
        next: the cursor after them.
        more: whether another page can be read at once.
    """

    events: tuple[ChangeEvent, ...]
    next: str
    more: bool
