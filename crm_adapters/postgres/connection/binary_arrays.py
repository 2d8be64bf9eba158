"""Writes arrays in PostgreSQL's binary format (``array_recv`` and the ``recv`` functions of the types of elements).

psycopg finds the type of each list by looking at its elements: for the eleven lists of a write of 16 records that takes
twice as long. Here the statement says it, as in ``%(ids)b::uuid[]``.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_HEADER: Final = struct.Struct("!iiIii")
_LENGTH: Final = struct.Struct("!i")
_NULL: Final = _LENGTH.pack(-1)
_LONG: Final = struct.Struct("!q")


class ElementType(NamedTuple):
    """A type of elements: its oid, that of arrays of it, and what writes a value."""

    oid: int
    array_oid: int
    write: Callable[[Any], bytes]


#: The types by the names that statements have for them.
TYPES: Final[Mapping[str, ElementType]] = {
    "boolean": ElementType(16, 1000, struct.Struct("!?").pack),
    "bytea": ElementType(17, 1001, lambda value: bytes(memoryview(value))),
    "bigint": ElementType(20, 1016, _LONG.pack),
    "smallint": ElementType(21, 1005, struct.Struct("!h").pack),
    "integer": ElementType(23, 1007, struct.Struct("!i").pack),
    "text": ElementType(25, 1009, str.encode),
    "float8": ElementType(701, 1022, struct.Struct("!d").pack),
    "timestamptz": ElementType(1184, 1185, lambda value: _LONG.pack((value - _EPOCH) // _MICROSECOND)),
    "uuid": ElementType(2950, 2951, lambda value: value.bytes),
}


def write_array(of: ElementType, values: Sequence[object]) -> bytes:
    """Return an array. None is null. Raises TypeError, AttributeError or struct.error for values of other types."""
    if not values:
        return struct.pack("!iiI", 0, 0, of.oid)
    parts = [_HEADER.pack(1, 1 if None in values else 0, of.oid, len(values), 1)]
    for value in values:
        if value is None:
            parts.append(_NULL)
        else:
            written = of.write(value)
            parts += (_LENGTH.pack(len(written)), written)
    return b"".join(parts)
