"""The description in its second form: all that the server takes, and not only what should be sent.

Schemathesis generates requests from it, so that its checks stay exact in both directions: what fits is accepted, and
what does not fit is refused. Clients get the plain form (``crm_http.openapi.inputs``).

With the address of a server and a token as arguments, this module writes the second form to its output.
"""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import httpx
from litestar import Litestar
from litestar.routes import HTTPRoute

from crm_adapters.image_headers import read_header
from crm_adapters.memory import MemoryAccounts, MemoryDatabase, MemoryFileStore
from crm_adapters.tables.reader import ChildTableReader
from crm_core.input.fields import Field, FieldKind, fields_of
from crm_core.input.readers import FALSE, TRUE
from crm_core.input.texts import BLANKS, INVISIBLE
from crm_core.model import entities
from crm_core.model.entities import ENTITIES, Attribute
from crm_core.model.files import ROOT_PATH, SITE_FILES
from crm_core.rules.attributes import MAX_TEXT_LENGTH, MAX_URL_LENGTH
from crm_core.rules.uniqueness import UNIQUE_TYPES
from crm_core.use_cases.import_requests import Imports
from crm_core.use_cases.import_stores import ImportStores
from crm_core.use_cases.uploads import Images
from crm_core.webhooks import entity as webhook_entity
from crm_core.webhooks import headers
from crm_http.api.endpoints import Endpoint
from crm_http.api.routing import ENDPOINTS
from crm_http.app import create_app
from crm_http.openapi.document import describe, with_attributes
from crm_http.openapi.inputs import PLAIN, Form, one_or_many
from crm_http.openapi.schemas import Schema
from crm_http.payloads.shapes import Input
from tests.http.test_routes import NoPasswords

_MAX_INTEGER: Final = 2**63 - 1
_SHOWS_NOTHING: Final = "".join(c if c == "-" or c > "\uffff" else f"\\u{ord(c):04x}" for c in BLANKS + INVISIBLE)
#: A text that is not blank: it has a character that shows.
_NOT_BLANK: Final = f"[^{_SHOWS_NOTHING}]"
#: A blank text, which as the value of a query parameter is none (decision 9).
_BLANK: Final[Schema] = {"type": "string", "pattern": f"^[{_SHOWS_NOTHING}]*$"}
_INTEGER: Final = r"^\s*[+-]?\d{1,18}(\.0*)?\s*$"
#: A URL of the web.
_WEB_URL: Final = r"^[hH][tT][tT][pP][sS]?://[^\s/?#\\@]+([/?#][^\s\\]*)?$"
_HEADER_VALUE: Final = r"^([^\r\n{}]|\{[a-z_.]+\})*$"
#: The URLs of webhooks that are always accepted; some others are too.
_WEBHOOK_URL: Final = (
    r"^https?://[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?(\.[a-z]{2,10}){1,3}(:[1-9][0-9]{0,3})?(/[A-Za-z0-9_.~/=-]*)?"
)


def mounted_endpoints() -> Sequence[Endpoint]:
    """Every endpoint that is mounted, of an app that stores nothing."""
    images, database = Images(files=MemoryFileStore(), read_header=read_header), MemoryDatabase()
    imports = Imports(ImportStores(database, database.imports, ChildTableReader()))
    app = create_app(
        database, MemoryAccounts(), NoPasswords(), database.outbox, database.feed, images, imports=imports
    )._app
    assert isinstance(app, Litestar)
    return [
        endpoint
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for endpoint in handler.opt[ENDPOINTS]
    ]


def lenient_document(definitions: Mapping[str, Sequence[Attribute]] | None) -> Mapping[str, Any]:
    """The document in its second form, with the attributes of entities where they are known."""
    document = describe(mounted_endpoints(), LENIENT)
    for kind in ("Create", "Update", "Merge"):
        document["components"]["schemas"][f"Attribute{kind}"] |= _UNLESS_UNIQUE
    operations = (each for item in document["paths"].values() for each in item.values())
    for parameter in (each for operation in operations for each in operation.get("parameters", ())):
        if parameter.get("name") == "dry_run":  # alone of all it is not blank (decision 9)
            parameter["schema"] = {"type": "boolean"}
    return document if definitions is None else with_attributes(document, definitions, LENIENT)


def definitions(get: Callable[[str], httpx.Response]) -> Mapping[str, Sequence[Attribute]]:
    """The attributes of entities as a server has them."""
    listed = {entity: get(f"/api/attributes/{entity}/").json() for entity in ENTITIES}
    return {entity: [_defined(**each) for each in attributes] for entity, attributes in listed.items()}


def _defined(**values: Any) -> Attribute:
    return Attribute(**values | {"list_values": tuple(values["list_values"])})


def _text(field: Field) -> Schema:
    limits = dict(field.limits)
    if "pattern" in limits:
        return {"type": "string", **limits}
    blank = {} if "minLength" not in limits else {"pattern": _NOT_BLANK}
    return {"type": ["string", "number"], **limits, **blank}


def _integer(field: Field) -> Schema:
    if field.refers_to is not None and field.nullable:
        return {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": f"^$|{_INTEGER}"}]}
    limits = {"minimum": -_MAX_INTEGER - 1, "maximum": _MAX_INTEGER, **field.limits}
    return {"type": ["integer", "string"], **limits, "pattern": _INTEGER}


def _uuid(field: Field) -> Schema:
    schemas: list[Schema] = [{"type": "string", "format": "uuid"}]
    if field.nullable:
        schemas.append({"type": "string", "maxLength": 0})
    if field.refers_to is None:
        schemas.append({"type": "integer", "minimum": 0, "maximum": 2**128 - 1})
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _words(words: Iterable[str]) -> str:
    return "|".join("".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in word) for word in sorted(words))


