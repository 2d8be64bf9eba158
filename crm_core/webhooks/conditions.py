"""The conditions under which a webhook fires (``api.md`` 13, ruling 28)."""

import json
import operator
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Protocol

import attrs

from crm_core.errors import Problem, Problems
from crm_core.input.readers import FULL_DATE
from crm_core.model.events import same

#: Characters of JSON.
_MAX_VALUE_LENGTH: Final = 10_000


class Rule(Protocol):
    """What is asked of a condition: a field, an operator and a value."""

    @property
    def field(self) -> str:
        """A field's name, or ``attributes.`` and an attribute's."""

    @property
    def operator(self) -> str:
        """A key of OPERATORS."""

    @property
    def value(self) -> object:
        """What to compare with, a JSON value."""


@attrs.frozen
class Operator:
    """How a condition's operator decides.

    Attributes:
        holds: from the field's value before the event (None for a new record), its value now, and the condition's.
        wrong: what is wrong with a condition's value, if anything.
    """

    holds: Callable[[object, object, object], bool]
    wrong: Callable[[object], str] = lambda _: ""


def holds(rules: Iterable[Rule], logic: str, before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> bool:
    """Whether conditions are met by a record's plain values; no conditions always are.

    Args:
        rules: the conditions.
        logic: AND, all of them; OR, at least one.
        before: the record before the event, or None for a new one.
        now: the record as it will be written, or as it was for a delete.
    """
    met = [_is_met(rule, before, now) for rule in rules]
    return not met or (any(met) if logic == "OR" else all(met))


class RequiredValue(NamedTuple):
    """A text that a field must have."""

    field: str
    text: str


def required_value(rules: Iterable[Rule], logic: str) -> RequiredValue | None:
    """A field, and the text that it must have now if conditions are to be met; None if there is none such.

    Empty texts and times are left out: the former stand for no value, and the latter may be written in several ways.
    """
    for rule in rules if logic == "AND" else ():
        if (
            rule.operator in _EQUALITIES
            and isinstance(rule.value, str)
            and rule.value
            and _as_datetime(rule.value) is None
        ):
            return RequiredValue(rule.field, rule.value)
    return None


def field_of(record: Mapping[str, Any] | None, name: str) -> Any:
    """A field of a record's plain values, or with ``attributes.`` an attribute; None where there is none."""
    if record is None:
        return None
    if name.startswith("attributes."):
        return record.get("attributes", {}).get(name.removeprefix("attributes."))
    return record.get(name)


def _is_met(rule: Rule, before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> bool:
    return OPERATORS[rule.operator].holds(field_of(before, rule.field), field_of(now, rule.field), rule.value)


def _equal(one: object, other: object) -> bool:
    times = _as_datetime(one), _as_datetime(other)
    return times[0] == times[1] if None not in times else same(one, other)


def _compare(holds_for: Callable[[Any, Any], bool]) -> Callable[[object, object, object], bool]:
    """Numbers as numbers, ISO dates and times as times, texts by code point; unlike types and null never hold."""

    def compare(_: object, now: object, value: object) -> bool:
        times = _as_datetime(now), _as_datetime(value)
        if None not in times:
            return holds_for(*times)
        if _is_number(now) and _is_number(value):
            return holds_for(now, value)
        return isinstance(now, str) and isinstance(value, str) and holds_for(now, value)

    return compare


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_datetime(value: object) -> datetime | None:
    """An ISO date (its midnight) or time; only full ones, so that ``20250101`` stays a text."""
    if not isinstance(value, str) or not FULL_DATE.match(value):
        return None
    try:
        found = datetime.fromisoformat(value)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _is_in(_: object, now: object, value: object) -> bool:
    return isinstance(value, list | tuple) and any(_equal(now, each) for each in value)


def _contains(_: object, now: object, value: object) -> bool:
    if isinstance(now, str):
        return isinstance(value, str) and value in now
    return isinstance(now, list | tuple) and any(_equal(each, value) for each in now)


def _changed(before: object, now: object, _: object) -> bool:
    return not same(before, now)  # as the event says it


def _list(value: object) -> str:
    return "" if isinstance(value, list | tuple) else "The operator in takes a list."


OPERATORS: Final[Mapping[str, Operator]] = {
    "=": Operator(lambda _, now, value: _equal(now, value)),
    "!=": Operator(lambda _, now, value: not _equal(now, value)),
    ">": Operator(_compare(operator.gt)),
    "<": Operator(_compare(operator.lt)),
    ">=": Operator(_compare(operator.ge)),
    "<=": Operator(_compare(operator.le)),
    "in": Operator(_is_in, _list),
    "contains": Operator(_contains),
    "changed": Operator(_changed),
    "changed_to": Operator(lambda before, now, value: _changed(before, now, value) and _equal(now, value)),
}


#: Operators that are met only where the field has the very value.
_EQUALITIES: Final = ("=", "changed_to")


def condition_problems(field: str, operator_: str, value: object, fields: frozenset[str]) -> Mapping[str, Problems]:
    """What is wrong with a condition on a model that has the given fields."""
    problems: dict[str, Problems] = {}
    if field not in fields:
        problems["field"] = (Problem("invalid_choice", f'"{field}" is not a valid choice.'),)
    if len(json.dumps(value)) > _MAX_VALUE_LENGTH:
        problems["value"] = (
            Problem("max_length", f"Ensure this value has no more than {_MAX_VALUE_LENGTH} characters."),
        )
    elif wrong := OPERATORS[operator_].wrong(value):
        problems["value"] = (Problem("invalid", wrong),)
    return problems
