"""Lists of records: filters, order and pages (decisions 8 and 9)."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from uuid import UUID

import attrs

from crm_core.model.records import Key
from crm_core.resources import Resource

#: The operators that compare with one end of a range.
RANGES: Final = ("gt", "gte", "lt", "lte")

#: The operators of filters by the type of the attribute.
OPERATORS_OF_TYPE: Final[Mapping[str, tuple[str, ...]]] = {
    "text": ("exact", "in", "contains", *RANGES),
    "number": ("exact", "in", *RANGES),
    "date": ("exact", "in", *RANGES),
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
    """The last record of a page: its value in the order of the list, as in JSON, and its id."""

    value: str | None
    id: UUID


@attrs.frozen(kw_only=True)
class Query:
    """A list of records.

    Attributes:
        resource: the resource of the records.
        filters: the conditions, all of which must be met.
        terms: folded texts, all of which the record must contain (``crm_core.fold``).
        order_by: a field, or None for the order of creation. Texts are ordered folded, then unfolded.
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
    """A page of a list: documents joined by commas, and the cursor of the next page if there is one."""

    body: bytes
    next: Cursor | None
