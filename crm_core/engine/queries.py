"""Lists of records: filters, order and pages (decisions 8 and 9)."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from uuid import UUID

import attrs

from crm_core.resources import Resource
from crm_core.rules.needs import Key

_RANGES: Final = ("gt", "gte", "lt", "lte")

#: By which operators a filter can compare attributes of each type.
OPERATORS_OF_TYPE: Final[Mapping[str, tuple[str, ...]]] = {
    "text": ("exact", "in", "contains", *_RANGES),
    "number": ("exact", "in", *_RANGES),
    "date": ("exact", "in", *_RANGES),
    "boolean": ("exact",),
    "list": ("exact", "in", "contains"),
    "file": ("exact", "in", "contains"),
}


@attrs.frozen
class Filter:
    """One condition on the records of a list.

    Attributes:
        field: a field's name, or an attribute's with ``is_attribute``.
        operator: exact, in, contains, gt, gte, lt, lte or isnull. On texts ``contains`` compares them folded.
        value: what to compare with, of the field's type; a tuple for ``in``, a boolean for ``isnull``.
        kind: the field's kind, or the attribute's type.
        is_attribute: whether the field is a user-defined attribute.
    """

    field: str
    operator: str
    value: Any
    kind: str
    is_attribute: bool = False


class Cursor(NamedTuple):
    """The last record of a page: its value in the list's order, as the wire shows it, and its id."""

    value: str | None
    id: UUID


@attrs.frozen(kw_only=True)
class Query:
    """A list of records.

    Attributes:
        resource: the resource of the records.
        filters: conditions of which all hold.
        terms: folded texts, each of which the record contains (`crm_core.input.texts.fold`).
        order_by: a field, or None for the order of creation. Texts are ordered folded, then as they are.
        descending: whether the order is reversed; newest first is the default.
        after: the last record of the page before.
        limit: the largest number of records, or None for all.
    """

    resource: Resource
    filters: tuple[Filter, ...] = ()
    terms: tuple[str, ...] = ()
    order_by: str | None = None
    descending: bool = True
    after: Cursor | None = None
    limit: int | None = None

    def references(self) -> Mapping[str, Key]:
        """Return the records and users that the filters name, by field."""
        to = self.resource.references
        return {
            condition.field: Key(to[condition.field], condition.value)
            for condition in self.filters
            if not condition.is_attribute and condition.operator == "exact" and condition.field in to
        }


class Page(NamedTuple):
    """Some records of a list: their documents joined by commas, and where the next page starts, if there is one."""

    body: bytes
    next: Cursor | None
