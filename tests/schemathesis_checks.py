"""A check of our own for Schemathesis: what satisfies the schema is refused for no reason that a schema could tell."""

import re
from collections.abc import Iterator
from typing import Any

import schemathesis

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
    | cursor:\ Invalid\ cursor
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
    | atomic:\ All\ rows\ or\ none\ cannot\ be\ lenient:\ leave\ out\ one\ of\ both\.
    | upsert_by:\ ".*"\ is\ neither\ id\ nor\ a\ unique\ attribute\.
    # In bulk requests: the fields of data, which schemas leave open, and what depends on other operations.
    | \d+\.(?!(op|resource|id|by|data|if_match|ref)[.:]|non_field_errors:).*
    | \d+\.(id:\ Another\ operation\ .*|ref:\ An\ earlier\ operation\ .*|by:\ This\ attribute\ is\ not\ unique\.)
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
    for part in found[1].split("."):
        if isinstance(body, dict):
            body = body.get(part)
        elif isinstance(body, list) and part.isdigit() and int(part) < len(body):
            body = body[int(part)]
        else:
            return False
    return isinstance(body, int | float) and not isinstance(body, bool)


@schemathesis.check
def refused_for_no_reason_of_schemas(_: Any, response: Any, case: Any) -> None:
    is_as_it_should = case.meta is not None and case.meta.generation.mode.is_positive
    if response.status_code == 400 and is_as_it_should:
        told = [
            text
            for text in texts(response.json())
            if not (BEYOND_SCHEMAS.fullmatch(text) or is_about_digits(text, case.body))
        ]
        assert not told, f"A schema could tell that: {told}"
