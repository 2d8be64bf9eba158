"""The part of the description that users define: the attributes of records, as they are defined at this moment."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from crm_core.engine.queries import OPERATORS_OF_TYPE
from crm_core.model.entities import ATTRIBUTE_PREFIX, Attribute
from crm_core.resources import Resource
from crm_http.openapi.schemas import WEB_URL, Schema, attributes_name, nullable

_TYPES: Final[Mapping[str, Schema]] = {
    "text": {"type": "string", "maxLength": 1_000_000},
    "number": {"type": "number"},
    "date": {"type": "string", "format": "date"},
    "boolean": {"type": "boolean"},
    "list": {"type": "string"},
    "file": {"type": "string", "maxLength": 2_048, "pattern": WEB_URL},
}
_UNKNOWN: Final = "The attributes that are defined are told to callers with a token who may view them."
_KNOWN: Final = "As they are defined now. Values whose definitions were deleted may be sent back as they are."


def attribute_schemas(resource: Resource, definitions: Iterable[Attribute] | None) -> Mapping[str, Schema]:
    """The schemas of a resource's attributes by name: as they are shown, taken, and taken by a merge patch.

    Without definitions nothing is told of them.
    """
    name = attributes_name(resource.entity)
    if definitions is None:
        return {key: {"type": "object", "description": _UNKNOWN} for key in (name, f"{name}Input", f"{name}Merge")}
    found = list(definitions)
    required = [each.name for each in found if each.is_required]
    closed = {"type": "object", "description": _KNOWN, "additionalProperties": False}
    absent = {each.name: _described(each, nullable(_taken(each))) for each in found}
    taken = absent | {each.name: _described(each, _taken(each)) for each in found if each.is_required}
    shown = {each.name: _described(each, _shown(each)) for each in found}
    return {
        name: {"type": "object", "description": _KNOWN, "properties": shown},
        f"{name}Input": closed | {"properties": taken} | ({"required": required} if required else {}),
        f"{name}Merge": closed | {"properties": taken},
    }


def attribute_parameters(definitions: Iterable[Attribute]) -> list[Schema]:
    """The query parameters by which lists are filtered by attributes."""
    return [
        {
            "name": f"{ATTRIBUTE_PREFIX}{each.name}{'' if operator == 'exact' else f'__{operator}'}",
            "in": "query",
            "description": f"{each.label}: {operator}.",
            "allowEmptyValue": True,
            "schema": {"type": "string"} if operator in {"in", "contains"} else _plain(each.type),
        }
        for each in definitions
        for operator in OPERATORS_OF_TYPE[each.type]
    ]


def _described(definition: Attribute, schema: Schema) -> Schema:
    return schema | {"title": definition.label}


def _taken(definition: Attribute) -> Schema:
    if definition.type != "list":
        return dict(_TYPES[definition.type])
    item: dict[str, Any] = {"type": "string"}
    if definition.list_values:
        item["enum"] = list(definition.list_values)
    return _one_or_many(item)


def _shown(definition: Attribute) -> Schema:
    """Values that a narrowed list no longer allows stay, so none are named."""
    return _one_or_many(_plain("list")) if definition.type == "list" else _plain(definition.type)


def _one_or_many(item: Schema) -> Schema:
    return {"anyOf": [item, {"type": "array", "items": item, "uniqueItems": True}]}


def _plain(type_: str) -> Schema:
    return {name: value for name, value in _TYPES[type_].items() if name in {"type", "format"}}
