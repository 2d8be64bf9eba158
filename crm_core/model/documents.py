"""Entities as the plain JSON values that clients see, and what is hidden from some of them."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import attrs

from crm_core.input.fields import fields_of
from crm_core.input.readers import iso

#: What stands for a secret value (ruling 27: others see the names).
REDACTED: Final = "********"


def plain(value: Any) -> Any:
    """A value made of dictionaries, lists, texts, numbers, booleans and None alone."""
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date | UUID):
        return str(value)
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    if attrs.has(type(value)):
        return {field.name: plain(getattr(value, field.name)) for field in attrs.fields(type(value))}
    return value


def redacted(entity: type, documents: bytes) -> bytes:
    """Documents joined by commas, with the values of secret fields hidden and their names left."""
    shown = json.loads(b"[%b]" % documents)
    for document in shown:
        for name, field in fields_of(entity).items():
            if field.secret:
                document[name] = dict.fromkeys(document[name], REDACTED)
    return json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode()[1:-1]


def has_secrets(entity: type) -> bool:
    """Whether some of its fields are not for everybody who may view its records."""
    return any(field.secret for field in fields_of(entity).values())
