"""A check of our own for Schemathesis: what satisfies the schema is refused for no reason that a schema could tell.

And the answers that are right although no document can tell them.
"""

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

import schemathesis
from schemathesis.openapi.checks import UnsupportedMethodResponse

from crm_core.model.entities import ENTITIES
from crm_core.use_cases.changes import MAX_WAIT

#: Why a request may be refused that is as the schema says: the field, and the text.
BEYOND_SCHEMAS = re.compile(
    r"""
      [^:]*:\ Invalid\ pk\ ".*"\ -\ object\ does\ not\ exist\.
    | \w+:\ Select\ a\ valid\ choice\.\ That\ choice\ is\ not\ one\ of\ the\ available\ choices\.
    | [^:]*:\ This\ field\ must\ be\ unique\.
    | non_field_errors:\ The\ fields\ enrollment,\ student\ must\ make\ a\ unique\ set\.
    | non_field_errors:\ A\ cohort\ cannot\ end\ before\ it\ starts\.
    | non_field_errors:\ Unable\ to\ log\ in\ with\ provided\ credentials\.
    | (name|type):\ This\ field\ cannot\ be\ changed\.
    | (stage|conditions\.\d+\.field):\ ".*"\ is\ not\ a\ valid\ choice\.
    | attributes\.[^:]*:\ .*  # their definitions are changed, too, since the document was read
    | conditions\.\d+\.value:\ .*
    | headers\.[^:]+:\ This\ header\ (is\ set\ twice|cannot\ be\ set)\.
    | (url|headers\.[^:]+):\ Unknown\ placeholder\ .*
    | list_of_images\.\d+:\ Enter\ a\ valid\ URL\.  # an address has more rules than a pattern can tell
    | (cursor|after):\ Invalid\ cursor
    | until:\ This\ is\ before\ `since`\.
    | resource:\ ".*"\ is\ not\ a\ valid\ choice\.  # several are in one text, between commas
    | fields\.\d+:\ ".*"\ is\ not\ a\ valid\ choice\.  # attributes are among the names
    | fields:\ A\ deleted\ record\ is\ restored\ whole\.
    | with:\ Only\ what\ was\ deleted\ together\ with\ a\ deleted\ record\ comes\ back\.
    | partly:\ Only\ what\ another\ record\ got\ from\ one\ that\ was\ merged\ into\ it\ is\ left\.
    | from\.\d+:\ A\ record\ cannot\ be\ merged\ into\ itself\.
    | take\..*:\ ".*"\ is\ not\ a\ valid\ choice\.
    | name:\ This\ value\ does\ not\ match\ the\ required\ pattern\.  # it has letters of any script
    # Of attributes that change: what depends on their present type and values.
    | (type|format|false):\ .*
    | (from|to|value|replace_with):\ (Only\ attributes\ of\ type\ list\ have\ values\ to\ change\.|".*"\ is\ not\ .*)
    | file:\ (Upload\ a\ valid\ image\..*|The\ submitted\ file\ is\ empty\.)
    # Of imports: what depends on the file, on other options, and on which attributes are unique.
    | file:\ .*  # also of images
    | detail:\ Multipart\ form\ parse\ error\ -\ The\ fields\ of\ the\ form\ are\ too\ long\.
    | detail:\ Multipart\ form\ parse\ error\ -\ The\ form\ has\ too\ many\ parts\.
    | format:\ The\ name\ of\ the\ file\ does\ not\ tell\ its\ format\..*
    | (dates|thousands|map):\ .*
    | (sheet|encoding|decimal|bom):\ It\ means\ nothing\ in\ the\ format\ .*
    | atomic:\ All\ rows\ or\ none\ cannot\ be\ lenient:\ leave\ out\ one\ of\ both\.
    | upsert_by:\ ".*"\ is\ neither\ id\ nor\ a\ unique\ attribute\.
    # In bulk requests: the fields of data, which schemas leave open, and what depends on other operations.
    | \d+\.(?!(op|resource|id|by|data|if_match|ref)[.:]|non_field_errors:).*
    | \d+\.((id|by):\ Another\ operation\ .*|ref:\ An\ earlier\ operation\ .*)
    | \d+\.by:\ (?!This\ field\ |Ensure\ ).*  # the attribute that it names, and the value of that in data
    | [^:]*:\ Datetime\ value\ out\ of\ range\.  # its year has no four digits in UTC
    """,
    re.VERBOSE | re.DOTALL,
)


