"""JSON Schemas of records: as they are shown, by their types, and as they are taken, by their fields.

What is taken is told as it is, with the conversions of ruling 4: a name may be sent as a number, too.
"""

import datetime as dt
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, Union, get_args, get_origin
from uuid import UUID

import attrs

from crm_core.input.fields import Field, fields_of
from crm_core.input.readers import FALSE, TRUE
from crm_core.input.urls import OWN_FILES
from crm_core.model import entities
from crm_core.webhooks import entity as webhook_entity
from crm_core.webhooks import templates

Schema = dict[str, Any]

_LARGEST: Final = 2**63 - 1
#: Not blank, by what Python calls blank.
_NOT_BLANK: Final = r"[^\s\x1c-\x1f\x85]"
_WHOLE: Final = r"^\s*[+-]?\d{1,18}(\.0*)?\s*$"
#: A web address, wherever it leads.
WEB_URL: Final = r"^[hH][tT][tT][pP][sS]?://[^\s/?#\\@]+([/?#][^\s\\]*)?$"
_HEADER_VALUE: Final = r"^([^\r\n{}]|\{[a-z_.]+\})*$"
#: The web addresses that are taken for sure; some others are, too.
_WEB: Final = (
    r"^https?://[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?(\.[a-z]{2,10}){1,3}(:[1-9][0-9]{0,3})?(/[A-Za-z0-9_.~/=-]*)?"
)

_SIMPLE: Final[Mapping[object, Schema]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    UUID: {"type": "string", "format": "uuid"},
    dt.date: {"type": "string", "format": "date"},
    dt.datetime: {"type": "string", "format": "date-time"},
    object: {},
}


def reference(name: str) -> Schema:
    """A schema of the document, by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def nullable(schema: Schema) -> Schema:
    """The schema, or null."""
    if isinstance(schema.get("type"), str) and not schema.keys() & {"enum", "format"}:
        return schema | {"type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]} if schema else {}


def shown(entity: type) -> Schema:
    """An entity as it is shown: all of its fields, always."""
    fields = fields_of(entity)
    members = {each.name: _shown_member(entity, each, fields.get(each.name)) for each in attrs.fields(entity)}
    return {"type": "object", "properties": members, "required": list(members)}


def _shown_member(entity: type, member: "attrs.Attribute[Any]", field: Field | None) -> Schema:
    if field is not None and field.kind == "attributes":
        return reference(attributes_name(entity))
    schema = _of_type(member.type)
    if field is not None and field.kind == "choice":
        schema = schema | {"enum": field.limits["enum"]}
    return schema | ({"readOnly": True} if field is not None and field.output_only else {})


def _of_type(annotation: Any) -> Schema:
    arguments = get_args(annotation)
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        [inner] = (each for each in arguments if each is not types.NoneType)
        return nullable(_of_type(inner))
    if origin is tuple:
        return {"type": "array", "items": _of_type(arguments[0])}
    if origin is Mapping:
        return {"type": "object", "additionalProperties": _of_type(arguments[1])}
    if origin is Literal:  # all of ours are texts
        return dict(_SIMPLE[str])
    return reference(annotation.__name__) if attrs.has(annotation) else dict(_SIMPLE[annotation])


def attributes_name(entity: type) -> str:
    """The name of the schema of an entity's attributes, as they are shown."""
    return f"{entity.__name__}Attributes"


def taken(entity: type, *, require_all: bool = False, merge: bool = False) -> Schema:
    """An entity as it is taken from a request.

    Args:
        entity: the class whose fields describe it.
        require_all: required fields must be there.
        merge: it is a merge patch, in which null removes.
    """
    fields = {name: field for name, field in fields_of(entity).items() if not field.output_only}
    members = {name: _taken_member(entity, name, field, merge=merge) for name, field in fields.items()}
    required = [name for name, field in fields.items() if field.required] if require_all else []
    return {"type": "object", "properties": members} | ({"required": required} if required else {})


def _taken_member(entity: type, name: str, field: Field, *, merge: bool) -> Schema:
    schema = _PATTERNS[entity, name] if (entity, name) in _PATTERNS else _TAKEN[field.kind](field)
    if field.kind == "attributes":
        schema = reference(f"{attributes_name(entity)}{'Merge' if merge else 'Input'}")
    removes = merge and not field.required and field.initial() is not None
    if field.nullable or removes:
        schema = nullable(schema)
    if field.default in (None, (), "") or callable(field.default) or field.required:
        return schema
    return schema | {"default": list(field.default) if isinstance(field.default, tuple) else field.default}


