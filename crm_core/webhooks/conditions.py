"""The conditions under which a webhook fires (``api.md`` 13, decision 28)."""

import operator
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeAlias, get_args

import attrs

from crm_core.errors import Problem, Problems
from crm_core.input.dates import FULL_DATE
from crm_core.input.decimals import FixedPoint, written_decimal
from crm_core.model.entities import ATTRIBUTE_PREFIX
from crm_core.model.events import same
from crm_core.model.plain_values import json_text, plain

#: How conditions are joined: all of them must be met, or one is enough.
Logic: TypeAlias = Literal["AND", "OR"]
#: How a condition compares.
OperatorName: TypeAlias = Literal["=", "!=", ">", "<", ">=", "<=", "in", "contains", "changed", "changed_to"]

#: Characters of a condition's value as JSON.
_MAX_VALUE_LENGTH: Final = 10_000


class Rule(Protocol):
    """A condition: a field, an operator and a value."""

    @property
    def field(self) -> str:
        """Return the name of a field, or ``attributes.`` and the name of an attribute."""
        ...

    @property
    def operator(self) -> str:
        """Return a key of OPERATORS."""
        ...

    @property
    def value(self) -> object:
        """Return the JSON value to compare with."""
        ...


@attrs.frozen
class Operator:
    """An operator of conditions.

    Attributes:
        holds: returns whether the condition is met, given the field's value before the event (None for a new record),
            its value now, and the condition's value.
        problem: returns what is wrong with a condition's value; an empty text if nothing is.
    """

    holds: Callable[[object, object, object], bool]
    problem: Callable[[object], str] = lambda _: ""


def holds(rules: Iterable[Rule], logic: Logic, before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> bool:
    """Return whether a record meets the conditions; without conditions every record does.

    >>> from crm_core.webhooks.entity import Condition
    >>> won = Condition(field="stage", operator="changed_to", value="Won")
    >>> holds([won], "AND", {"stage": "New"}, {"stage": "Won"})
    True
    >>> holds([won], "AND", {"stage": "Won"}, {"stage": "Won"})
    False

    Args:
        rules: the conditions.
        logic: ``AND`` if all of them must be met, ``OR`` if one is enough.
        before: the record's plain values before the event; None for a new record.
        now: its plain values after the event; the last values of a deleted record.

    Raises ValueError for an operator or logic that is not known.
    """
    if logic not in get_args(Logic):
        raise ValueError(f"conditions are joined by {' or '.join(get_args(Logic))}, not by {logic!r}")
    results = [_is_met(rule, before, now) for rule in rules]
    return not results or (any(results) if logic == "OR" else all(results))


class RequiredValue(NamedTuple):
    """A text that a field must equal."""

    field: str
    text: str


def required_value(rules: Iterable[Rule], logic: Logic) -> RequiredValue | None:
    """Return a text that a field must equal for the conditions to be met; None if there is no such text.

    Empty texts and times are not returned: an empty text equals a missing value, and a time has several spellings.
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


def values_of(record: object, names: Iterable[str]) -> Mapping[str, Any]:
    """Return the values of fields of a record as conditions and templates take them: plain, but decimals are numbers.

    Only the named fields are there, as a record may hold thousands of notes.
    """
    fields = {name.partition(".")[0] for name in names}
    return {name: comparable(getattr(record, name)) for name in fields if hasattr(record, name)}


def comparable(value: object) -> object:
    """Return a value as conditions compare it: plain, but decimals are numbers."""
    return value if isinstance(value, FixedPoint) else plain(value)


def field_of(record: Mapping[str, Any] | None, name: str) -> Any:
    """Return a field of a record's plain values, or an attribute (``attributes.<name>``); None if it is missing."""
    if record is None:
        return None
    if name.startswith(ATTRIBUTE_PREFIX):
        return record.get("attributes", {}).get(name.removeprefix(ATTRIBUTE_PREFIX))
    return record.get(name)


def _is_met(rule: Rule, before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> bool:
    compare = OPERATORS.get(rule.operator)
    if compare is None:
        raise ValueError(f"conditions compare by {', '.join(OPERATORS)}, not by {rule.operator!r}")
    return compare.holds(field_of(before, rule.field), field_of(now, rule.field), rule.value)


def _equal(now: object, value: object) -> bool:
    if isinstance(now, FixedPoint):
        return now == written_decimal(value)
    times = _as_datetime(now), _as_datetime(value)
    return times[0] == times[1] if None not in times else same(now, value)


def _compare(holds_for: Callable[[Any, Any], bool]) -> Callable[[object, object, object], bool]:
    """Compare numbers as numbers, ISO dates and times as times, texts by code point; mixed types and null fail.

    The value of a condition on a decimal is a text, as the decimal is in JSON.
    """

    def compare(_: object, now: object, value: object) -> bool:
        if isinstance(now, FixedPoint):
            value = written_decimal(value)
        times = _as_datetime(now), _as_datetime(value)
        if None not in times:
            return holds_for(*times)
        if _is_number(now) and _is_number(value):
            return holds_for(now, value)
        return isinstance(now, str) and isinstance(value, str) and holds_for(now, value)

    return compare


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _as_datetime(value: object) -> datetime | None:
    """Return an ISO date (as its midnight) or time in UTC. Only the extended format counts: ``20250101`` is a text."""
    if not isinstance(value, str) or not FULL_DATE.match(value):
        return None
    try:
        time = datetime.fromisoformat(value)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _is_in(_: object, now: object, value: object) -> bool:
    return isinstance(value, list | tuple) and any(_equal(now, item) for item in value)


def _contains(_: object, now: object, value: object) -> bool:
    if isinstance(now, str):
        return isinstance(value, str) and value in now
    return isinstance(now, list | tuple) and any(_equal(item, value) for item in now)


def _changed(before: object, now: object, _: object) -> bool:
    return not same(before, now)  # the comparison by which events list changed fields


def _list_problem(value: object) -> str:
    return "" if isinstance(value, list | tuple) else "The operator in takes a list."


OPERATORS: Final[Mapping[str, Operator]] = {
    "=": Operator(lambda _, now, value: _equal(now, value)),
    "!=": Operator(lambda _, now, value: not _equal(now, value)),
    ">": Operator(_compare(operator.gt)),
    "<": Operator(_compare(operator.lt)),
    ">=": Operator(_compare(operator.ge)),
    "<=": Operator(_compare(operator.le)),
    "in": Operator(_is_in, _list_problem),
    "contains": Operator(_contains),
    "changed": Operator(_changed),
    "changed_to": Operator(lambda before, now, value: _changed(before, now, value) and _equal(now, value)),
}


#: Operators that are met only if the field equals the value.
_EQUALITIES: Final = ("=", "changed_to")


def value_problems(rule: Rule) -> Mapping[str, Problems]:
    """Return what is wrong with a condition's value, whatever its field is, under ``value``; empty if nothing is."""
    if len(json_text(rule.value)) > _MAX_VALUE_LENGTH:
        message = f"Ensure this field has no more than {_MAX_VALUE_LENGTH} characters."
        return {"value": (Problem("max_length", message),)}
    problem = OPERATORS[rule.operator].problem(rule.value)
    return {"value": (Problem("invalid", problem),)} if problem else {}
