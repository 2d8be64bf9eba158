"""What one method of one path does. Who may call it, the routes themselves say."""

from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

import attrs

from crm_core.resources import Resource
from crm_http.openapi.schemas import Schema


@attrs.frozen(kw_only=True)
class Operation:
    """One method of one path.

    Attributes:
        id: its name in generated clients.
        tag: under which heading it stands.
        summary: what it does.
        answers: what it answers when all is well, by status.
        errors: the statuses of its errors, beside those that its route, its parameters and its body imply.
        parameters: its parameters, beside the ids in its path.
        body: the schemas of its body by media type, if it takes one.
        lists_attributes: whether its list can be filtered by attributes of this resource.
    """

    id: str
    tag: str
    summary: str
    answers: Mapping[int, Schema]
    errors: frozenset[int] = frozenset()
    parameters: tuple[Schema, ...] = ()
    body: Mapping[str, Schema] = attrs.field(factory=dict)
    lists_attributes: Resource | None = None


#: Operations by method and path.
Operations: TypeAlias = Iterator[tuple[tuple[str, str], Operation]]

TEXT: Final[Schema] = {"type": "string"}


def array(of: Schema) -> Schema:
    """A list."""
    return {"type": "array", "items": of}


def members(**each: Schema) -> Schema:
    """An object that has all of its members, always."""
    return {"type": "object", "properties": each, "required": list(each)}