def _spelt(words: Iterable[str], word: str) -> str:
    """Return the pattern of the texts that are booleans: of some words, or as they are shown (``Field.word``)."""
    return rf"^\s*({_words(words)})\s*$" + (f"|^{word}$" if word else "")


def _boolean(field: Field) -> Schema:
    pattern = _spelt([*TRUE, *FALSE], field.word)
    return {"type": ["boolean", "string", "integer"], "pattern": pattern, "minimum": 0, "maximum": 1}


def _in_format(name: str) -> Schema:
    """Return the schema of texts in a format.

    It stands in ``anyOf``, and so null does beside it: Schemathesis 4.32 sends an empty text for a format whose
    ``type`` is a list.
    """
    return {"anyOf": [{"type": "string", "format": name}]}


_BY_KIND: Final[Mapping[FieldKind, Callable[[Field], Schema]]] = {
    "text": _text,
    "integer": _integer,
    "boolean": _boolean,
    "date": lambda _: _in_format("date"),
    "datetime": lambda _: _in_format("date-time"),
    "date_or_datetime": lambda _: {
        "anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]
    },
    "uuid": _uuid,
    "mapping": lambda _: {
        "type": "object",
        "maxProperties": headers.MAX_HEADERS,
        "propertyNames": {"pattern": f"^{headers.TOKEN.pattern}$"},
        "additionalProperties": {"type": "string", "maxLength": headers.MAX_HEADER_LENGTH, "pattern": _HEADER_VALUE},
    },
}
#: The schemas of fields whose rules say more than their kinds.
_OF_FIELD: Final[Mapping[tuple[type, str], Schema]] = {
    (entities.Attribute, "name"): {
        "type": ["string", "integer"],
        # The length is that without the blanks around it, or the number of the digits and the sign.
        "pattern": rf"^\s*(?!.*__)[\w-]{{1,{entities.MAX_ATTRIBUTE_NAME_LENGTH}}}\s*$",
        "minimum": 1 - 10 ** (entities.MAX_ATTRIBUTE_NAME_LENGTH - 1),
        "maximum": 10**entities.MAX_ATTRIBUTE_NAME_LENGTH - 1,
    },
    (entities.Attribute, "list_values"): {
        "type": "array",
        "items": {
            "type": "string",
            "maxLength": fields_of(entities.Attribute)["list_values"].limits["maxLength"],
            "pattern": _NOT_BLANK,
        },
        "maxItems": fields_of(entities.Attribute)["list_values"].limits["maxItems"],
    },
    **{
        (entity, "list_of_images"): {
            "type": "array",
            "items": {
                "type": "string",
                "maxLength": fields_of(entity)["list_of_images"].limits["maxLength"],
                "pattern": rf"{_WEB_URL}|^{ROOT_PATH}{SITE_FILES}[^\s\\]*$",
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


#: What an attribute cannot be at once: of a type whose values are not compared, and unique.
_UNLESS_UNIQUE: Final[Schema] = {
    "not": {
        "properties": {
            "type": {"enum": [each for each in entities.ATTRIBUTE_TYPES if each not in UNIQUE_TYPES]},
            "is_unique": {
                "anyOf": [{"enum": [True, 1]}, {"type": "string", "pattern": _spelt(TRUE, entities.BUILDING)}]
            },
        },
        "required": ["type", "is_unique"],
    }
}


def _member(entity: type, name: str, field: Field) -> Schema:
    if (entity, name) in _OF_FIELD:
        return _OF_FIELD[entity, name]
    return _BY_KIND[field.kind](field) if field.kind in _BY_KIND else PLAIN.member(entity, name, field)


def _body(declared: Input, schema: Schema) -> Schema:
    any_of = declared.any_of
    for name, alias in declared.aliases.items():
        schema["properties"][alias] = schema["properties"][name]
        schema["required"].remove(name)
        any_of = (*any_of, name, alias)
    extra = {"anyOf": [{"required": [name]} for name in any_of]} if any_of else {}
    return {name: part for name, part in schema.items() if part != []} | extra


def _attribute(definition: Attribute) -> Schema:
    visible: Schema = {"pattern": _NOT_BLANK} if definition.is_required else {}
    if definition.type == "file":
        return {"type": "string", "maxLength": MAX_URL_LENGTH, "pattern": _WEB_URL}
    if definition.type == "text":
        return {"type": "string", "maxLength": MAX_TEXT_LENGTH} | visible
    if definition.type != "list" or definition.list_values:
        return PLAIN.attribute(definition)
    item: Schema = {"type": "string"}
    limits: Schema = {"minItems": 1, "contains": visible} if definition.is_required else {}
    return one_or_many(item | visible, limits | {"items": item})


#: All that the server takes.
LENIENT: Final = Form(
    member=_member,
    body=_body,
    attribute=_attribute,
    parameter=lambda schema: {"anyOf": [schema, _BLANK]},
    leaves_room=False,
)


if __name__ == "__main__":
    address, token = sys.argv[1:]
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token}"}) as client:
        sys.stdout.write(json.dumps(lenient_document(definitions(client.get))))
