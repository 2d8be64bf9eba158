"""Cursors of the change feed: a position and what its reader could not see, as an opaque text (decision 65)."""

import base64
import binascii
import struct
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from crm_core.errors import CursorGoneError, invalid
from crm_core.model.feed import Position
from crm_core.resources import RESOURCES

#: Resources by the bit that stands for them in a cursor. Cursors outlive releases, so names are only ever appended.
BITS: Final = (
    *("attribute", "webhook", "client", "cohort", "service", "pipeline", "lead", "follow_up"),
    *("enrollment", "enrollment_detail", "transfer_request"),
)
_FORM: Final = 1
_END: Final = struct.Struct(">BqI4s")
_PLACE: Final = struct.Struct(">qq")
_CHECKSUM: Final = struct.Struct(">I")
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
#: Heads of cursors that are remembered: the events of a page are of few ticks.
_REMEMBERED: Final = 256
_SIZES: Final = frozenset({_END.size + _CHECKSUM.size, _END.size + _PLACE.size + _CHECKSUM.size})
_RIGHTS_HAVE_GROWN: Final = "What you may see has changed since this cursor. Read everything again."


def hidden_bits(hidden: Iterable[str]) -> int:
    """Return the resources that a reader cannot see as the bits of a cursor."""
    return sum(1 << BITS.index(name) for name in set(hidden) if name in BITS)


class _Head(NamedTuple):
    """What cursors have in common that differ in their place alone: its text, the bytes after it, and its checksum."""

    text: str
    rest: bytes
    checksum: int


def write_feed_cursor(position: Position, hidden: int) -> str:
    """Return a cursor as a text for URLs.

    Args:
        position: the position.
        hidden: the resources that its reader cannot see, from `hidden_bits`.
    """
    head = _head(position.tick, hidden, position.tag)
    place = b"" if position.place is None else _PLACE.pack(*position.place)
    return head.text + _text(head.rest + place + _CHECKSUM.pack(binascii.crc32(place, head.checksum)))


@lru_cache(_REMEMBERED)
def _head(tick: int, hidden: int, tag: bytes) -> _Head:
    packed = _END.pack(_FORM, tick, hidden, tag)
    whole = len(packed) // 3 * 3  # three bytes are four letters, whatever follows
    return _Head(_text(packed[:whole]), packed[whole:], binascii.crc32(packed))


def _text(packed: bytes) -> str:
    return binascii.b2a_base64(packed, newline=False).translate(_URL_SAFE).rstrip(b"=").decode()


def read_feed_cursor(text: str, visible: Collection[str]) -> Position:
    """Return the position of a cursor.

    Raises InvalidError for what is no cursor, and CursorGoneError for a cursor that was altered, or whose reader could
    not see something that is visible now: the events of before were left out.

    Args:
        text: the cursor.
        visible: the names of the resources that the reader can see now.
    """
    packed, checksum = _unpacked(text)
    if _CHECKSUM.unpack(checksum) != (binascii.crc32(packed),):
        raise CursorGoneError
    _, tick, hidden, tag = _END.unpack(packed[: _END.size])
    if hidden & hidden_bits(visible):
        raise CursorGoneError(_RIGHTS_HAVE_GROWN)
    place = packed[_END.size :]
    return Position(tick, tag, _PLACE.unpack(place) if place else None)


def _unpacked(text: str) -> tuple[bytes, bytes]:
    """Return a cursor without its checksum, and the checksum. Raises InvalidError."""
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        packed = b""
    if len(packed) not in _SIZES or packed[0] != _FORM:
        raise invalid("after", "invalid", "Invalid cursor")
    return packed[: -_CHECKSUM.size], packed[-_CHECKSUM.size :]


def hidden_from(visible: Collection[str]) -> int:
    """Return the resources that somebody who sees ``visible`` cannot see, as the bits of a cursor."""
    return hidden_bits(RESOURCES.keys() - set(visible))
