"""The records that rows refer to: by id, by the value of a unique attribute, or by exact name (decision 111)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

from crm_core.errors import Problem
from crm_core.input.numbers import parse_decimal
from crm_core.input.texts import normal
from crm_core.model.entities import Attribute
from crm_core.resources import RESOURCES
from crm_core.rules.attributes import check_value
from crm_core.rules.needs import UniqueValue
from crm_core.rules.uniqueness import unique_key, unique_value

#: The definitions of the attributes of each resource that is referred to, by name.
Catalogs: TypeAlias = Mapping[str, Mapping[str, Attribute]]

_BY: Final = "by:"
#: A column of values of a unique attribute of the records that a field refers to.
_COLUMN: Final = re.compile(r"(.+?)[\s.]*by:(.+)", re.IGNORECASE)
_MAX_QUOTED: Final = 100


class Named(NamedTuple):
    """A record that a row refers to.

    Attributes:
        resource: the name of its resource.
        text: its name, or the value of the attribute as it is written.
        value: the value of a unique attribute by which it is found; None if it is found by its name.
    """

    resource: str
    text: str
    value: UniqueValue | None = None


def name_field(resource: str) -> str | None:
    """Return the field by whose exact value records of a resource are found; None if they have no name."""
    row = RESOURCES.get(resource)
    return row.search[0] if row and row.search and row.search[0] in row.filters else None


def field_and_attribute(column: str) -> tuple[str, str] | None:
    """Return the field and the attribute that a column names; None if it does not name an attribute of a reference.

    >>> field_and_attribute("client.by:email"), field_and_attribute("client by:email"), field_and_attribute("client")
    (('client', 'email'), ('client', 'email'), None)
    """
    match = _COLUMN.fullmatch(column.strip())
    return (match[1].strip(), match[2].strip()) if match else None


def by_attribute(attribute: str, value: object) -> str:
    """Return a reference by the value of a unique attribute, as a cell can have it.

    >>> by_attribute("email", "ann@example.com")
    'by:email=ann@example.com'
    """
    return f"{_BY}{attribute}={value}"


def reference_of(to: str, text: str, catalogs: Catalogs) -> Named | Problem | None:
    """Return the record that a text names; why it cannot be found; None for an id, or where only ids are taken.

    Args:
        to: the name of the resource that is referred to.
        text: the text of the cell.
        catalogs: the attributes of the resources.
    """
    text = normal(text).strip()
    if not text or _is_id(text):
        return None
    attribute, sign, value = text.removeprefix(_BY).partition("=")
    if text.startswith(_BY) and sign:
        return _by_value(to, attribute.strip(), value.strip(), catalogs.get(to, {}))
    return Named(to, text) if name_field(to) is not None else None


def not_one(named: Named, found: Sequence[UUID]) -> Problem:
    """Return the problem of a name or value that none, or several records have."""
    one, many = RESOURCES[named.resource].label
    has = f'the name "{named.text[:_MAX_QUOTED]}"'
    if named.value is not None:
        has = f'the {named.value.attribute.name} "{named.text[:_MAX_QUOTED]}"'
    if not found:
        return Problem("does_not_exist", f"No {one} has {has}.")
    ids = " and ".join(map(str, found))
    return Problem("ambiguous", f"Several {many} have {has}, as {ids}: write the id.")


def _by_value(to: str, attribute: str, text: str, definitions: Mapping[str, Attribute]) -> Named | Problem:
    definition = definitions.get(attribute)
    if definition is None or not definition.is_unique:
        many = RESOURCES[to].label[1]
        return Problem("not_unique", f'"{attribute[:_MAX_QUOTED]}" is no unique attribute of {many}.')
    value = _value(definition, text)
    if value is None or check_value(definition, value) or unique_key(definition.type, value) is None:
        return Problem("invalid", f'"{text[:_MAX_QUOTED]}" is no value of {attribute}.')
    return Named(to, text, unique_value(definition, value))


def _value(definition: Attribute, text: str) -> Any:
    if definition.type != "number":
        return text
    try:
        return parse_decimal(text)
    except (ArithmeticError, ValueError):
        return None


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
