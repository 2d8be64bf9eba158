"""JSON Schemas: of what answers hold, from types, and of what requests hold, from the fields of a class.

Requests are described with the conversions of decision 4: a name may be sent as a number, too.
"""

import datetime as dt
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, Union, get_args, get_origin
from uuid import UUID

import attrs

from crm_core.input.fields import Field, fields_of
from crm_core.input.readers import FALSE, TRUE
from crm_core.input.texts import BLANKS, INVISIBLE
from crm_core.model import entities
from crm_core.model.files import SITE_FILES
from crm_core.webhooks import entity as webhook_entity
from crm_core.webhooks import templates
from crm_http.api.endpoints import Input, Shape

Schema = dict[str, Any]

_MAX_INTEGER: Final = 2**63 - 1
#: A text that is not blank: it has a character that shows.
NOT_BLANK: Final = "[^{}]".format(
    "".join(c if c == "-" or c > "\uffff" else f"\\u{ord(c):04x}" for c in BLANKS + INVISIBLE)
)
_INTEGER: Final = r"^\s*[+-]?\d{1,18}(\.0*)?\s*$"
#: A URL of the web.
WEB_URL: Final = r"^[hH][tT][tT][pP][sS]?://[^\s/?#\\@]+([/?#][^\s\\]*)?$"
_HEADER_VALUE: Final = r"^([^\r\n{}]|\{[a-z_.]+\})*$"
#: The URLs of webhooks that are always accepted; some others are too.
_WEBHOOK_URL: Final = (
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
    dict: {"type": "object"},
    bytes: {"type": "string", "format": "binary"},
}


def reference(name: str) -> Schema:
    """Return a reference to a named schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def nullable(schema: Schema) -> Schema:
    """Return a schema that allows null too."""
    if isinstance(schema.get("type"), str) and not schema.keys() & {"enum", "format"}:
        return schema | {"type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]} if schema else {}


def schema_of(shape: Shape) -> Schema:
    """Return the schema of what an endpoint declares that a body holds."""
    if isinstance(shape, str):
        return reference(shape)
    if isinstance(shape, Input):
        return _input_body(shape)
    if isinstance(shape, Mapping):
        members = {name: schema_of(member) for name, member in shape.items()}
        return {"type": "object", "properties": members, "required": list(members)}
    return _of_type(shape)


def _input_body(declared: Input) -> Schema:
    schema = input_schema(declared.of, require_all=True)
    if declared.required is not None:
        schema["required"] = list(declared.required)
    any_of = declared.any_of
    for name, alias in declared.aliases.items():
        schema["properties"][alias] = schema["properties"][name]
        schema["required"].remove(name)
        any_of = (*any_of, name, alias)
    extra = {"anyOf": [{"required": [name]} for name in any_of]} if any_of else {}
    return {name: part for name, part in schema.items() if part != []} | extra


def output_schema(entity: type) -> Schema:
    """Return the schema of an entity in answers, which always have all of its fields."""
    fields = fields_of(entity)
    members = {member.name: _output_member(entity, member, fields.get(member.name)) for member in attrs.fields(entity)}
    return {"type": "object", "properties": members, "required": list(members)}


def _output_member(entity: type, member: "attrs.Attribute[Any]", field: Field | None) -> Schema:
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
        options = [_of_type(option) for option in arguments if option is not types.NoneType]
        schema = options[0] if len(options) == 1 else {"anyOf": options}
        return nullable(schema) if types.NoneType in arguments else schema
    if origin is tuple:
        return {"type": "array", "items": _of_type(arguments[0])}
    if origin is Mapping:
        return {"type": "object", "additionalProperties": _of_type(arguments[1])}
    if origin is Literal:  # all of ours are texts
        return dict(_SIMPLE[str])
    return reference(annotation.__name__) if attrs.has(annotation) else dict(_SIMPLE[annotation])


def attributes_name(entity: type) -> str:
    """Return the name of the schema of an entity's attributes in answers."""
    return f"{entity.__name__}Attributes"


def input_schema(entity: type, *, require_all: bool = False, merge: bool = False) -> Schema:
    """Return the schema of an entity in requests.

    Args:
        entity: the class whose fields describe it.
        require_all: the required fields must be there.
        merge: it is a merge patch, in which null removes a value.
    """
    fields = {name: field for name, field in fields_of(entity).items() if not field.output_only}
    members = {name: _input_member(entity, name, field, merge=merge) for name, field in fields.items()}
    required = [name for name, field in fields.items() if field.required] if require_all else []
    return {"type": "object", "properties": members} | ({"required": required} if required else {})


def _input_member(entity: type, name: str, field: Field, *, merge: bool) -> Schema:
    schema = _PATTERNS[entity, name] if (entity, name) in _PATTERNS else _BY_KIND[field.kind](field)
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
    blank = {} if "minLength" not in limits else {"pattern": NOT_BLANK}
    return {"type": ["string", "number"], **limits, **blank}


def _integer(field: Field) -> Schema:
    if field.refers_to is not None and field.nullable:
        return {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": f"^$|{_INTEGER}"}]}
    limits = {"minimum": -_MAX_INTEGER - 1, "maximum": _MAX_INTEGER}
    return {"type": ["integer", "string"], **limits, "pattern": _INTEGER}


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


_BY_KIND: Final[Mapping[str, Callable[[Field], Schema]]] = {
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

#: The schemas of fields whose rules say more than their kinds.
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
            "items": {
                "type": "string",
                "maxLength": fields_of(entity)["list_of_images"].limits["maxLength"],
                "pattern": rf"{WEB_URL}|^{SITE_FILES}[^\s\\]*$",
            },
            "maxItems": entities.MAX_ENTRIES,
        }
        for entity in (entities.Client, entities.Service)
    },
    (webhook_entity.Webhook, "url"): {
        "type": "string",
        "maxLength": fields_of(webhook_entity.Webhook)["url"].limits["maxLength"],
        "pattern": _WEBHOOK_URL,
    },
}


def input_name(entity: type | None) -> str:
    """Return the name of the schema of an item of a list in requests."""
    return f"{entity.__name__}Input" if entity else ""


def item_schemas() -> Iterator[tuple[str, Schema]]:
    """Yield the named schemas of the items that lists in records hold."""
    for entity in (
        entities.Task,
        entities.Note,
        entities.Stage,
        webhook_entity.Condition,
        entities.TeachingAssistant,
    ):
        yield entity.__name__, output_schema(entity)
        yield input_name(entity), input_schema(entity, require_all=True)
