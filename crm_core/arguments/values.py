"""The values of arguments as the rules read them: plain JSON values, and texts of query parameters."""

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, Final, TypeAlias

import attrs

from crm_core.errors import NOT_A_NUMBER, Problems
from crm_core.input.fields import fields_of
from crm_core.input.json_values import MAX_DEPTH
from crm_core.input.numbers import exact_number
from crm_core.model.entities import ATTRIBUTE_PREFIX
from crm_core.model.plain_values import plain

#: The value of a unique attribute, as it is looked for.
UniqueParameter: TypeAlias = str | int | float | Decimal | dt.date


#: What is read in place of what is nested too deep: no reader takes it.
_TOO_DEEP: Final = ...


def sendable(value: object, *, depth: int = MAX_DEPTH + 8) -> Any:
    """Return a value as plain JSON values; fields of entities that are output only are left out.

    What is nested deeper than ``depth``, or without an end, is replaced by what no reader takes.

    >>> from crm_core.model.entities import Task
    >>> sendable([dt.date(2026, 1, 31), Task(task="Call")])
    ['2026-01-31', {'id': None, 'task': 'Call', 'date': None, 'completed': False, 'date_created': None}]
    """
    if depth < 0:
        return _TOO_DEEP
    send = partial(sendable, depth=depth - 1)
    if isinstance(value, Mapping):
        return {name: send(member) for name, member in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [send(item) for item in value]
    if attrs.has(type(value)):
        fields = fields_of(type(value))
        return {name: send(getattr(value, name)) for name, field in fields.items() if not field.output_only}
    if isinstance(value, str):
        return str.__str__(value)  # also of an enum whose members are texts
    return plain(value)


def number_problems(value: object) -> Problems:
    """Return the problems of the numbers in a plain value that are none in JSON (decision 62), by their places.

    >>> number_problems({"size": [1, float("nan")]})
    {'size': {'1': (Problem(code='invalid', message='A valid number is required.'),)}}
    """
    if not isinstance(value, Mapping | list):
        is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
        return (NOT_A_NUMBER,) if is_number and exact_number(value) is None else ()
    members = value.items() if isinstance(value, Mapping) else enumerate(value)
    return {str(name): problems for name, member in members if (problems := number_problems(member))}


def by_parameter(filters: Mapping[str, Any]) -> Mapping[str, object]:
    """Return filters by the names of their parameters; those of attributes come in an object of their own.

    >>> by_parameter({"stage": "New", "attributes": {"size__gte": 5}})
    {'stage': 'New', 'attributes.size__gte': 5}
    """
    named = {name: value for name, value in filters.items() if not isinstance(value, Mapping)}
    nested = (value for value in filters.values() if isinstance(value, Mapping))
    return named | {f"{ATTRIBUTE_PREFIX}{name}": value for values in nested for name, value in values.items()}
