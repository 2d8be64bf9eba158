"""Documents: entities as plain JSON values, JSON with exact numbers, and the redaction of secret fields."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import attrs

from crm_core.input.dates import iso, read_datetime
from crm_core.input.decimals import FixedPoint
from crm_core.input.fields import Field, FieldKind, fields_of
from crm_core.input.numbers import parse_decimal

#: Replaces every secret (decision 27).
REDACTED: Final = "********"

#: Types of values that are plain already.
_PLAIN: Final = frozenset({str, int, float, bool, Decimal, type(None)})
_WITHOUT_DECIMALS: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def plain(value: Any) -> Any:
    """Return a value as dictionaries, lists, texts, numbers, booleans and None."""
    return value if type(value) in _PLAIN else _made_plain(value)


def _made_plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date | UUID | FixedPoint):
        return str(value)
    if isinstance(value, Mapping):
        return {name: plain(member) for name, member in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if attrs.has(type(value)):
        return {field.name: plain(getattr(value, field.name)) for field in attrs.fields(type(value))}
    return value


def entity_of(entity: type, document: Mapping[str, Any]) -> Any:
    """Return the value that a document of plain values shows; the inverse of ``plain``."""
    values = {name: document.get(name) for name in fields_of(entity)}
    for name, convert in _conversions(entity):
        if (value := values[name]) is not None:
            values[name] = convert(value)
    return entity(**values)


def _conversions(entity: type) -> Sequence[tuple[str, Callable[[Any], Any]]]:
    """Return the fields whose plain values are others than those of an entity, each with what converts it."""
    found = _BY_ENTITY.get(entity)
    if found is None:
        converted = ((name, _conversion(field)) for name, field in fields_of(entity).items())
        found = _BY_ENTITY[entity] = [(name, convert) for name, convert in converted if convert]
    return found


def typed(field: Field, value: Any) -> Any:
    """Return the value of a field that a plain value shows."""
    convert = _conversion(field)
    return value if value is None or convert is None else convert(value)


def _read_time(text: str) -> datetime:
    """Return a time as ``iso`` wrote it; what others wrote is read as input is."""
    return datetime.fromisoformat(text) if text.endswith("Z") else read_datetime(text)


def _conversion(field: Field) -> Callable[[Any], Any] | None:
    if (item := field.item) is not None:
        return lambda items: tuple(entity_of(item, each) for each in items)
    return _CONVERSIONS.get(field.kind)


_BY_ENTITY: Final[dict[type, Sequence[tuple[str, Callable[[Any], Any]]]]] = {}
_CONVERSIONS: Final[Mapping[FieldKind, Callable[[Any], Any]]] = {
    "uuid": UUID,
    "date": date.fromisoformat,
    "datetime": _read_time,
    "decimal": FixedPoint,
    "texts": tuple,
}


def redacted(entity: type, documents: bytes) -> bytes:
    """Return JSON documents joined by commas, without the secrets in them."""
    decoded = parse_json(b"[%b]" % documents)
    for document in decoded:
        for name, field in fields_of(entity).items():
            if field.redact is not None:
                document[name] = field.redact(document[name])
    return json_text(decoded).encode()[1:-1]


def parse_json(document: bytes | str) -> Any:
    """Return JSON as plain values; numbers with a point or an exponent are Decimals."""
    return json.loads(document, parse_float=parse_decimal)


def json_text(value: object) -> str:
    """Return a plain value as compact JSON; the json module does not know Decimals.

    >>> json_text({"a": [Decimal("1.10"), None, "é"]})
    '{"a":[1.10,null,"é"]}'
    """
    try:
        return _WITHOUT_DECIMALS.encode(value)
    except TypeError:
        return _text_with_decimals(value)


def _text_with_decimals(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Mapping):
        members = (f"{json.dumps(name, ensure_ascii=False)}:{json_text(member)}" for name, member in value.items())
        return f"{{{','.join(members)}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(json_text, value))}]"
    return json.dumps(value, ensure_ascii=False)


def has_secrets(entity: type) -> bool:
    """Return whether an entity class has fields with secrets in them."""
    return any(field.redact for field in fields_of(entity).values())
