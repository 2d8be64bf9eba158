"""Upserts of a bulk request: the value by which each finds its record, and what the store says about it."""

from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

import attrs

from crm_core.errors import NOT_UNIQUE, InvalidError, NotFoundError, Problem, Problems
from crm_core.input.drafts import Draft
from crm_core.input.texts import normal
from crm_core.model.entities import Attribute
from crm_core.model.records import Key
from crm_core.resources import Resource
from crm_core.rules.attributes import check_value, name_by_now, renamed_to
from crm_core.rules.needs import UniqueAttribute, UniqueValue
from crm_core.rules.uniqueness import UniqueKey, is_same_value, unique_attribute, unique_key, unique_value

_NO_VALUE: Final = Problem("required", "The value of this attribute is required in `attributes` of `data`.")
_NOT_COMPARABLE: Final = Problem("invalid", "Records cannot be found by this value: it is blank or too long.")


@attrs.frozen
class Stored:
    """What the store says about the records of a request's upserts.

    Attributes:
        definitions: the attributes of each resource that has an upsert, by the resource's name and their own.
        holders: the ids of the records that have the values; None for a value that no record has.
    """

    definitions: Mapping[str, Mapping[str, Attribute]] = attrs.field(factory=dict)
    holders: Mapping[UniqueValue, UUID | None] = attrs.field(factory=dict)


@attrs.frozen
class Place:
    """A value of a unique attribute, by which an upsert finds its record."""

    definition: Attribute
    value: Any

    @property
    def name(self) -> str:
        """Return the name of the attribute."""
        return self.definition.name

    @property
    def asked(self) -> UniqueValue:
        """Return the value as needs name it."""
        return unique_value(self.definition, self.value)

    def has(self, record: Any) -> bool:
        """Return whether a record has the value."""
        return is_same_value(self.definition.type, record.attributes.get(self.name), self.value)


def place_of(definitions: Mapping[str, Attribute], by: str, data: Mapping[str, object]) -> Place:
    """Return the value by which an upsert finds its record.

    Args:
        definitions: the attributes of the resource, by name.
        by: the name of the attribute.
        data: the fields of the record.

    Raises InvalidError with a problem of ``by`` if the attribute is not unique, or its value is missing or malformed.
    """
    definition = definitions.get(normal(by))
    if definition is None or not definition.is_unique:
        new = name_by_now(normal(by), definitions)
        raise InvalidError({"by": (_not_unique(definitions.values()) if new is None else renamed_to(new),)})
    value = _named(data).get(definition.name)
    if problems := _problems(definition, value):
        raise InvalidError({"by": problems})
    return Place(definition, value)


def _not_unique(definitions: Iterable[Attribute]) -> Problem:
    unique = ", ".join(sorted(each.name for each in definitions if each.is_unique))
    listed = f" Those that are unique: {unique}." if unique else ""
    return Problem("not_unique", f"This attribute is not unique.{listed}")


def _problems(definition: Attribute, value: object) -> Problems:
    if value is None:
        return (_NO_VALUE,)
    if problems := check_value(definition, value):
        return problems
    return () if unique_key(definition.type, value) is not None else (_NOT_COMPARABLE,)


def _named(data: Mapping[str, object]) -> Mapping[str, object]:
    """Return the values of attributes that are sent, by their names as they are stored."""
    sent = data.get("attributes")
    return (
        {normal(name): each for name, each in sent.items() if isinstance(name, str)}
        if isinstance(sent, Mapping)
        else {}
    )


def without_value(place: Place, data: Mapping[str, object]) -> Mapping[str, object]:
    """Return the data for a record that exists: an attribute that is sent alone only names the record."""
    is_alone = _named(data).keys() == {place.name}
    return {name: value for name, value in data.items() if name != "attributes"} if is_alone else data


def edited(place: Place, resource: Resource, parent: object, draft: Draft, record: Any) -> Draft:
    """Return what an upsert sets of the record that it found.

    Raises NotFoundError if the record does not have the value any more, and InvalidError if it is inside another parent
    than the stated one.
    """
    if not place.has(record):
        raise NotFoundError
    if parent is not None and getattr(record, resource.parent or "") != parent:
        raise InvalidError({"attributes": {place.name: (NOT_UNIQUE,)}})
    return draft


def is_taken(place: Place, error: InvalidError) -> bool:
    """Return whether another record has the value by now."""
    problems = error.problems.get("attributes", {})
    return isinstance(problems, Mapping) and NOT_UNIQUE in problems.get(place.name, ())


class GivenValues:
    """The unique values that the operations of a request give to their records, one operation after another."""

    def __init__(self) -> None:
        self._keys: dict[tuple[UniqueAttribute, UniqueKey], Key] = {}

    def add(self, definitions: Mapping[str, Attribute], draft: Draft, key: Key) -> None:
        """Note what an operation gives to the record with this key."""
        named = _named(draft.values)
        for name in named.keys() & definitions.keys():
            definition = definitions[name]
            value = unique_key(definition.type, named[name])
            if definition.is_unique and value is not None:
                self._keys.setdefault((unique_attribute(definition), value), key)

    def holder(self, place: Place) -> Key | None:
        """Return the key of the record that gets a value; None if no operation gives it to one."""
        value = unique_key(place.definition.type, place.value)
        return None if value is None else self._keys.get((unique_attribute(place.definition), value))
