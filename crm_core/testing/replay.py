"""Reads a feed, and builds records from its events alone, in plain JSON, as a follower in another language would."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_core.model.entities import ATTRIBUTE_PREFIX
from crm_core.model.events import GONE_KINDS, Event
from crm_core.model.feed import MAX_FEED_PAGE, FeedEvent, Position
from crm_core.model.plain_values import json_text, parse_json, plain
from crm_core.model.records import Key
from crm_core.model.replay import WHOLE_KINDS
from crm_core.ports import Database, Feed
from crm_core.resources import RESOURCES


def all_names() -> frozenset[str]:
    """Return the names of all resources."""
    return frozenset(RESOURCES)


async def all_events(feed: Feed, position: Position, limit: int = MAX_FEED_PAGE) -> Sequence[FeedEvent]:
    """Return all events after a position, read in pages of a size."""
    found: list[FeedEvent] = []
    is_more = True
    while is_more:
        page = await feed.read(position, all_names(), limit)
        assert page is not None
        assert len(page.events) <= limit
        found, position, is_more = [*found, *page.events], page.next, page.more
    return found


async def assert_replayed(db: Database, events: Sequence[FeedEvent]) -> None:
    """Check that the events give the documents that the database has, byte for byte but for secrets."""
    for (resource, id_), document in replayed(events).items():
        stored = await db.get(Key(resource, id_))
        assert (stored is None) == (document is None)
        if stored is not None and document is not None:
            secret = [name for name, field in RESOURCES[resource].fields.items() if field.redact is not None]
            expected = parse_json(stored.body)
            for name in secret:
                del expected[name], document[name]
            assert json_text(document) == json_text(expected)
            assert secret or json_text(document).encode() == stored.body


def replayed(entries: Iterable[FeedEvent]) -> Mapping[tuple[str, UUID], dict[str, Any] | None]:
    """Return the documents that the events give, by resource and id; None for deleted records."""
    documents: dict[tuple[str, UUID], dict[str, Any] | None] = {}
    for event in (entry.event for entry in entries):
        key = event.resource, event.record
        before = documents.get(key)
        is_known = before is not None or event.kind in WHOLE_KINDS
        is_there = is_known and event.kind not in GONE_KINDS and not _is_erased(event)
        documents[key] = _applied(None if event.kind in WHOLE_KINDS else before, event) if is_there else None
    return documents


def _is_erased(event: Event) -> bool:
    """Return whether the record was erased later: its changes have no values, and an event ``erased`` follows."""
    changes = event.changes.values()
    return event.kind != "erased" and any(not change for change in changes)


def _applied(before: dict[str, Any] | None, event: Event) -> dict[str, Any]:
    fields = RESOURCES[event.resource].fields
    document: dict[str, Any] = dict(before or {})
    attributes = dict(document.get("attributes", {}))
    for name, change in event.changes.items():
        assert isinstance(change, Mapping)
        if name.startswith(ATTRIBUTE_PREFIX):
            _set_attribute(attributes, name.removeprefix(ATTRIBUTE_PREFIX), change.get("to"))
        else:
            document[name] = _items(document[name], change) if "added" in change else change["to"]
    if "attributes" in fields:
        document["attributes"] = attributes
    document |= {"updated_at": plain(event.at), "updated_by": event.actor}
    return {name: document[name] for name in fields}


def _set_attribute(attributes: dict[str, Any], name: str, value: object) -> None:
    if value is None:
        attributes.pop(name, None)
    else:
        attributes[name] = value


def _items(before: list[Any], change: Mapping[str, Any]) -> list[Any]:
    removed = {item["id"] for item in change["removed"]}
    changed = {each["to"]["id"]: each["to"] for each in change["changed"]}
    items: list[Any] = [changed.get(item["id"], item) for item in before if item["id"] not in removed]
    items += change["added"]
    if "order" not in change:
        return items
    by_id = {item["id"]: item for item in items}
    return [by_id[id_] for id_ in change["order"]]
