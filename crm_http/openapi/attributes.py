"""The part of the document that users define: the attributes of records, as they are defined at this moment."""

from collections.abc import Iterable, Mapping
from typing import Final

from crm_core.engine.queries import OPERATORS_OF_TYPE
from crm_core.model.entities import ATTRIBUTE_PREFIX, Attribute
from crm_core.resources import Resource
from crm_http.openapi.schemas import NOT_BLANK, WEB_URL, Schema, attributes_name, nullable

_TYPES: Final[Mapping[str, Schema]] = {
    "text": {"type": "string", "maxLength": 1_000_000},
    "number": {"type": "number"},
    "date": {"type": "string", "format": "date"},
    "boolean": {"type": "boolean"},
    "list": {"type": "string"},
    "file": {"type": "string", "maxLength": 2_048, "pattern": WEB_URL},
}
#: What operators compare with, except those that compare with a value of the attribute's type.
_OPERANDS: Final[Mapping[str, Schema]] = {
    "in": {"type": "string"},
    "contains": {"type": "string"},
    "isnull": {"type": "boolean"},
}
_UNKNOWN: Final = "Callers with a token who may view attributes see here which ones are defined."
_KNOWN: Final = "The attributes as they are defined now. Values of deleted attributes may be sent back unchanged."


def attribute_schemas(resource: Resource, definitions: Iterable[Attribute] | None) -> Mapping[str, Schema]:
    """Return the schemas of a resource's attributes by name: in answers, in requests, and in merge patches.

    Without definitions the schemas allow any attributes.
    """
    name = attributes_name(resource.entity)
    if definitions is None:
        return {key: {"type": "object", "description": _UNKNOWN} for key in (name, f"{name}Input", f"{name}Merge")}
    attributes = list(definitions)
    required = [attribute.name for attribute in attributes if attribute.is_required]
    closed = {"type": "object", "description": _KNOWN, "additionalProperties": False}
    nullables = {attribute.name: _titled(attribute, nullable(_input(attribute))) for attribute in attributes}
    inputs = nullables | {
        attribute.name: _titled(attribute, _input(attribute)) for attribute in attributes if attribute.is_required
    }
    outputs = {attribute.name: _titled(attribute, _output(attribute)) for attribute in attributes}
    return {
        name: {"type": "object", "description": _KNOWN, "properties": outputs},
        f"{name}Input": closed | {"properties": inputs} | ({"required": required} if required else {}),
        f"{name}Merge": closed | {"properties": inputs},
    }


def attribute_parameters(definitions: Iterable[Attribute]) -> list[Schema]:
    """Return the query parameters that filter lists by attributes."""
    return [
        {
            "name": f"{ATTRIBUTE_PREFIX}{attribute.name}{'' if operator == 'exact' else f'__{operator}'}",
            "in": "query",
            "description": f"{attribute.label}: {operator}.",
            "allowEmptyValue": True,
            "schema": _OPERANDS.get(operator) or _plain(attribute.type),
        }
        for attribute in definitions
        for operator in (*OPERATORS_OF_TYPE[attribute.type], "isnull")
    ]


def _titled(definition: Attribute, schema: Schema) -> Schema:
    return schema | {"title": definition.label}


def _input(definition: Attribute) -> Schema:
    visible: Schema = {"pattern": NOT_BLANK} if definition.is_required else {}
    if definition.type == "text":
        return _TYPES["text"] | visible
    if definition.type != "list":
        return dict(_TYPES[definition.type])
    limits: Schema = {"minItems": 1} if definition.is_required else {}
    if definition.list_values:
        return _one_or_many({"type": "string", "enum": list(definition.list_values)}, limits)
    item = {"type": "string"}
    return _one_or_many(item | visible, limits | {"items": item} | ({"contains": visible} if visible else {}))


def _output(definition: Attribute) -> Schema:
    """Return the schema in answers, which may have values that the definition of a list no longer allows."""
    return _one_or_many(_plain("list")) if definition.type == "list" else _plain(definition.type)


def _one_or_many(item: Schema, limits: Schema | None = None) -> Schema:
    return {"anyOf": [item, {"type": "array", "items": item, "uniqueItems": True} | (limits or {})]}


def _plain(type_: str) -> Schema:
    return {name: value for name, value in _TYPES[type_].items() if name in {"type", "format"}}
