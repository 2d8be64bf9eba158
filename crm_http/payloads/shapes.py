"""The shapes of bodies, and examples of them, as an endpoint declares them."""

from collections.abc import Mapping
from types import GenericAlias
from typing import NamedTuple, TypeAlias

import attrs

#: What a body holds: a Python type, a named schema of the document (``ClientCreate``), or in requests an ``Input``.
Shape: TypeAlias = object


class Example(NamedTuple):
    """The body of a request or an answer in ``docs/api.md``, with the heading that it has there."""

    heading: str
    value: object


@attrs.frozen
class Input:
    """A body that is read by the fields of a class.

    ``aliases``, and what ``any_of`` leaves open, are not described to clients, for whom one plain form is enough.

    Attributes:
        of: the class; its fields describe the members.
        name: its name in the document.
        required: the members that must be there, if those are others than the fields say.
        any_of: members of which at least one must be there.
        aliases: further names of members, by the name in the class; either must be there.
    """

    of: type
    name: str
    required: tuple[str, ...] | None = None
    any_of: tuple[str, ...] = ()
    aliases: Mapping[str, str] = attrs.field(factory=dict)


def array(of: type) -> Shape:
    """Return the shape of a list."""
    return GenericAlias(tuple, (of, ...))
