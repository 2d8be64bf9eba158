"""Which records belong to a list, and in which order: the plain Python with which every adapter must agree."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from crm_core.engine.cursors import ordering_value
from crm_core.engine.queries import Cursor, Filter, Query
from crm_core.input.readers import iso
from crm_core.resources import Resource


def simple_lower(value: str) -> str:
    """Lower case character by character, as databases do it; Python alone would look at the neighbours of some."""
    return value.lower() if value.isascii() else "".join(_LOWER.get(c) or c.lower() for c in value)


_LOWER: Final = {"\u0130": "i"}


def searched_text(resource: Resource, record: object) -> str:
    """What a search looks through: the fields that say so, and every text among the attributes."""
    parts: list[str] = [getattr(record, name) or "" for name in resource.search]
    for value in getattr(record, "attributes", {}).values():
        parts.extend(each for each in ([value] if isinstance(value, str) else value if isinstance(value, list) else ()))
    return simple_lower("\n".join(parts))


def matches(query: Query, record: Any) -> bool:
    """Whether a record belongs to a list."""
    if query.terms and not all(term in searched_text(query.resource, record) for term in query.terms):
        return False
    return all(_holds(each, record) for each in query.filters)


def _holds(each: Filter, record: Any) -> bool:
    found = record.attributes.get(each.field) if each.is_attribute else getattr(record, each.field)
    if found is None or (each.is_attribute and not _is_of_type(each.kind, found)):
        return False
    wanted: Iterable[object] = each.value if each.operator == "in" else (each.value,)
    if each.kind == "list":  # a single text stands for a list of one
        return any(want in (found if isinstance(found, list) else [found]) for want in wanted)
    if each.operator == "contains":
        return simple_lower(each.value) in simple_lower(found)
    if each.operator in {"exact", "in"}:
        return found in wanted
    return bool(_COMPARE[each.operator](found, each.value))


def _is_of_type(kind: str, value: object) -> bool:
    """A value kept from an earlier definition of another type matches nothing."""
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str) or (kind == "list" and isinstance(value, list))


_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}


def cursor_of(query: Query, record: Any) -> Cursor:
    """Where a page ends that ends with this record."""
    value = getattr(record, query.order_by) if query.order_by else None
    if isinstance(value, datetime):
        value = iso(value)
    return Cursor(value.isoformat() if isinstance(value, date) else value, record.id)


def sort_key(query: Query, cursor: Cursor) -> tuple[bool, Any, UUID]:
    """The place of a record in a list's ascending order; records without a value come first, ties by id."""
    if query.order_by is None or cursor.value is None:
        return (False, "", cursor.id)
    return (True, ordering_value(query.resource.fields[query.order_by].kind, cursor.value), cursor.id)
