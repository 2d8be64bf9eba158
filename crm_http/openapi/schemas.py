"""JSON Schemas of what answers hold, from types, and the names that classes have in the document."""

import datetime as dt
import types
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import attrs

from crm_core.errors import RegistrationError
from crm_core.input.decimals import FixedPoint
from crm_core.input.fields import Field, fields_of
from crm_core.model.registered import DerivedTable
from crm_core.model.sentences import field_sentences
from crm_core.resources import RESOURCES

Schema = dict[str, Any]


def items_of(entity: type) -> Iterator[type]:
    """Yield the classes of the items that the lists of an entity hold, and those in these."""
    for item in (field.item for field in fields_of(entity).values() if field.item is not None):
        yield from (item, *items_of(item))


#: The classes of the items that lists in records hold, with their names in the document.
ITEMS: Final[Mapping[type, str]] = DerivedTable(
    lambda: {item: f"{item.__name__}Item" for row in RESOURCES.values() for item in items_of(row.entity)}
)
_RECORDS: Final = DerivedTable(lambda: {resource.entity: resource for resource in RESOURCES.values()})

_SIMPLE: Final[Mapping[object, Schema]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    FixedPoint: {"type": "string", "format": "decimal"},
    UUID: {"type": "string", "format": "uuid"},
    dt.date: {"type": "string", "format": "date"},
    dt.datetime: {"type": "string", "format": "date-time"},
    object: {},
    Any: {},
    dict: {"type": "object"},
    bytes: {"type": "string", "format": "binary"},
}


def schema_name(of: type) -> str:
    """Return the name of a class in the document.

    Records and items have more than the name of their class: generated clients have a ``Client`` of their own, and
    languages a ``Task`` and an ``Attribute``.
    """
    return ITEMS.get(of) or f"{of.__name__}{'Record' if of in _RECORDS else ''}"


def attributes_name(entity: type) -> str:
    """Return the name of the schema of an entity's attributes in answers."""
    return f"{entity.__name__}Attributes"


def reference(name: str) -> Schema:
    """Return a reference to a named schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def nullable(schema: Schema) -> Schema:
    """Return a schema that allows null too."""
    if not isinstance(schema.get("type"), str):
        return {"anyOf": [schema, {"type": "null"}]} if schema else {}
    options = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return schema | {"type": [schema["type"], "null"]} | options


def described(schema: Schema, sentence: str) -> Schema:
    """Return a schema with a description, unless it has one."""
    return {"description": sentence} | schema if sentence else schema


def schema_of(shape: object) -> Schema:
    """Return the schema of what an endpoint declares that a body holds: a named schema, or a type."""
    return reference(shape) if isinstance(shape, str) else _of_type(shape)


def output_schema(entity: type) -> Schema:
    """Return the schema of a class in answers, which always have all of its fields."""
    fields, sentences, types_of = fields_of(entity), field_sentences(entity), get_type_hints(entity)
    members = {
        name: described(
            _output_member(entity, name, types_of.get(name), fields.get(name)),
            sentences.get(name, "").replace("None", "null"),  # docstrings speak Python
        )
        for name in (member.name for member in attrs.fields(entity))
    }
    summary = (entity.__doc__ or "").partition("\n")[0].partition(" (``")[0].rstrip(".")
    return {"type": "object", "description": f"{summary}.", "properties": members, "required": list(members)}


def _output_member(entity: type, name: str, annotation: object, field: Field | None) -> Schema:
    if field is not None and field.kind == "attributes":
        return reference(attributes_name(entity))
    if field is not None and field.word:  # either of two types, which generated clients of some languages cannot have
        return {}
    try:
        schema = _of_type(annotation)
    except KeyError:
        reason = f"its document cannot describe {name}, which is annotated as {annotation}"
        raise RegistrationError(entity.__name__, (reason,)) from None
    if field is not None and field.precision is not None:
        return schema | {"pattern": field.precision.pattern}
    if field is None or not field.limits.get("enum"):
        return schema
    options = {"enum": field.limits["enum"]}
    return schema | ({"items": schema["items"] | options} if schema["type"] == "array" else options)


def _of_type(annotation: Any) -> Schema:
    arguments, origin = get_args(annotation), get_origin(annotation)
    if origin in (Union, types.UnionType):
        options = [_of_type(option) for option in arguments if option is not types.NoneType]
        schema = options[0] if len(options) == 1 else {"anyOf": options}
        return nullable(schema) if types.NoneType in arguments else schema
    if origin is tuple:
        return {"type": "array", "items": _of_type(arguments[0])}
    if origin is Mapping:
        return {"type": "object", "additionalProperties": _of_type(arguments[1]) or True}
    if origin is Literal:  # all of ours are texts
        return {"type": "string", "enum": list(arguments)}
    return reference(schema_name(annotation)) if attrs.has(annotation) else dict(_SIMPLE[annotation])
