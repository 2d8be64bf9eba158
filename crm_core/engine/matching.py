"""Matches, searches and sorts records in plain Python. The lists of every adapter must be the same."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from crm_core.engine.cursors import ordering_value
from crm_core.engine.queries import Cursor, Filter, Query
from crm_core.input.texts import fold
from crm_core.model.plain_values import plain
from crm_core.resources import Resource


def searched_text(resource: Resource, record: object) -> str:
    """Return the folded text that a search looks through: the searched fields, and all texts of attributes.

    Each is on a line of its own; terms have no line breaks, so none is found across two texts.
    """
    parts: list[str] = [getattr(record, name) or "" for name in resource.search]
    for value in getattr(record, "attributes", {}).values():
        parts += [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return "\n".join(map(fold, parts))


def matches(query: Query, record: Any) -> bool:
    """Return whether a record belongs to a list."""
    if query.terms and not all(term in searched_text(query.resource, record) for term in query.terms):
        return False
    return all(_holds(condition, record) for condition in query.filters)


def _holds(condition: Filter, record: Any) -> bool:
    is_attribute, operator, name = condition.is_attribute, condition.operator, condition.field
    value = record.attributes.get(name) if is_attribute else getattr(record, name)
    if operator == "isnull":
        return (value is None) is condition.value
    if value is None or (is_attribute and not _is_of_type(condition.kind, value)):
        return False
    options: Iterable[object] = condition.value if operator == "in" else (condition.value,)
    if condition.kind == "list":  # a single text stands for a list of one
        return any(option in (value if isinstance(value, list) else [value]) for option in options)
    if operator == "contains":
        return fold(condition.value) in fold(value)
    if operator in {"exact", "in"}:
        return value in options
    return bool(_COMPARE[operator](value, condition.value))


def _is_of_type(kind: str, value: object) -> bool:
    """Return whether a value has its attribute's type; one from an earlier definition may not, and matches nothing."""
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "number":
        return isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    return isinstance(value, str) or (kind == "list" and isinstance(value, list))


_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}


def cursor_of(query: Query, record: Any) -> Cursor:
    """Return the cursor of a page that ends with this record."""
    value = getattr(record, query.order_by) if query.order_by else None
    return Cursor(None if value is None else str(plain(value)), record.id)


def sort_key(query: Query, cursor: Cursor) -> tuple[bool, Any, UUID]:
    """Return the sort key of a record in ascending order; records without a value come first, ties go by id."""
    if query.order_by is None or cursor.value is None:
        return (False, "", cursor.id)
    return (True, ordering_value(query.resource.fields[query.order_by].kind, cursor.value), cursor.id)
