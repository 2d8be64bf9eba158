"""Unique attributes: when two values are the same, and what keeps an attribute from being unique (decisions 84, 85)."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final, TypeAlias
from uuid import UUID

from crm_core.errors import NOT_UNIQUE, Problem, Problems
from crm_core.input.numbers import exact_number
from crm_core.input.texts import unique_form
from crm_core.model.entities import BUILDING, Attribute
from crm_core.rules.needs import (
    MAX_GROUP_IDS,
    MAX_GROUPS,
    Duplicates,
    Holder,
    Needs,
    Proposal,
    Steps,
    UniqueAttribute,
    UniqueValue,
)

#: The types of which an attribute can be unique.
UNIQUE_TYPES: Final = ("text", "number", "date")
#: The most characters of a unique text.
MAX_UNIQUE_LENGTH: Final = 200
#: The most bytes of its form for comparisons: a few letters become 18, and PostgreSQL's indexes take 2,704 bytes.
MAX_FORM_BYTES: Final = 2_000

#: What values are compared by; equal for equal values.
UniqueKey: TypeAlias = str | int | Decimal

_TOO_LONG: Final = Problem("max_length", f"Ensure this field has no more than {MAX_UNIQUE_LENGTH} characters.")
_NOT_OF_TYPE: Final = Problem("invalid", f"Only attributes of these types can be unique: {', '.join(UNIQUE_TYPES)}.")


def unique_key(type_: str, value: object) -> UniqueKey | None:
    """Return what a value of an attribute is compared by; None for what is never equal to anything.

    Numbers are equal by value, dates by day, texts by ``unique_form``. Blank texts, those that are too long, and values
    of another type, which an earlier definition left, are equal to none.

    >>> unique_key("number", Decimal("1.0")) == unique_key("number", 1), unique_key("text", " ")
    (True, None)
    """
    if type_ == "number":
        return exact_number(value)
    if not isinstance(value, str) or len(value) > MAX_UNIQUE_LENGTH:
        return None
    form = unique_form(value)
    return form if form and not _is_long(form) else None


def is_same_value(type_: str, one: object, other: object) -> bool:
    """Return whether two values of an attribute of this type are the same; absent ones never are."""
    key = unique_key(type_, one)
    return key is not None and key == unique_key(type_, other)


def is_too_long(value: str) -> bool:
    """Return whether a text is too long to be the value of a unique attribute."""
    return len(value) > MAX_UNIQUE_LENGTH or _is_long(unique_form(value))


def _is_long(form: str) -> bool:
    return len(form.encode(errors="surrogatepass")) > MAX_FORM_BYTES


def unique_attribute(definition: Attribute) -> UniqueAttribute:
    """Return an attribute as needs name it."""
    return UniqueAttribute(definition.entity, definition.name, definition.type)


def unique_value(definition: Attribute, value: object) -> UniqueValue:
    """Return a value of a unique attribute as needs name it."""
    return UniqueValue(unique_attribute(definition), value, definition.is_unique == BUILDING)


def unique_problems(
    definitions: Mapping[str, Attribute], before: Any, values: Mapping[str, object]
) -> Steps[Mapping[str, Problems]]:
    """Return the problems of new values that other records have, or that cannot be compared, by attribute.

    Args:
        definitions: the attributes defined for the entity, by name.
        before: the current record, or None for a new one; what it holds already is no problem.
        values: all values that the record will hold, without those that have other problems.
    """
    held: Mapping[str, object] = getattr(before, "attributes", {})
    asked: dict[str, UniqueValue] = {}
    problems: dict[str, Problems] = {}
    for name, definition in definitions.items():
        value = values.get(name)
        if not definition.is_unique or value is None or value == held.get(name):
            continue
        key = unique_key(definition.type, value)
        if key is not None and key != unique_key(definition.type, held.get(name)):
            asked[name] = unique_value(definition, value)
        elif isinstance(value, str) and is_too_long(value):
            problems[name] = (_TOO_LONG,)
    if not asked:
        return problems
    known = yield Needs(holders=frozenset(asked.values()))
    taken = (name for name, each in asked.items() if _is_another(known.holders[each], before))
    return problems | dict.fromkeys(taken, (NOT_UNIQUE,))


def _is_another(holder: Holder | None, record: Any) -> bool:
    return holder is not None and holder.id != getattr(record, "id", None)


def switch(proposal: Proposal, *, look: bool) -> Steps[tuple[Mapping[str, object], Problems]]:
    """Return ``is_unique`` of an attribute as it is to be shown, and what keeps the attribute from being unique.

    Args:
        proposal: the attribute as the caller wants it to be.
        look: whether to look for records with the same value; without, only the type is checked.
    """
    is_unique = getattr(proposal.before, "is_unique", False)
    if not proposal.sent.get("is_unique"):
        return {}, ()
    if is_unique:
        return {"is_unique": is_unique}, ()
    if proposal.value("type") not in UNIQUE_TYPES:
        return {}, (_NOT_OF_TYPE,)
    if not look or proposal.value("name") is None:
        return {}, ()
    attribute = UniqueAttribute(proposal.value("entity"), proposal.value("name"), proposal.value("type"))
    known = yield Needs(duplicates=frozenset({attribute}))
    return {"is_unique": BUILDING}, duplicate_problems(known.duplicates[attribute])


def duplicate_problems(duplicates: Duplicates) -> Problems:
    """Return why an attribute cannot be unique: the number of groups, and then the ids of the first ones, by group."""
    problems: list[Problem] = []
    if duplicates.groups:
        counted = "1 value is" if duplicates.groups == 1 else f"{duplicates.groups} values are"
        problems.append(Problem("duplicates", f"{counted} in more than one record."))
        problems += [Problem("duplicate", f"The same value: {', '.join(map(str, ids))}.") for ids in duplicates.first]
    if duplicates.too_long:
        counted = "1 record has" if duplicates.too_long == 1 else f"{duplicates.too_long} records have"
        problems.append(
            Problem("max_length", f"{counted} a value of more than {MAX_UNIQUE_LENGTH} characters, which is too long.")
        )
    return problems


def duplicates_among(attribute: UniqueAttribute, records: Iterable[Any]) -> Duplicates:
    """Return the records that keep an attribute from being unique, for stores that look through all records."""
    groups: dict[UniqueKey, list[UUID]] = {}
    too_long = 0
    for record in records:
        value = record.attributes.get(attribute.name)
        too_long += attribute.type == "text" and isinstance(value, str) and len(value) > MAX_UNIQUE_LENGTH
        if (key := unique_key(attribute.type, value)) is not None:
            groups.setdefault(key, []).append(record.id)
    equal = sorted(sorted(ids) for ids in groups.values() if len(ids) > 1)
    return Duplicates(len(equal), tuple(tuple(ids[:MAX_GROUP_IDS]) for ids in equal[:MAX_GROUPS]), too_long)


def holder_among(asked: UniqueValue, records: Iterable[Any]) -> Holder | None:
    """Return the record that has a value, for stores that look through all records; None if none has it."""
    type_, name = asked.attribute.type, asked.attribute.name
    key = unique_key(type_, asked.value)
    ids = (record.id for record in records if unique_key(type_, record.attributes.get(name)) == key)
    return next(map(Holder, ids), None)
