"""Cursors of the change feed: a position and what its reader could not see, as an opaque text (decision 65)."""

import base64
import binascii
import struct
from collections.abc import Collection
from functools import lru_cache
from typing import Final, NamedTuple

from crm_core.errors import CursorGoneError, invalid
from crm_core.model.feed import Position
from crm_core.resources import RESOURCES

#: The CRM's own resources by the bit that stands for them in a cursor. Cursors outlive releases, so names are only ever
#: appended. A registered resource has no bit, as others may come before it: a hash of its name does (decision 172).
BITS: Final = (
    *("attribute", "webhook", "client", "cohort", "service", "pipeline", "lead", "follow_up"),
    *("enrollment", "enrollment_detail", "transfer_request"),
)
#: The forms of cursors: without and with names of hidden resources after the position.
_FORM: Final = 1
_FORM_WITH_NAMES: Final = 2
_END: Final = struct.Struct(">BqI4s")
_PLACE: Final = struct.Struct(">qq")
_COUNT: Final = struct.Struct(">B")
_NAME: Final = struct.Struct(">I")
_CHECKSUM: Final = struct.Struct(">I")
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
#: Heads of cursors that are remembered: the events of a page are of few ticks.
_REMEMBERED: Final = 256
_RIGHTS_HAVE_GROWN: Final = "What you may see has changed since this cursor. Read everything again."


class Hidden(NamedTuple):
    """The resources that a reader cannot see, as a cursor has them.

    Attributes:
        bits: the CRM's own, each as its bit.
        names: the registered ones, each as the hash of its name.
    """

    bits: int
    names: frozenset[int]


class _Head(NamedTuple):
    """What cursors have in common that differ in their place alone: its text, the bytes after it, and its checksum."""

    text: str
    rest: bytes
    checksum: int


def write_feed_cursor(position: Position, hidden: Hidden) -> str:
    """Return a cursor as a text for URLs.

    Args:
        position: the position.
        hidden: the resources that its reader cannot see, from `hidden_from`.
    """
    head = _head(position.tick, hidden, position.tag)
    place = b"" if position.place is None else _PLACE.pack(*position.place)
    return head.text + _text(head.rest + place + _CHECKSUM.pack(binascii.crc32(place, head.checksum)))


@lru_cache(_REMEMBERED)
def _head(tick: int, hidden: Hidden, tag: bytes) -> _Head:
    packed = _END.pack(_FORM_WITH_NAMES if hidden.names else _FORM, tick, hidden.bits, tag)
    if hidden.names:
        packed += _COUNT.pack(len(hidden.names)) + b"".join(map(_NAME.pack, sorted(hidden.names)))
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
    packed, names, place, is_sound = _unpacked(text)
    if not is_sound:
        raise CursorGoneError
    _, tick, bits, tag = _END.unpack(packed)
    seen = _packed(visible)
    if bits & seen.bits or names & seen.names:
        raise CursorGoneError(_RIGHTS_HAVE_GROWN)
    return Position(tick, tag, _PLACE.unpack(place) if place else None)


def _unpacked(text: str) -> tuple[bytes, frozenset[int], bytes, bool]:
    """Return the parts of a cursor, and whether its checksum is right. Raises InvalidError."""
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        packed = b""
    body, checksum = packed[: -_CHECKSUM.size], packed[-_CHECKSUM.size :]
    end, names, place = body[: _END.size], b"", body[_END.size :]
    if body[:1] == bytes([_FORM_WITH_NAMES]) and place:
        size = _COUNT.unpack(place[: _COUNT.size])[0] * _NAME.size
        names, place = place[_COUNT.size :][:size], place[_COUNT.size + size :]
    is_whole = len(end) == _END.size and len(place) in (0, _PLACE.size) and len(names) % _NAME.size == 0
    if not is_whole or body[0] not in (_FORM, _FORM_WITH_NAMES):
        raise invalid("after", "invalid", "Invalid cursor")
    hashes = frozenset(name for (name,) in _NAME.iter_unpack(names))
    return end, hashes, place, _CHECKSUM.unpack(checksum) == (binascii.crc32(body),)


def hidden_from(visible: Collection[str]) -> Hidden:
    """Return the resources that somebody who sees ``visible`` cannot see."""
    return _packed(RESOURCES.keys() - set(visible))


def _packed(names: Collection[str]) -> Hidden:
    own, others = set(names).intersection(BITS), set(names).difference(BITS)
    hashes = frozenset(binascii.crc32(name.encode()) for name in others)
    return Hidden(sum(1 << BITS.index(name) for name in own), hashes)
