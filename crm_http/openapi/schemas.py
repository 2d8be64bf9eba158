"""JSON Schemas of what answers hold, from types, and the names that classes have in the document."""

import datetime as dt
import types
from collections.abc import Mapping
from typing import Any, Final, Literal, Union, get_args, get_origin
from uuid import UUID

import attrs

from crm_core.input.decimals import FixedPoint
from crm_core.input.fields import Field, fields_of
from crm_core.model.entities import Note, Stage, Task, TeachingAssistant
from crm_core.model.registered import DerivedTable
from crm_core.model.sentences import field_sentences
from crm_core.resources import RESOURCES
from crm_core.webhooks.entity import Condition

Schema = dict[str, Any]

#: The classes of the items that lists in records hold.
ITEMS: Final = (Task, Note, Stage, Condition, TeachingAssistant)
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
    return f"{of.__name__}{'Record' if of in _RECORDS else 'Item' if of in ITEMS else ''}"


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
    fields, sentences = fields_of(entity), field_sentences(entity)
    members = {
        member.name: described(
            _output_member(entity, member, fields.get(member.name)),
            sentences.get(member.name, "").replace("None", "null"),  # docstrings speak Python
        )
        for member in attrs.fields(entity)
    }
    summary = (entity.__doc__ or "").partition("\n")[0].partition(" (``")[0].rstrip(".")
    return {"type": "object", "description": f"{summary}.", "properties": members, "required": list(members)}


def _output_member(entity: type, member: "attrs.Attribute[Any]", field: Field | None) -> Schema:
    if field is not None and field.kind == "attributes":
        return reference(attributes_name(entity))
    if field is not None and field.word:  # either of two types, which generated clients of some languages cannot have
        return {}
    schema = _of_type(member.type)
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
