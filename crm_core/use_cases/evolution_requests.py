"""Requests to change an attribute and the values that records hold: what is sent, and which attribute is meant."""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TypeAlias
from uuid import UUID

import attrs

from crm_core.engine import decisions
from crm_core.engine.conversions import Conversion
from crm_core.errors import NotFoundError
from crm_core.input.declarations import text
from crm_core.model.entities import MAX_ATTRIBUTE_NAME_LENGTH, Attribute
from crm_core.model.records import Key, Versions
from crm_core.ports import Database
from crm_core.resources import ATTRIBUTES
from crm_core.rules.needs import Needs

#: What can be requested, as in paths.
EvolutionKind: TypeAlias = Literal["rename", "values/rename", "values/remove", "convert"]


@attrs.frozen
class Rename:
    """The body of a rename.

    Attributes:
        name: the new name: letters, digits, ``_`` and ``-``, never two ``_`` in a row.
    """

    name: str = text(max_length=MAX_ATTRIBUTE_NAME_LENGTH)


@attrs.frozen
class ValueRename:
    """The body of a rename of a value.

    Attributes:
        from: a value of the list.
        to: its new name; one that the list has already merges the two.
    """

    from_: str = text()
    to: str = text()


@attrs.frozen
class ValueRemoval:
    """The body of a removal of a value.

    Attributes:
        value: a value of the list.
        replace_with: another value of the list, which records get instead; without it no record may hold the value.
    """

    value: str = text()
    replace_with: str | None = text(default=None, nullable=True)


class Target(NamedTuple):
    """The attribute that is to change.

    Attributes:
        id: its id.
        expected: the versions that it may have; None for any.
        entity: the name of the entity whose attribute it must be; None for any.
    """

    id: UUID
    expected: Versions = None
    entity: object = None

    @property
    def key(self) -> Key:
        """Return its key."""
        return decisions.key_of(ATTRIBUTES, self.id)


#: The bodies of requests by their kinds.
BODIES: Final[Mapping[EvolutionKind, type]] = {
    "rename": Rename,
    "values/rename": ValueRename,
    "values/remove": ValueRemoval,
    "convert": Conversion,
}


async def definition_of(db: Database, target: Target) -> Attribute:
    """Return an attribute. Raises NotFoundError."""
    record = (await db.known(Needs(records=frozenset({target.key})))).records[target.key]
    if record is None or target.entity not in (None, record.value.entity):
        raise NotFoundError
    definition: Attribute = record.value
    return definition
