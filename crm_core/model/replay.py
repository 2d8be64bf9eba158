"""Builds versions of a record from its events: the inverse of ``recorded_changes.record_changes``."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from crm_core.input.fields import REQUIRED, Field, fields_of
from crm_core.model.entities import ATTRIBUTE_PREFIX
from crm_core.model.events import GONE_KINDS, Event
from crm_core.model.plain_values import REDACTED, plain

#: The kinds of events that hold a whole record, from which its later versions can be built.
WHOLE_KINDS: Final = frozenset({"created", "baseline"})


class Version(NamedTuple):
    """A version of a record.

    Attributes:
        version: its number.
        document: the record as plain values, as clients saw it, in the order of its fields; secrets are hidden.
        definitions: the ids of the definitions of its attributes, by the name that each had then.
    """

    version: int
    document: Mapping[str, Any]
    definitions: Mapping[str, UUID]


def replayed(entity: type, events: Iterable[Event]) -> Version | None:
    """Return the version of a record after these events; None if it was deleted, or was never there.

    Args:
        entity: the class of the record.
        events: its events in their order, from one that holds the whole record (``WHOLE_KINDS``) on. Their changes are
            plain values.
    """
    values: dict[str, Any] | None = None
    definitions: dict[str, UUID] = {}
    last: Event | None = None
    for last in events:
        if last.kind in WHOLE_KINDS:
            values, definitions = {"attributes": {}}, {}
        if last.kind in GONE_KINDS:
            values = None
        elif values is not None:
            _apply(entity, values, definitions, last.changes)
    if values is None or last is None:
        return None
    return Version(last.version, _document(entity, values, last), definitions)


def deleted_version(entity: type, event: Event) -> Version:
    """Return the version of a record before the event of its deletion, which holds all of it."""
    values: dict[str, Any] = {"attributes": {}}
    definitions: dict[str, UUID] = {}
    ends = {name: {**change, "to": change["from"]} for name, change in _changes(event)}
    _apply(entity, values, definitions, ends)
    return Version(event.version - 1, _document(entity, values, None), definitions)


def _changes(event: Event) -> Iterable[tuple[str, Mapping[str, Any]]]:
    changes: Mapping[str, Any] = event.changes
    return changes.items()


def _apply(entity: type, values: dict[str, Any], definitions: dict[str, UUID], changes: Mapping[str, Any]) -> None:
    fields = fields_of(entity)
    for name, change in changes.items():
        if name.startswith(ATTRIBUTE_PREFIX):
            attribute = name.removeprefix(ATTRIBUTE_PREFIX)
            values["attributes"] = _with_member(values["attributes"], attribute, change.get("to"))
            if "attribute" in change:
                definitions[attribute] = UUID(str(change["attribute"]))
        elif name in fields:
            values[name] = _with_items(values[name], change) if "added" in change else change.get("to")


def _with_member(members: Mapping[str, Any], name: str, value: object) -> Mapping[str, Any]:
    if value is None:
        return {other: kept for other, kept in members.items() if other != name}
    return {**members, name: value}


def _with_items(items: Sequence[Mapping[str, Any]], change: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    removed = {item["id"] for item in change["removed"]}
    changed = {each["to"]["id"]: each["to"] for each in change["changed"]}
    kept = [changed.get(item["id"], item) for item in items if item["id"] not in removed]
    result = [*kept, *change["added"]]
    by_id = {item["id"]: item for item in result}
    return [by_id[id_] for id_ in change["order"] if id_ in by_id] if "order" in change else result


def _document(entity: type, values: Mapping[str, Any], last: Event | None) -> Mapping[str, Any]:
    stamps = {"updated_at": plain(last.at), "updated_by": last.actor} if last else {}
    return {
        name: stamps.get(name) if field.is_stamp else _shown(field, values.get(name))
        for name, field in fields_of(entity).items()
    }


def _shown(field: Field, value: Any) -> Any:
    """Return a value as clients see it: of an object with secrets, events hold the names alone.

    A field that came later than the event has its first value.
    """
    if field.redact is not None and field.kind == "mapping":
        return dict.fromkeys(value or (), REDACTED)
    is_missing = value is None and not field.nullable and field.default is not REQUIRED
    return plain(field.initial()) if is_missing else value
