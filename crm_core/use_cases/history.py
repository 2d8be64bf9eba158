"""The history of records: who changed what, whole earlier versions, and how they come back (decisions 69 to 75)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import attrs

from crm_core.engine.cursors import pack, unpack
from crm_core.engine.decisions import key_of
from crm_core.engine.query_strings import page_limit
from crm_core.engine.receipts import Document
from crm_core.errors import (
    ErasedError,
    InvalidError,
    NotFoundError,
    invalid,
)
from crm_core.input.dates import iso
from crm_core.input.declarations import text
from crm_core.input.drafts import read_parameters
from crm_core.input.readers import ReadContext
from crm_core.model.accounts import Caller, require
from crm_core.model.events import GONE_KINDS, Event
from crm_core.model.plain_values import json_text, plain
from crm_core.model.records import MAX_VERSION, Key
from crm_core.model.replay import Version, replayed
from crm_core.ports import Database
from crm_core.resources import Resource

_PER_PAGE: Final = 50


@attrs.frozen
class Listing:
    """The query parameters of a history.

    Attributes:
        limit: the number of versions on a page.
        cursor: the beginning of a page, as the ``Link`` header of another page has it.
    """

    limit: int = page_limit(_PER_PAGE)
    cursor: str = text(default="")


class HistoryPage(NamedTuple):
    """A page of a history: entries as plain values, and the cursor of the next page if there is one."""

    entries: Sequence[Mapping[str, object]]
    next: str | None


async def find(
    db: Database,
    who: Caller,
    resource: Resource,
    id_: UUID,
    params: Mapping[str, str],
    *,
    parent: object = None,
    strict: bool = True,
) -> HistoryPage:
    """Return a page of a record's history, the newest version first; also of a record that was deleted.

    Raises PermissionDeniedError without the permission to view, and for a deleted record also to delete;
    NotFoundError; InvalidError for bad parameters.
    """
    require(who.actor, resource.permission("view"))
    try:
        limit, before = _read_listing(params, ReadContext(who.new_id, strict))
    except InvalidError:
        await _require_visible(db, who, resource, id_, parent)  # what is not there comes first (decision 2)
        raise
    events = await db.history(key_of(resource, id_), before=before, limit=limit + 1)
    # A first page begins with the latest event, which need not be read again.
    if before is not None or parent is not None or not events or events[0].kind == "deleted":
        await _require_visible(db, who, resource, id_, parent)
    page = events[:limit]
    return HistoryPage(
        [entry_of(event) for event in page], pack(str(page[-1].version)) if len(events) > limit else None
    )


async def version(
    db: Database, who: Caller, resource: Resource, id_: UUID, number: int, *, parent: object = None
) -> Document:
    """Return a whole version of a record as it was; secrets are hidden. Raises what ``find`` does, and ErasedError."""
    require(who.actor, resource.permission("view"))
    if (await _require_visible(db, who, resource, id_, parent)).kind == "erased":
        raise ErasedError
    found = await version_of(db, resource, id_, number)
    return Document(number, json_text(found.document).encode())


async def latest_event(db: Database, resource: Resource, id_: UUID, parent: object) -> Event:
    """Return the latest event of a record. Raises NotFoundError if it has none, or is not inside its parent."""
    events = await db.history(key_of(resource, id_), limit=1)
    if not events:
        raise NotFoundError
    if parent is not None and resource.parent is not None:
        lineage = await db.lineage(key_of(resource, id_), events[0].version)
        if _latest_value(lineage, resource.parent) != plain(parent):
            raise NotFoundError
    return events[0]


async def have_later_events(db: Database, versions: Mapping[Key, int]) -> bool:
    """Return whether a record has a later event than its version.

    A decision cannot know of events. One about records that were deleted, from what was read of them before, is refused
    by the store with UnavailableError if others have restored or erased them meanwhile; then it is to be read again.
    """
    for key, version_ in versions.items():
        [latest, *_] = await db.history(key, limit=1)
        if latest.version > version_:
            return True
    return False


def _latest_value(events: Sequence[Event], name: str) -> object:
    """Return the last value that a field got in some events; a merge gives records another parent."""
    changes: list[Any] = [event.changes.get(name, {}) for event in events]
    return next((change["to"] for change in reversed(changes) if "to" in change), None)


async def _require_visible(db: Database, who: Caller, resource: Resource, id_: UUID, parent: object) -> Event:
    """Return the latest event. Raises NotFoundError, and PermissionDeniedError where the caller may not see it."""
    latest = await latest_event(db, resource, id_, parent)
    if latest.kind in GONE_KINDS:
        require(who.actor, resource.permission("delete"))
    return latest


async def version_of(db: Database, resource: Resource, id_: UUID, number: int) -> Version:
    """Return a version of a record; one without an event, as migrations make, is the one before it."""
    key = key_of(resource, id_)
    if not _is_version(number):
        raise NotFoundError
    events = await db.lineage(key, number)
    found = replayed(resource.entity, events)
    if found is None or number > await _highest(db, key, found.version, number):
        raise NotFoundError
    return found._replace(version=number)


def _is_version(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= MAX_VERSION


async def _highest(db: Database, key: Key, version_: int, number: int) -> int:
    if version_ == number:
        return version_
    current = await db.get(key)
    latest = await db.history(key, limit=1)
    return max(current.version if current else 0, latest[0].version)


def _read_listing(params: Mapping[str, str], context: ReadContext) -> tuple[int, int | None]:
    """Return how many versions a page has, and the version before which it begins. Raises InvalidError."""
    values = read_parameters(Listing, params, context)
    return values["limit"], _read_cursor(values["cursor"])


def _read_cursor(cursor: str) -> int | None:
    if not cursor:
        return None
    try:
        [number] = unpack(cursor)
        return int(number)
    except (ValueError, TypeError, RecursionError):
        raise invalid("cursor", "invalid", "Invalid cursor") from None


def entry_of(event: Event) -> Mapping[str, object]:
    """Return an event that was stored as an entry of a history; its changes are plain values (decision 161)."""
    return {
        "version": event.version,
        "kind": event.kind,
        "at": iso(event.at),
        "actor": event.actor,
        "actor_name": event.actor_name,
        "request_id": event.request_id,
        "changes": event.changes,
        "cause": event.cause,
    }