def _text(field: Field) -> Schema:
    limits = dict(field.limits)
    if "pattern" in limits:
        return {"type": "string", **limits}
    blank = {} if "minLength" not in limits else {"pattern": _NOT_BLANK}
    return {"type": ["string", "number"], **limits, **blank}


def _integer(field: Field) -> Schema:
    if field.refers_to is not None and field.nullable:
        return {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": f"^$|{_WHOLE}"}]}
    limits = {"minimum": -_LARGEST - 1, "maximum": _LARGEST}
    return {"type": ["integer", "string"], **limits, "pattern": _WHOLE}


def _uuid(field: Field) -> Schema:
    schemas: list[Schema] = [{"type": "string", "format": "uuid"}]
    if field.nullable:
        schemas.append({"type": "string", "maxLength": 0})
    if field.refers_to is None:
        schemas.append({"type": "integer", "minimum": 0, "maximum": 2**128 - 1})
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _words(words: Sequence[str]) -> str:
    return "|".join("".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in word) for word in sorted(words))


_BOOLEAN: Final[Schema] = {
    "type": ["boolean", "string", "integer"],
    "pattern": rf"^\s*({_words([*TRUE, *FALSE])})\s*$",
    "minimum": 0,
    "maximum": 1,
}


def _texts(field: Field) -> Schema:
    limits = dict(field.limits)
    items = {"type": "string", **({"enum": limits.pop("enum")} if "enum" in limits else {})}
    if "enum" not in items:
        return {"type": "array", "items": items | {"maxLength": limits["maxLength"]}, "maxItems": limits["maxItems"]}
    return {"type": "array", "items": items, "minItems": 1, "maxItems": limits["maxItems"]}


_TAKEN: Final[Mapping[str, Callable[[Field], Schema]]] = {
    "text": _text,
    "integer": _integer,
    "boolean": lambda _: dict(_BOOLEAN),
    "date": lambda _: {"type": "string", "format": "date"},
    "datetime": lambda _: {"type": "string", "format": "date-time"},
    "date_or_datetime": lambda _: {
        "anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]
    },
    "choice": lambda field: {"type": "string", "enum": field.limits["enum"]},
    "uuid": _uuid,
    "items": lambda field: {"type": "array", "items": reference(input_name(field.item)), **field.limits},
    "texts": _texts,
    "mapping": lambda _: {
        "type": "object",
        "maxProperties": templates.MAX_HEADERS,
        "propertyNames": {"pattern": f"^{templates.TOKEN.pattern}$"},
        "additionalProperties": {"type": "string", "maxLength": templates.MAX_HEADER_LENGTH, "pattern": _HEADER_VALUE},
    },
    "json": lambda _: {},
    "attributes": lambda _: {},
}

#: What the rules of a resource say of a field's text, beyond its type.
_PATTERNS: Final[Mapping[tuple[type, str], Schema]] = {
    (entities.Attribute, "name"): {
        "type": "string",
        "minLength": 1,
        "maxLength": entities.MAX_ATTRIBUTE_NAME_LENGTH,
        "pattern": r"^\s*(?!.*__)[\w-]+\s*$",
    },
    **{
        (entity, "list_of_images"): {
            "type": "array",
            "items": {"type": "string", "maxLength": 2_048, "pattern": rf"{WEB_URL}|^{OWN_FILES}[^\s\\]*$"},
            "maxItems": entities.MAX_ENTRIES,
        }
        for entity in (entities.Client, entities.Service)
    },
    (webhook_entity.Webhook, "url"): {"type": "string", "maxLength": 2_048, "pattern": _WEB},
}


def input_name(entity: type | None) -> str:
    """The name of the schema of an entry of a list, as it is taken."""
    return f"{entity.__name__}Input" if entity else ""


def entries() -> Iterator[tuple[str, Schema]]:
    """The schemas of what lists of records hold."""
    for entity in (
        entities.Task,
        entities.Note,
        entities.Stage,
        webhook_entity.Condition,
        entities.TeachingAssistant,
    ):
        yield entity.__name__, shown(entity)
        yield input_name(entity), taken(entity, require_all=True)
