"""Documents: entities as plain JSON values, and the redaction of secret fields."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import attrs

from crm_core.input.fields import fields_of
from crm_core.input.readers import iso

#: Replaces every secret (decision 27).
REDACTED: Final = "********"


def plain(value: Any) -> Any:
    """Return a value as dictionaries, lists, texts, numbers, booleans and None."""
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date | UUID):
        return str(value)
    if isinstance(value, Mapping):
        return {name: plain(member) for name, member in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if attrs.has(type(value)):
        return {field.name: plain(getattr(value, field.name)) for field in attrs.fields(type(value))}
    return value


def redacted(entity: type, documents: bytes) -> bytes:
    """Return JSON documents joined by commas, without the secrets in them."""
    decoded = json.loads(b"[%b]" % documents)
    for document in decoded:
        for name, field in fields_of(entity).items():
            if field.redact is not None:
                document[name] = field.redact(document[name])
    return json.dumps(decoded, ensure_ascii=False, separators=(",", ":")).encode()[1:-1]


def has_secrets(entity: type) -> bool:
    """Return whether an entity class has fields with secrets in them."""
    return any(field.redact for field in fields_of(entity).values())
