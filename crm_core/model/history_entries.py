"""The entries of a history as clients get them."""

import datetime as dt
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import attrs


@attrs.frozen(kw_only=True, slots=False)
class HistoryEntry:
    """A version of a record, as what changed in it.

    Attributes:
        version: the number of the version.
        kind: ``created``, ``updated``, ``deleted``, ``erased``, or ``baseline`` for all that was before the events that
            are kept; later releases add others, which clients should pass over.
        at: when the change was made.
        actor: the id of the user who made it; null for the system.
        actor_name: the name of that user at the time.
        request_id: the id of the request that made it; empty if there was none.
        changes: what changed, by field: ``from`` and ``to``; each attribute as ``attributes.<name>``; of lists of items
            ``added``, ``removed`` and ``changed`` items, and ``order``, the ids of all items, if it changed otherwise.
            A change with nothing in it was erased.
        cause: why, if the request does not tell: ``restored_from`` is the version that was restored; ``merged_from``
            are the records that were merged into this one, and ``taken`` names those whose values it got;
            ``merged_into`` is the record that this one was merged into; ``unmerged`` the one that became its own again;
            ``resource``, ``record`` and ``version`` name the change that this one followed from.
    """

    version: int
    kind: str
    at: dt.datetime
    actor: int | None
    actor_name: str
    request_id: str
    changes: Mapping[str, Any]
    cause: Mapping[str, Any]


@attrs.frozen(kw_only=True, slots=False)
class RestorationEntry(HistoryEntry):
    """A version that a restoration or a merge would make, of the record or of one that changes with it.

    Attributes:
        version: the number of the version.
        kind: ``created``, ``updated`` or ``deleted``.
        at: the time of the request.
        actor: the id of the caller.
        actor_name: the name of the caller.
        request_id: the id of the request.
        changes: what would change, as in a history.
        cause: why it would change, as in a history.
        resource: the name of the record's resource.
        record: the id of the record.
    """

    resource: str
    record: UUID
