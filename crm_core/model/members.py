"""Entities with other values of some fields."""

from collections.abc import Mapping
from typing import TypeVar

E = TypeVar("E")


def with_members(entity: E, members: Mapping[str, object]) -> E:
    """Return an entity, or an item of one, with other values of some fields.

    It does what ``attrs.evolve`` does in half the time: an entity has no slots, so its variables are its fields.
    """
    return type(entity)(**{**vars(entity), **members})
