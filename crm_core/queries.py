"""Lists: which records, in which order, from where on (rulings 8 and 9).

A query is parsed from plain text parameters; adapters answer it. ``matches``, ``sort_key`` and ``simple_lower`` say in
plain Python what every adapter must agree with.
"""

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import attrs

from crm_core.attributes import normal_name
from crm_core.changes import Key
from crm_core.entities import Attribute
from crm_core.errors import InvalidError, Problem, Problems
from crm_core.fields import Field
from crm_core.readers import RefusedError, iso, read_boolean, read_moment, read_uuid, refuse, text_problems
from crm_core.resources import Resource

MOST_PER_PAGE: Final = 1_000
_MOST_TERMS: Final = 20
_MOST_VALUES: Final = 200
ATTRIBUTE_PREFIX: Final = "attributes."

_RANGES: Final = ("gt", "gte", "lt", "lte")
OPERATORS_OF_TYPE: Final[Mapping[str, tuple[str, ...]]] = {
    "text": ("exact", "in", "contains", *_RANGES),
    "number": ("exact", "in", *_RANGES),
    "date": ("exact", "in", *_RANGES),
    "boolean": ("exact",),
    "list": ("exact", "in", "contains"),
    "file": ("exact", "in", "contains"),
}
_NUMBER = re.compile(r"-?\d{1,400}(\.\d{1,400})?([eE][+-]?\d{1,3})?", re.ASCII)
_TERM = re.compile(r""""([^"]*)"(?=[\s,]|$)|'([^']*)'(?=[\s,]|$)|([^\s,]+)""")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_NOT_A_CHOICE: Final = Problem(
    "invalid_choice", "Select a valid choice. That choice is not one of the available choices."
)


@attrs.frozen
class Filter:
    """One condition on the records of a list.

    Attributes:
        field: a field's name, or an attribute's with ``is_attribute``.
        operator: exact, in, contains, gt, gte, lt or lte.
        value: what to compare with, of the field's type; a tuple for ``in``.
        kind: the field's kind, or the attribute's type.
        is_attribute: whether it is about a user-defined attribute.
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
        resource: whose records.
        filters: all of them hold.
        terms: lower-case texts, each of which is found by the search.
        order_by: a field, or None for the order of creation.
        descending: whether the order is reversed; newest first is the default.
        after: where the page before ended.
        limit: the most records to give, or None for all.
    """

    resource: Resource
    filters: tuple[Filter, ...] = ()
    terms: tuple[str, ...] = ()
    order_by: str | None = None
    descending: bool = True
    after: Cursor | None = None
    limit: int | None = None

    def references(self) -> Mapping[str, Key]:
        """The records and users that the filters name, by field."""
        to = self.resource.references
        return {f.field: Key(to[f.field], f.value) for f in self.filters if not f.is_attribute and f.field in to}


class Page(NamedTuple):
    """Some records of a list: their documents joined by commas, and where the next page starts, if there is one."""

    body: bytes
    next: Cursor | None


def parse_query(
    resource: Resource, params: Mapping[str, str], definitions: Mapping[str, Attribute], *, strict: bool = False
) -> Query:
    """Read query parameters; empty values are none. Raises InvalidError naming each bad parameter."""
    query: dict[str, Any] = {"resource": resource}
    filters: list[Filter] = []
    problems: dict[str, Problems] = {}
    for name, value in params.items():
        try:
            if not _is_known(resource, name):
                _refuse_unknown(resource, strict=strict)
            elif not value:
                continue
            elif found := text_problems(value, len(value)):
                problems[name] = found
            elif name in _CONTROLS:
                query |= _CONTROLS[name](resource, value)
            else:
                filters.append(_read_filter(resource, name, value, definitions))
        except RefusedError as error:
            problems[name] = error.problems
    if problems:
        raise InvalidError(problems)
    if (ordered := query.pop("cursor", None)) is not None:
        query["after"] = _check_cursor(ordered, query)
    return Query(filters=tuple(filters), **query)


def known_parameters(resource: Resource) -> tuple[str, ...]:
    """The names of a list's query parameters; ``attributes.<name>`` stands for any attribute."""
    named = (*resource.filters, *(name for name in resource.references if name != resource.parent))
    attribute = (f"{ATTRIBUTE_PREFIX}<name>",) if "attributes" in resource.fields else ()
    return (*named, *attribute, *_CONTROLS)


def refuse_missing(query: Query, exists: Callable[[Key], bool]) -> None:
    """Raise InvalidError for filters that name records or users that do not exist."""
    missing = {name: (_NOT_A_CHOICE,) for name, key in query.references().items() if not exists(key)}
    if missing:
        raise InvalidError(missing)


def write_cursor(query: Query, cursor: Cursor) -> str:
    """A cursor as an opaque text for URLs."""
    order = ("-" if query.descending else "") + (query.order_by or "")
    return pack(order, cursor.value, str(cursor.id))


