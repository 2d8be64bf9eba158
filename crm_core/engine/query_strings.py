"""Reads the query parameters of a list: filters, search, ordering, pages (decisions 8, 9, 33 to 35)."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from crm_core.engine.cursors import check_cursor, read_cursor
from crm_core.engine.parameters import (
    OPERATOR_MARK,
    counting_problems,
    dotted,
    filter_parameters,
    is_known,
    refuse_unknown,
    split_parts,
)
from crm_core.engine.queries import OPERATORS_OF_TYPE, Filter, Query
from crm_core.errors import InvalidError, Problem, Problems
from crm_core.input.dates import read_datetime, read_full_date
from crm_core.input.decimals import read_numeral
from crm_core.input.declarations import integer
from crm_core.input.fields import Field, FieldKind
from crm_core.input.numbers import MAX_BIGINT, MIN_BIGINT
from crm_core.input.readers import (
    RefusedError,
    read_boolean,
    read_integer,
    read_uuid,
    refuse,
    text_problems,
)
from crm_core.input.texts import fold, is_blank, normal
from crm_core.model.entities import ATTRIBUTE_PREFIX, Attribute
from crm_core.model.records import Key
from crm_core.resources import Resource
from crm_core.rules.attributes import not_defined

MAX_PAGE_SIZE: Final = 1_000
_PAGE_SIZES: Final = {"minimum": 1, "maximum": MAX_PAGE_SIZE}
_MAX_TERMS: Final = 20
_MAX_VALUES: Final = 200

_TERM = re.compile(r""""([^"]*)"(?=[\s,]|$)|'([^']*)'(?=[\s,]|$)|([^\s,]+)""")
NOT_A_CHOICE: Final = Problem(
    "invalid_choice", "Select a valid choice. That choice is not one of the available choices."
)


def parse_query(
    resource: Resource, params: Mapping[str, str], definitions: Mapping[str, Attribute], *, strict: bool = False
) -> Query:
    """Return the query that parameters ask for; blank values are ignored. Raises InvalidError by parameter."""
    query: dict[str, Any] = {"resource": resource}
    filters: list[Filter] = []
    problems: dict[str, Problems] = {**counting_problems(params)}
    for sent_name, sent in params.items():
        name, value = dotted(sent_name), normal(sent)
        is_asked = not is_blank(value)
        try:
            if not is_known(resource, name):
                refuse_unknown(resource, name, is_asked=is_asked, strict=strict)
            elif value_problems := text_problems(value, len(value)):
                problems[sent_name] = value_problems
            elif is_asked and name in _CONTROLS:
                query |= _CONTROLS[name](resource, value.strip())
            elif is_asked:
                filters.append(_read_filter(resource, name, value, definitions))
        except RefusedError as error:
            problems[sent_name] = error.problems
    if problems:
        raise InvalidError(problems)
    if (ordered := query.pop("cursor", None)) is not None:
        query["after"] = check_cursor(ordered, query)
    return Query(filters=tuple(filters), **query)


def refuse_missing(references: Mapping[str, Key], exists: Callable[[Key], bool]) -> None:
    """Raise InvalidError for parameters that name records or users that do not exist."""
    missing = {name: (NOT_A_CHOICE,) for name, key in references.items() if not exists(key)}
    if missing:
        raise InvalidError(missing)


def _read_ordering(resource: Resource, value: str) -> Mapping[str, object]:
    name = value.removeprefix("-")
    if name not in resource.ordering:
        allowed = ", ".join(resource.ordering) or "none"
        raise refuse("invalid_choice", f'"{name[:100]}" is not a valid choice. Lists can be ordered by: {allowed}.')
    return {"order_by": name, "descending": value.startswith("-")}


def read_limit(value: str) -> int:
    """Return how many records a page may have. Raises RefusedError."""
    if not re.fullmatch(r"-?\d{1,20}", value, re.ASCII):
        raise refuse("invalid", "A valid integer is required.")
    return read_integer(value, **_PAGE_SIZES)


def page_limit(default: int) -> Any:
    """Declare the query parameter ``limit``: how many items a page may have, and ``default`` without it."""
    return integer(default=default, **_PAGE_SIZES)


def _read_search(_: Resource, value: str) -> Mapping[str, object]:
    """Return the terms of a search: blanks and commas separate them, quotes keep a phrase together."""
    terms = (quoted or other or plain for quoted, other, plain in _TERM.findall(value))
    distinct = dict.fromkeys(folded for term in terms if (folded := fold(term).strip()))
    if len(distinct) > _MAX_TERMS:
        raise refuse("max_length", f"Ensure this value has no more than {_MAX_TERMS} terms.")
    return {"terms": tuple(distinct)}


