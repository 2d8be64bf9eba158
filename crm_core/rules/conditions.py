"""Conditions of webhooks as they are saved: their values are read as their fields read values (decision 28)."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from uuid import UUID

import attrs

from crm_core.errors import NOT_A_STRING, Problem, Problems, not_a_choice
from crm_core.input.dates import read_datetime
from crm_core.input.fields import Field, fields_of
from crm_core.input.readers import (
    ReadContext,
    RefusedError,
    abbreviated,
    read_key,
    read_list,
    read_mapping,
    read_text,
    read_uuid,
)
from crm_core.model.entities import ATTRIBUTE_PREFIX, Attribute
from crm_core.model.events import same
from crm_core.model.plain_values import plain
from crm_core.rules.attributes import check_value, refused_field
from crm_core.webhooks.conditions import value_problems
from crm_core.webhooks.entity import MODELS, Condition

#: No reader that conditions use makes ids.
_CONTEXT: Final = ReadContext(lambda: UUID(int=0))
_MAX_ITEMS: Final = 1_000

#: The operators that compare by size.
COMPARISONS: Final = frozenset({">", "<", ">=", "<="})
#: The kinds of fields and types of attributes for which a comparison is never met.
WITHOUT_ORDER: Final = frozenset({"boolean", "list", "items", "texts", "attributes"})
#: Those for which ``contains`` is never met: in documents they are neither texts nor lists.
WITHOUT_PARTS: Final = frozenset({"boolean", "number", "integer", "decimal", "attributes"})

#: Reads one value of a condition; raises RefusedError.
_Read = Callable[[object], object]


@attrs.frozen
class _Subject:
    """What a condition is about.

    Attributes:
        kind: the kind of the field, or the type of the attribute.
        read: reads a value of it.
        read_part: reads a part of it, for ``contains``.
    """

    kind: str
    read: _Read
    read_part: _Read


def read_conditions(
    model: str, definitions: Mapping[str, Attribute], sent: Sequence[Condition], before: Sequence[Condition]
) -> tuple[Condition, ...]:
    """Return the conditions of a webhook with their values read.

    Args:
        model: a key of MODELS.
        definitions: the attributes of that model, by name.
        sent: the conditions.
        before: conditions that the webhook has already: of these, those that cannot be read stay as they are.

    Raises:
        RefusedError: the problems by the index of the condition.
    """
    conditions: list[Condition] = []
    problems: dict[str, Problems] = {}
    for index, condition in enumerate(sent):
        try:
            conditions.append(_read_condition(condition, _subject(model, definitions, condition.field), definitions))
        except RefusedError as error:
            conditions.append(condition)
            if not any(same(condition, other) for other in before):
                problems[str(index)] = error.problems
    if problems:
        raise RefusedError(problems)
    return tuple(conditions)


def _read_condition(condition: Condition, subject: _Subject | None, definitions: Mapping[str, Attribute]) -> Condition:
    """Return a condition with its value read. Raises RefusedError with the problems by the condition's own fields."""
    problems = dict(value_problems(condition))
    if subject is None:
        unknown = refused_field(condition.field, definitions) or not_a_choice(abbreviated(condition.field))
        raise RefusedError({"field": (unknown,), **problems})
    if problems:
        raise RefusedError(problems)
    if subject.kind in _kinds_without(condition.operator):
        message = f"The operator {condition.operator} cannot be used with this field."
        raise RefusedError({"operator": (Problem("invalid", message),)})
    try:
        value = _read_value(condition.operator, condition.value, subject)
    except RefusedError as error:
        raise RefusedError({"value": error.problems}) from None
    return attrs.evolve(condition, value=_normal(plain(value)))


def _kinds_without(operator: str) -> frozenset[str]:
    if operator in COMPARISONS:
        return WITHOUT_ORDER
    return WITHOUT_PARTS if operator == "contains" else frozenset()


def _read_value(operator: str, value: object, subject: _Subject) -> object:
    """Return the value of a condition; null stands for a field that is empty."""
    if operator == "changed":
        return value
    if operator == "contains":
        return subject.read_part(value)
    if operator == "in":
        return _read_each(read_list(value, _MAX_ITEMS), lambda item: None if item is None else subject.read(item))
    read = None if value is None else subject.read(value)
    if read is None and operator in COMPARISONS:
        raise RefusedError((Problem("null", "This field may not be null."),))
    return read


def _read_each(values: Sequence[object], read: _Read) -> list[object]:
    items: list[object] = []
    problems: dict[str, Problems] = {}
    for index, value in enumerate(values):
        try:
            items.append(read(value))
        except RefusedError as error:
            problems[str(index)] = error.problems
    if problems:
        raise RefusedError(problems)
    return items


def _subject(model: str, definitions: Mapping[str, Attribute], name: str) -> _Subject | None:
    if name.startswith(ATTRIBUTE_PREFIX):
        definition = definitions.get(name.removeprefix(ATTRIBUTE_PREFIX))
        return None if definition is None else _subject_of_attribute(definition)
    field = fields_of(MODELS[model][1]).get(name)
    return None if field is None else _subject_of_field(field)


def _subject_of_attribute(definition: Attribute) -> _Subject:
    """Return the subject of an attribute, whose values are strict JSON types (decision 4)."""

    def read(value: object) -> object:
        if problems := check_value(definition, value):
            raise RefusedError(problems)
        return value

    def read_item(value: object) -> object:
        return read(_string(value))

    return _Subject(definition.type, read, read_item if definition.type == "list" else _string)


def _subject_of_field(field: Field) -> _Subject:
    """Return the subject of a documented field, whose values are converted (decision 4)."""
    if field.kind == "items":
        return _Subject(field.kind, lambda value: _read_each(read_list(value, _MAX_ITEMS), read_mapping), read_mapping)
    if field.kind == "texts":
        return _Subject(field.kind, lambda value: field.read(value, _CONTEXT), _string)
    return _Subject(field.kind, _reader(field), read_text)


def _reader(field: Field) -> _Read:
    if field.kind == "uuid":
        return read_key if field.refers_to else read_uuid
    if field.kind == "datetime":
        return read_datetime
    return read_mapping if field.kind == "attributes" else lambda value: field.read(value, _CONTEXT)


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise RefusedError((NOT_A_STRING,))
    return value


def _normal(value: object) -> object:
    """Return a plain value with its texts in the Unicode form in which records keep them (NFC)."""
    if isinstance(value, list):
        return [_normal(item) for item in value]
    return unicodedata.normalize("NFC", value) if isinstance(value, str) else value