def pack(*parts: str | None) -> str:
    """Parts of a place in a list as an opaque text for URLs."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def unpack(text: str) -> Any:
    """What `pack` was given, or whatever else somebody made up. Raises ValueError, also RecursionError."""
    return json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))


def _read_cursor(_: Resource, value: str) -> Mapping[str, object]:
    try:
        order, last, id_ = unpack(value)
        sound = (
            isinstance(order, str)
            and isinstance(id_, str)
            and isinstance(last, str | None)
            and not text_problems(last or "", len(last or ""))
        )
        if sound:
            return {"cursor": (order, Cursor(last, read_uuid(id_)))}
    except (ValueError, TypeError, RecursionError, RefusedError, binascii.Error):
        pass
    raise refuse("invalid", "Invalid cursor")


def _check_cursor(ordered: tuple[str, Cursor], query: Mapping[str, Any]) -> Cursor:
    """A cursor belongs to one order, and its value to the ordering field."""
    order, cursor = ordered
    name = query.get("order_by")
    if order == ("-" if query.get("descending", True) else "") + (name or ""):
        field = query["resource"].fields[name] if name else None
        try:
            if cursor.value is None and (field is None or field.nullable):
                return cursor
            if cursor.value is not None and field is not None:
                _from_wire(field.kind, cursor.value)
                return cursor
        except RefusedError:
            pass
    raise InvalidError({"cursor": (Problem("invalid", "Invalid cursor"),)})


def _read_ordering(resource: Resource, value: str) -> Mapping[str, object]:
    name = value.removeprefix("-")
    if name not in resource.ordering:
        allowed = ", ".join(resource.ordering) or "none"
        raise refuse("invalid_choice", f'"{name[:100]}" is not a valid choice. Lists can be ordered by: {allowed}.')
    return {"order_by": name, "descending": value.startswith("-")}


def read_limit(value: str) -> int:
    """How many a page may have. Raises RefusedError."""
    if not re.fullmatch(r"-?\d{1,20}", value, re.ASCII):
        raise refuse("invalid", "A valid integer is required.")
    limit = int(value)
    if limit < 1:
        raise refuse("min_value", "Ensure this value is greater than or equal to 1.")
    if limit > MOST_PER_PAGE:
        raise refuse("max_value", f"Ensure this value is less than or equal to {MOST_PER_PAGE}.")
    return limit


def _read_search(_: Resource, value: str) -> Mapping[str, object]:
    """Terms are parted by blanks and commas; quotes round a term keep a phrase together."""
    terms = (quoted or other or plain for quoted, other, plain in _TERM.findall(value))
    found = dict.fromkeys(simple_lower(term).replace("\n", " ") for term in terms if term)
    if len(found) > _MOST_TERMS:
        raise refuse("max_length", f"Ensure this value has no more than {_MOST_TERMS} terms.")
    return {"terms": tuple(found)}


_CONTROLS: Final[Mapping[str, Callable[[Resource, str], Mapping[str, object]]]] = {
    "search": _read_search,
    "ordering": _read_ordering,
    "limit": lambda _, value: {"limit": read_limit(value)},
    "cursor": _read_cursor,
}


def _is_known(resource: Resource, name: str) -> bool:
    is_attribute = name.startswith(ATTRIBUTE_PREFIX) and "attributes" in resource.fields
    return is_attribute or name in known_parameters(resource)


def _refuse_unknown(resource: Resource, *, strict: bool) -> None:
    if strict:
        raise refuse("unknown", f"This parameter is not known. There are: {', '.join(known_parameters(resource))}.")


def _read_filter(resource: Resource, name: str, value: str, definitions: Mapping[str, Attribute]) -> Filter:
    if name.startswith(ATTRIBUTE_PREFIX):
        return _read_attribute_filter(name.removeprefix(ATTRIBUTE_PREFIX), value, definitions)
    field = resource.fields[name]
    return Filter(name, resource.filters.get(name, "exact"), _read_value(field, value), field.kind)


def _read_attribute_filter(name: str, value: str, definitions: Mapping[str, Attribute]) -> Filter:
    # Names never hold two "_" in a row, but may end in one: the last two belong to the operator.
    bare, _, operator = name.rpartition("__") if "__" in name else (name, "", "exact")
    definition = definitions.get(normal_name(bare))
    if definition is None:
        raise refuse("unknown", "This attribute is not defined.")
    if operator not in (allowed := OPERATORS_OF_TYPE[definition.type]):
        raise refuse("invalid_choice", f"Attributes of this type can be compared by: {', '.join(allowed)}.")
    read = _ATTRIBUTE_READERS.get(definition.type, str)
    parts = value.split(",") if operator == "in" else [value]
    if len(parts) > _MOST_VALUES:
        raise refuse("max_length", f"Ensure this value has no more than {_MOST_VALUES} items.")
    found = tuple(read(part) for part in parts) if operator == "in" else read(value)
    return Filter(definition.name, operator, found, definition.type, is_attribute=True)


def _read_value(field: Field, value: str) -> object:
    if field.kind == "uuid":
        try:
            return read_uuid(value)
        except RefusedError:
            raise refuse("invalid", "Enter a valid UUID.") from None
    if field.kind == "integer":
        if not re.fullmatch(r"\s*-?\d{1,18}\s*", value, re.ASCII):
            raise refuse("invalid", "Enter a number.")
        return int(value)
    if field.kind == "choice" and value not in field.limits.get("enum", ()):
        raise refuse("invalid_choice", f"Select a valid choice. {value[:100]} is not one of the available choices.")
    return read_boolean(value) if field.kind == "boolean" else value


def _read_number(value: str) -> int | float:
    number = float(value) if _NUMBER.fullmatch(value) else math.nan
    if not math.isfinite(number):
        raise refuse("invalid", "Enter a number.")
    return int(value) if value.lstrip("-").isdigit() else number


def _read_day(value: str) -> str:
    try:
        return date.fromisoformat(value if _DAY.fullmatch(value) else "").isoformat()
    except ValueError:
        raise refuse("invalid", "Enter a valid date.") from None


_ATTRIBUTE_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "number": _read_number,
    "date": _read_day,
    "boolean": read_boolean,
}


def _from_wire(kind: str, value: str) -> Any:
    if kind == "moment":
        found = read_moment(value)
        if iso(found) != value:  # no document shows it like this
            raise refuse("invalid", "Invalid cursor")
        return found
    if kind == "date":
        return date.fromisoformat(_read_day(value))
    return value


# What the answers must be, in plain Python.


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
    return (True, _from_wire(query.resource.fields[query.order_by].kind, cursor.value), cursor.id)