def texts(problems: Any, path: str = "") -> Iterator[str]:
    """The sentences in a body of problems, each after the field that it is about."""
    if isinstance(problems, dict):
        for name, inner in problems.items():
            yield from texts(inner, f"{path}.{name}" if path else name)
    else:
        yield from (f"{path}: {each}" for each in ([problems] if isinstance(problems, str) else problems))


#: A text is too long. A schema can tell that of a string, but not of a number, whose digits count.
_TOO_LONG = re.compile(r"([^:]*): Ensure this field has no more than \d+ characters\.")


def is_about_digits(text: str, body: Any) -> bool:
    """Whether a sentence says that a text is too long, and what was sent there is a number."""
    found = _TOO_LONG.fullmatch(text)
    if found is None:
        return False
    if isinstance(body, dict) and found[1][:1].isdigit():  # problems of a bulk request are by operation
        body = body.get("operations")
    for part in found[1].split("."):
        if isinstance(body, dict):
            body = body.get(part)
        elif isinstance(body, list) and part.isdigit() and int(part) < len(body):
            body = body[int(part)]
        else:
            return False
    return isinstance(body, int | float) and not isinstance(body, bool)


#: The type of a stored attribute decides. One that is sent beside ``is_unique`` is the business of the schema.
_NOT_OF_TYPE: Final = "is_unique: Only attributes of these types can be unique: "


def is_about_stored_type(text: str, body: Any) -> bool:
    """Whether a sentence says that the type does not go with a value that was sent, and no type was sent."""
    return text.startswith(_NOT_OF_TYPE) and isinstance(body, dict) and "type" not in body


def is_about_creation(text: str, case: Any) -> bool:
    """Whether a sentence asks for a field that an upsert needs only where it creates the record."""
    return case.method == "PUT" and "/by/" in case.path and text.endswith(": This field is required.")


@schemathesis.check
def refused_for_no_reason_of_schemas(_: Any, response: Any, case: Any) -> None:
    is_as_it_should = case.meta is not None and case.meta.generation.mode.is_positive
    if response.status_code == 400 and is_as_it_should:
        told = [
            text
            for text in texts(response.json())
            if not (
                BEYOND_SCHEMAS.fullmatch(text)
                or is_about_digits(text, case.body)
                or is_about_stored_type(text, case.body)
                or is_about_creation(text, case)
            )
        ]
        assert not told, f"A schema could tell that: {told}"


@schemathesis.hook
def before_call(_: Any, case: Any, __: Any) -> None:
    """Wait no longer than a second for changes: one who may see none would wait half a minute, case after case."""
    wait = str((case.query or {}).get("wait", ""))
    if case.operation.path == "/api/changes/" and wait.isdecimal() and 1 < int(wait) <= MAX_WAIT:
        case.query["wait"] = 1


#: URLs of this length are taken for sure: the HTTP server takes 65,536 bytes, with all headers.
_MAX_URL_LENGTH: Final = 60_000
_TOO_LARGE: Final = frozenset({HTTPStatus.REQUEST_URI_TOO_LONG, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE})


@schemathesis.hook
def filter_failure(_: Any, failure: Any, case: Any, response: Any) -> bool:
    """Return whether a failure counts: it is not of an answer that no document can tell."""
    return not (is_of_server(response) or is_of_other_meaning(failure, case))


def is_of_server(response: Any) -> bool:
    """Whether the HTTP server refused a URL for its length, before the app had the request."""
    return response.status_code in _TOO_LARGE and len(response.request.url) > _MAX_URL_LENGTH


def is_of_other_meaning(failure: Any, case: Any) -> bool:
    """Whether the name of an entity is not found by a method that takes the id of an attribute there (decision 1)."""
    return (
        isinstance(failure, UnsupportedMethodResponse)
        and failure.status_code == HTTPStatus.NOT_FOUND
        and failure.method in {"PUT", "PATCH", "DELETE"}
        and case.operation.path in {f"/api/attributes/{name}/" for name in ENTITIES}
    )