_CONTROLS: Final[Mapping[str, Callable[[Resource, str], Mapping[str, object]]]] = {
    "search": _read_search,
    "ordering": _read_ordering,
    "limit": lambda _, value: {"limit": read_limit(value)},
    "cursor": read_cursor,
}


def _read_filter(resource: Resource, name: str, value: str, definitions: Mapping[str, Attribute]) -> Filter:
    if name.startswith(ATTRIBUTE_PREFIX):
        return _read_attribute_filter(name.removeprefix(ATTRIBUTE_PREFIX), value, definitions)
    field_name, operator = filter_parameters(resource)[name]
    field, trimmed = resource.fields[field_name], value.strip()
    if operator == "isnull":
        operand: object = read_boolean(trimmed)
    elif field.kind == "integer" and field_name in resource.references:
        operand = _read_user(trimmed)
    else:
        operand = _read_value(field, trimmed)
    return Filter(field_name, operator, operand, field.kind)


def _read_attribute_filter(name: str, value: str, definitions: Mapping[str, Attribute]) -> Filter:
    # Names never have two "_" in a row, but may end in one: the last two belong to the operator.
    bare, _, operator = name.rpartition(OPERATOR_MARK) if OPERATOR_MARK in name else (name, "", "exact")
    definition = definitions.get(normal(bare))
    if definition is None:
        raise RefusedError((not_defined(normal(bare), definitions),))
    if operator != "isnull" and operator not in (allowed := OPERATORS_OF_TYPE[definition.type]):
        raise refuse(
            "invalid_choice", f"Attributes of this type can be compared by: {', '.join((*allowed, 'isnull'))}."
        )
    operator, operand = _read_operand(definition, operator, value)
    return Filter(definition.name, operator, operand, definition.type, is_attribute=True)


def read_attribute_value(definition: Attribute, value: str) -> Any:
    """Return the value of an attribute that a text without outer blanks stands for. Raises RefusedError."""
    return _ATTRIBUTE_READERS.get(definition.type, str)(value)


def _read_operand(definition: Attribute, operator: str, value: str) -> tuple[str, object]:
    """Return the operator and the value to compare an attribute with."""
    if operator == "isnull":
        return operator, read_boolean(value)
    read = _ATTRIBUTE_READERS.get(definition.type, str)
    trimmed = value.strip()
    if operator == "exact" and read is str and trimmed != value:
        # Values of attributes may have blanks at their ends, unlike those of fields: both are asked for.
        return "in", (trimmed, value)
    if operator != "in":
        return operator, read(trimmed)
    parts = split_parts(value)
    if len(parts) > _MAX_VALUES:
        raise refuse("max_length", f"Ensure this value has no more than {_MAX_VALUES} items.")
    return operator, tuple(read(part) for part in parts)


def _read_value(field: Field, value: str) -> object:
    read = FIELD_READERS.get(field.kind)
    if read is None:
        raise AssertionError("no list is filtered by such a field")
    return read(field, value)


def _read_id(value: str) -> UUID:
    try:
        return read_uuid(value)
    except RefusedError:
        raise refuse("invalid", "Enter a valid UUID.") from None


def _read_user(value: str) -> int:
    """Return the id of a user, which is written in one way, unlike a number to compare with."""
    if not re.fullmatch(r"-?\d+", value, re.ASCII):
        raise refuse("invalid", "Enter a number.")
    number = read_numeral(value)
    if number is None or abs(int(number)) > MAX_BIGINT:
        raise RefusedError((NOT_A_CHOICE,))  # a number that no user can have
    return int(number)


def _read_integer(value: str) -> int:
    number = _read_number(value)
    if number != int(number) or not MIN_BIGINT <= number <= MAX_BIGINT:
        raise refuse("invalid", "Enter a number.")
    return int(number)


def _read_choice(field: Field, value: str) -> str:
    if value not in field.limits.get("enum", ()):
        raise refuse("invalid_choice", f"Select a valid choice. {value[:100]} is not one of the available choices.")
    return value


def _read_number(value: str) -> int | Decimal:
    number = read_numeral(value)
    if number is None:
        raise refuse("invalid", "Enter a number.")
    return number


#: Reads the value of a filter, by the kind of the field; lists are filtered by fields of these kinds.
FIELD_READERS: Final[Mapping[FieldKind, Callable[[Field, str], object]]] = {
    "uuid": lambda _, value: _read_id(value),
    "integer": lambda _, value: _read_integer(value),
    "decimal": lambda _, value: _read_number(value),
    "choice": _read_choice,
    "boolean": lambda _, value: read_boolean(value),
    "text": lambda _, value: value,
    "date": lambda _, value: read_full_date(value),
    "datetime": lambda _, value: read_datetime(value),
}


def _read_day(value: str) -> str:
    return read_full_date(value).isoformat()


_ATTRIBUTE_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "number": _read_number,
    "date": _read_day,
    "boolean": read_boolean,
}
