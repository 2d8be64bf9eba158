"""What stays of an event whose record is erased (decision 117)."""

from collections.abc import Mapping
from typing import Any, Final

from crm_core.resources import Resource

_NOTHING: Final[Mapping[str, object]] = {}


def kept_fields(resource: Resource) -> frozenset[str]:
    """Return the fields whose values stay in the events of an erased record: ids, and what its path names."""
    return frozenset({"id", *resource.references, *([resource.parent] if resource.parent else [])})


def erased_changes(resource: Resource, changes: Mapping[str, object]) -> Mapping[str, object]:
    """Return the changes of an event without values: which fields changed stays, and ids.

    A change that has neither ``from`` nor ``to`` tells that it was erased.
    """
    kept = kept_fields(resource)
    return {name: change if name in kept else _NOTHING for name, change in changes.items()}


def without_copies(changes: Mapping[str, Any], field: str, *, is_latest: bool) -> Mapping[str, object]:
    """Return the changes of an event without the values of a field that copied an erased value.

    Args:
        changes: the changes of the event.
        field: the field.
        is_latest: whether the event is the last one that changed the field: then its new value stays.
    """
    if field not in changes:
        return changes
    ends = {end: None for end in changes[field] if end in {"from", "to"}}
    if is_latest and "to" in ends:
        ends["to"] = changes[field]["to"]
    return {**changes, field: ends}
