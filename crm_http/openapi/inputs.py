"""JSON Schemas of what requests should hold, from the fields of a class: one plain type a field.

The server takes more than is described here: decision 4 has it convert values as Django REST Framework does. Clients
that are generated from the document would have to choose between the spellings of one value, so the document names one.
Defaults are told in words: a client that knew them would send them, and so reset fields that it was to leave alone.
"""

from collections.abc import Callable, Mapping
from typing import Final

import attrs

from crm_core.input.fields import Field, FieldKind, fields_of
from crm_core.model.entities import Attribute
from crm_core.model.sentences import field_sentences
from crm_core.rules.attributes import MAX_TEXT_LENGTH, MAX_URL_LENGTH
from crm_core.webhooks import headers
from crm_http.openapi.schemas import Schema, attributes_name, described, nullable, reference, schema_of
from crm_http.payloads.shapes import Input, Shape


@attrs.frozen
class Form:
    """How requests are described.

    Attributes:
        member: returns the schema of a field's value, given the class and the name of the field.
        body: returns the schema of the body that an ``Input`` declares, given that of its class.
        attribute: returns the schema of an attribute's value.
        parameter: returns the schema of an optional query parameter, given that of its values.
        leaves_room: attributes that are not defined yet may be sent and filtered by.
    """

    member: Callable[[type, str, Field], Schema]
    body: Callable[[Input, Schema], Schema]
    attribute: Callable[[Attribute], Schema]
    parameter: Callable[[Schema], Schema]
    leaves_room: bool


def body_schema(shape: Shape) -> Schema:
    """Return the schema of the body of a request."""
    return reference(shape.name) if isinstance(shape, Input) else schema_of(shape)


def named_body(declared: Input, form: Form) -> Schema:
    """Return the schema that has the name of a declared body."""
    schema = input_schema(declared.of, form, require_all=declared.required is None)
    if declared.required is not None:
        schema["required"] = list(declared.required)
    return form.body(declared, schema)


def input_schema(entity: type, form: Form, *, require_all: bool = False, merge: bool = False) -> Schema:
    """Return the schema of an entity in requests.

    Args:
        entity: the class whose fields describe it.
        form: how values are described.
        require_all: the required fields must be there.
        merge: it is a merge patch, in which null removes a value.
    """
    fields = {name: field for name, field in fields_of(entity).items() if not field.output_only}
    members = {name: _member(entity, name, field, form, merge=merge) for name, field in fields.items()}
    required = [name for name, field in fields.items() if field.required] if require_all else []
    return {"type": "object", "properties": members} | ({"required": required} if required else {})


def _member(entity: type, name: str, field: Field, form: Form, *, merge: bool) -> Schema:
    if field.kind == "attributes":
        schema = reference(f"{attributes_name(entity)}{'Merge' if merge else 'Input'}")
    else:
        schema = form.member(entity, name, field)
    removes = merge and not field.required and field.initial() is not None
    if field.nullable or removes:
        schema = nullable(schema)
    sentence = field_sentences(entity).get(name, "")
    if merge and field.kind == "attributes":
        sentence = _MERGED_ATTRIBUTES
    return described(schema, f"{sentence}{_bounds(field)}{_default(field)}")


#: What the sentence of an entity says of its attributes is true of objects that replace the whole object.
_MERGED_ATTRIBUTES: Final = (
    "The values of attributes to set, by name; null removes one, and those that are not named stay."
)


def _bounds(field: Field) -> str:
    """Return the bounds of a decimal, which JSON Schema has for numbers only."""
    precision = field.precision
    bounds = (("At least", precision.minimum), ("At most", precision.maximum)) if precision else ()
    return "".join(f" {words} `{bound:f}`." for words, bound in bounds if bound is not None)


def _default(field: Field) -> str:
    """Return what a new record has if nothing is sent, where that is more than nothing."""
    if field.required or callable(field.default) or field.default in (None, (), ""):
        return ""
    value = ", ".join(field.default) if isinstance(field.default, tuple) else field.default
    return f" Default: `{str(value).lower() if isinstance(value, bool) else value}`."


def _texts(field: Field) -> Schema:
    limits = dict(field.limits)
    length, options = limits.pop("maxLength"), limits.pop("enum", None)
    if options is None:
        return {"type": "array", "items": {"type": "string", "maxLength": length}, **limits}
    return {"type": "array", "items": {"type": "string", "enum": options}, "minItems": 1, **limits}


_UUID: Final[Schema] = {"type": "string", "format": "uuid"}
_BY_KIND: Final[Mapping[FieldKind, Callable[[Field], Schema]]] = {
    "text": lambda field: {"type": "string", **field.limits},
    "integer": lambda field: {"type": "integer", "format": "int64", **field.limits},
    "decimal": lambda field: {"type": "string", "format": "decimal", **field.limits},
    "boolean": lambda _: {"type": "boolean"},
    "date": lambda _: {"type": "string", "format": "date"},
    "datetime": lambda _: {"type": "string", "format": "date-time"},
    "date_or_datetime": lambda _: {"type": "string"},
    "choice": lambda field: {"type": "string", **field.limits},
    "uuid": lambda _: dict(_UUID),
    "items": lambda field: {"type": "array", "items": reference(input_name(field.item)), **field.limits},
    "texts": _texts,
    "mapping": lambda _: {
        "type": "object",
        "maxProperties": headers.MAX_HEADERS,
        "additionalProperties": {"type": "string", "maxLength": headers.MAX_HEADER_LENGTH},
    },
    "uuids": lambda field: {"type": "array", "items": _UUID, **field.limits},
    "uuid_by_name": lambda _: {"type": "object", "additionalProperties": _UUID},
    "json": lambda _: {},
    "attributes": lambda _: {},
}


def _plain_body(declared: Input, schema: Schema) -> Schema:
    if declared.any_of:
        return schema | {"minProperties": len(schema["required"]) + 1}
    return schema


_OF_ATTRIBUTE: Final[Mapping[str, Schema]] = {
    "text": {"type": "string", "maxLength": MAX_TEXT_LENGTH},
    "number": {"type": "number"},
    "date": {"type": "string", "format": "date"},
    "boolean": {"type": "boolean"},
    "file": {"type": "string", "maxLength": MAX_URL_LENGTH},
}


def _plain_attribute(definition: Attribute) -> Schema:
    if definition.type == "text":
        return _OF_ATTRIBUTE["text"] | ({"minLength": 1} if definition.is_required else {})
    if definition.type != "list":
        return dict(_OF_ATTRIBUTE[definition.type])
    item: Schema = {"type": "string"}
    if definition.list_values:
        item["enum"] = list(definition.list_values)
    return one_or_many(item, {"minItems": 1} if definition.is_required else {})


def one_or_many(item: Schema, limits: Schema | None = None) -> Schema:
    """Return the schema of the values of a list attribute: one, or an array of distinct ones (decision 20)."""
    return {"anyOf": [item, {"type": "array", "items": item, "uniqueItems": True} | (limits or {})]}


#: What should be sent.
PLAIN: Final = Form(
    member=lambda _, __, field: _BY_KIND[field.kind](field),
    body=_plain_body,
    attribute=_plain_attribute,
    parameter=lambda schema: schema,
    leaves_room=True,
)


def input_name(entity: type | None) -> str:
    """Return the name of the schema of an item of a list in requests."""
    return f"{entity.__name__}Input" if entity else ""
