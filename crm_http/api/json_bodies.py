"""Decodes the JSON of bodies. Problems are said in the words of Python's parser, as in the documented API."""

import codecs
import json
from http import HTTPStatus
from typing import Final, NoReturn

import msgspec

from crm_core.input.json_values import MAX_DEPTH
from crm_core.input.numbers import parse_decimal
from crm_http.api.body_limits import MAX_BODY
from crm_http.api.errors import RequestError

#: The most values in a bulk request, which take more memory than its bytes.
_MAX_VALUES: Final = 1_000_000

_members_decoder: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_list_decoder: Final = msgspec.json.Decoder(list[msgspec.Raw])
_decoder: Final = msgspec.json.Decoder(float_hook=parse_decimal)


def decode_json(body: bytes) -> object:
    """Return JSON as plain values. Raises RequestError if it is nested deeper than ``MAX_DEPTH``."""
    try:
        value = _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise _parse_error(_reason(body)) from None
    # Few brackets cannot nest deeply, so only other bodies are walked.
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _is_deep(value):
        raise _parse_error("Too deeply nested")
    return value


def decode_operations(body: bytes) -> object:
    """Return the JSON of a bulk request as plain values.

    Its operations are decoded one by one, as decoding it whole would stop all other threads.
    """
    if body.count(b",") > _MAX_VALUES:
        raise _parse_error("Too many values")
    try:
        members = _members_decoder.decode(body)
        return {
            name: [decode_json(bytes(each)) for each in _list_decoder.decode(value)]
            if name == "operations"
            else decode_json(bytes(value))
            for name, value in members.items()
        }
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return decode_json(body)


def _parse_error(reason: str) -> RequestError:
    return RequestError(HTTPStatus.BAD_REQUEST, f"JSON parse error - {reason}")


def _reason(body: bytes) -> str:
    """Return why a body is not JSON, in the words of Python's parser, as in the documented API."""
    if body.startswith(codecs.BOM_UTF8):  # Python's words explain how to read it in Python
        return "The body begins with a byte order mark, which JSON must not have (RFC 8259, 8.1)"
    if len(body) > MAX_BODY:  # that parser would stop all other threads
        return "The body cannot be read"
    try:
        json.loads(body.decode(), parse_constant=_refuse_constant, parse_float=parse_decimal)
    except RecursionError:
        return "Too deeply nested"
    except UnicodeDecodeError:
        return "The body is not UTF-8"
    except ValueError as reason:
        # For a number with too many digits Python's text explains how to allow more, which does not concern clients.
        return "Number out of range" if "digits" in str(reason) else str(reason)
    return "The body cannot be read"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"Out of range float values are not JSON compliant: {name!r}")


def _is_deep(value: object) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _within(outer)]
        if not level:
            return False
    return True


def _within(value: object) -> list[object]:
    if isinstance(value, dict):
        return [inner for inner in value.values() if isinstance(inner, dict | list)]
    return [inner for inner in value if isinstance(inner, dict | list)] if isinstance(value, list) else []
