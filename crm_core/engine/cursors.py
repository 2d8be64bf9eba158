"""Cursors: the end of a page of a list, as an opaque text for URLs."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from crm_core.engine.queries import Cursor, Query
from crm_core.errors import InvalidError, Problem
from crm_core.input.dates import iso, read_datetime, read_full_date
from crm_core.input.decimals import written_decimal
from crm_core.input.fields import FieldKind
from crm_core.input.readers import RefusedError, read_integer, read_uuid, text_problems
from crm_core.input.texts import sorting_key
from crm_core.resources import Resource

V = TypeVar("V")

_INVALID: Final = (Problem("invalid", "Invalid cursor"),)
#: Whole numbers as documents have them.
_WHOLE: Final = re.compile(r"-?\d{1,19}", re.ASCII)
#: What stands after a field whose texts are ordered folded.
_FOLDED: Final = "~"


def write_cursor(query: Query, cursor: Cursor) -> str:
    """Return a cursor as an opaque text for URLs."""
    order = _order(query.resource, query.order_by, descending=query.descending)
    return pack(order, cursor.value, str(cursor.id))


def _order(resource: Resource, name: str | None, *, descending: bool) -> str:
    """Return the order that a cursor belongs to. Release 0.1.0 ordered texts by code point, without the mark."""
    mark = _FOLDED if name and resource.fields[name].kind == "text" else ""
    return f"{'-' * descending}{name or ''}{mark}"


def pack(*parts: str | None) -> str:
    """Return the parts of a place in a list as an opaque text for URLs."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def unpack(text: str) -> Any:
    """Return the parts that `pack` was given, or any other JSON value. Raises ValueError or RecursionError."""
    return json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))


def write_place(at: datetime, id_: UUID) -> str:
    """Return the place after an item of a list that is in the order of times and ids, as an opaque text for URLs."""
    return pack(at.isoformat(), str(id_))


def read_place(cursor: str) -> tuple[datetime, UUID]:
    """Return the time and id that ``write_place`` was given. Raises InvalidError."""
    try:
        at, id_ = unpack(cursor)
        return read_datetime(at), read_uuid(id_)
    except (ValueError, TypeError, RecursionError, RefusedError):
        raise InvalidError({"cursor": _INVALID}) from None


def read_cursor(_: Resource, value: str) -> Mapping[str, object]:
    """Return the order that a cursor belongs to, and the cursor. Raises RefusedError."""
    try:
        order, last, id_ = unpack(value)
        sound = (
            isinstance(order, str)
            and isinstance(id_, str)
            and isinstance(last, str | None)
            and not text_problems(last or "", len(last or ""))
        )
        if sound:
            return {"cursor": (order, Cursor(last, read_uuid(id_)))}
    except (ValueError, TypeError, RecursionError, RefusedError, binascii.Error):
        pass
    raise RefusedError(_INVALID)


def check_cursor(ordered: tuple[str, Cursor], query: Mapping[str, Any]) -> Cursor:
    """Return a cursor that belongs to the order of the query. Raises InvalidError."""
    order, cursor = ordered
    name = query.get("order_by")
    if order == _order(query["resource"], name, descending=query.get("descending", True)):
        field = query["resource"].fields[name] if name else None
        try:
            if cursor.value is None and (field is None or field.nullable):
                return cursor
            if cursor.value is not None and field is not None:
                ordering_value(field.kind, cursor.value)
                return cursor
        except RefusedError:
            pass
    raise InvalidError({"cursor": _INVALID})


def ordering_value(kind: FieldKind, value: str) -> Any:
    """Return what an ordering field sorts by, from its text on the wire. Raises RefusedError."""
    if kind == "datetime":
        time = read_datetime(value)
        if iso(time) != value:  # documents never have this form
            raise RefusedError(_INVALID)
        return time
    if kind == "date":
        return read_full_date(value)
    if kind == "decimal":
        return _written(written_decimal(value))
    if kind == "integer":
        return read_integer(_written(_WHOLE.fullmatch(value) and value))
    return sorting_key(value)


def _written(value: V | None) -> V:
    if value is None:
        raise RefusedError(_INVALID)
    return value
