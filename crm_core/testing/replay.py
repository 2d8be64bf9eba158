"""Builds records from the events of the feed alone, in plain JSON, as a follower in another language would."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from crm_core.model.entities import ATTRIBUTE_PREFIX
from crm_core.model.events import Event
from crm_core.model.feed import FeedEvent
from crm_core.model.plain_values import plain
from crm_core.resources import RESOURCES


def replayed(entries: Iterable[FeedEvent]) -> Mapping[tuple[str, UUID], dict[str, Any] | None]:
    """Return the documents that the events give, by resource and id; None for deleted records."""
    documents: dict[tuple[str, UUID], dict[str, Any] | None] = {}
    for event in (entry.event for entry in entries):
        key = event.resource, event.record
        documents[key] = None if event.kind == "deleted" else _applied(documents.get(key), event)
    return documents


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
