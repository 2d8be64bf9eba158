"""The columns of a resource's tables: its documented fields in their order, with a column for each attribute."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import attrs

from crm_core.input.fields import Field, FieldKind
from crm_core.model.entities import ATTRIBUTE_PREFIX, Attribute
from crm_core.resources import Resource

#: What the cells of a column hold. ``list`` is one text or several, ``texts`` are always a list.
CellKind: TypeAlias = Literal[
    "text", "number", "integer", "decimal", "boolean", "date", "datetime", "date_or_datetime", "list", "texts", "json"
]


@attrs.frozen
class Column:
    """One column.

    Attributes:
        name: its header: the field's name, or ``attributes.<name>``.
        kind: what its cells hold.
        field: the field of the record.
        attribute: the name of the attribute, if it is one.
        absent: the plain value that an empty cell stands for.
    """

    name: str
    kind: CellKind
    field: str
    attribute: str | None = None
    absent: object = None

    def value(self, document: Mapping[str, Any]) -> Any:
        """Return the plain value of a record's document that belongs into this column; None for an empty cell."""
        held = document[self.field]
        value = held if self.attribute is None else held.get(self.attribute)
        return None if value is None or value == self.absent else value


def columns_of(resource: Resource, definitions: Mapping[str, Attribute]) -> Sequence[Column]:
    """Return the columns of a resource.

    Args:
        resource: the resource.
        definitions: the attributes that are defined for it, by name. Values of others are in no column.
    """
    return tuple(_columns(resource, definitions))


def kind_of(definition: Attribute) -> CellKind:
    """Return what the cells of an attribute hold."""
    return _KIND_OF_TYPE[definition.type]


def _columns(resource: Resource, definitions: Mapping[str, Attribute]) -> Iterator[Column]:
    for name, field in resource.fields.items():
        if field.kind == "attributes":
            for attribute in sorted(definitions):
                yield Column(f"{ATTRIBUTE_PREFIX}{attribute}", kind_of(definitions[attribute]), name, attribute)
        else:
            yield Column(name, _KIND_OF_FIELD[field.kind], name, absent=_absent(field))


#: What the cells of a field hold, by its kind; attributes have a column each.
_KIND_OF_FIELD: Final[Mapping[FieldKind, CellKind]] = {
    "text": "text",
    "choice": "text",
    "uuid": "text",
    "integer": "integer",
    "decimal": "decimal",
    "boolean": "boolean",
    "date": "date",
    "datetime": "datetime",
    "date_or_datetime": "date_or_datetime",
    "texts": "texts",
    "items": "json",
    "mapping": "json",
    "json": "json",
}

#: What the cells of an attribute hold, by its type.
_KIND_OF_TYPE: Final[Mapping[str, CellKind]] = {
    "text": "text",
    "number": "number",
    "date": "date",
    "boolean": "boolean",
    "list": "list",
    "file": "text",
}


def _absent(field: Field) -> object:
    """Return the plain value of a field for which an empty cell stands: an empty list where that is the default."""
    return [] if field.kind in {"items", "texts"} and field.initial() == () else None
