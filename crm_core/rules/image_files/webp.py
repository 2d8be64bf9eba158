"""WebP (RFC 9649): chunks in a RIFF file, which begins with its size.

The size after removal is unknown until the whole file has been read. So the size stays as it is, and metadata is
overwritten in place. XMP and unknown chunks become ``JUNK``, RIFF's own filler, which all readers skip. EXIF becomes an
EXIF with the orientation or nothing, so that the flag before the picture, which says that there is EXIF, stays true.
"""

import struct
from collections.abc import Iterator
from typing import Final

from crm_core.rules.image_files.exif_orientation import orientation_only
from crm_core.rules.image_files.steps import Give, Pass, Program, Step, Take
from crm_core.rules.images import not_an_image

_CHUNK_HEAD: Final = 8
_EXTENDED: Final = b"VP8X"
_EXIF: Final = b"EXIF"
_FILLER: Final = b"JUNK"
#: The chunks of the picture; at least one of `_IMAGES` must be present.
_KEPT: Final = frozenset({b"VP8 ", b"VP8L", _EXTENDED, b"ALPH", b"ANIM", b"ANMF", b"ICCP"})
_IMAGES: Final = frozenset({b"VP8 ", b"VP8L", b"ANMF"})
_XMP_FLAG: Final = 0x04
#: How many bytes of an EXIF chunk are read.
_EXIF_BYTES: Final = 2**16
#: An empty TIFF structure.
_NOTHING: Final = b"MM\0*\0\0\0\x08\0\0\0\0\0\0"
_ZEROS: Final = bytes(2**16)


def read_webp() -> Program:
    """Read a WebP; overwrite metadata."""
    head = yield Take(12)
    yield Give(head)
    left = int.from_bytes(head[4:8], "little") - 4
    kinds: set[bytes] = set()
    while left >= _CHUNK_HEAD:
        kind, size = struct.unpack("<4sI", (yield Take(_CHUNK_HEAD)))
        kinds.add(kind)
        left -= _CHUNK_HEAD
        padded = min(size + size % 2, left)
        if kind in _IMAGES and size > left:
            raise not_an_image()
        left -= padded
        yield from _chunk(kind, size, padded)
    yield Pass(max(left, 0), keeps=False)
    yield from _zeros(max(left, 0))
    if not kinds & _IMAGES:
        raise not_an_image()


def _chunk(kind: bytes, size: int, padded: int) -> Program:
    """Keep or overwrite a chunk; ``padded`` is its size in the file, with the byte that makes it even."""
    name = kind if kind in _KEPT or kind == _EXIF else _FILLER
    yield Give(struct.pack("<4sI", name, size))
    if kind == _EXTENDED and padded:
        flags = yield Take(1)
        yield Give(bytes([flags[0] & ~_XMP_FLAG]))
        yield Pass(padded - 1)
    elif kind in _KEPT:
        yield Pass(padded)
    else:
        yield from _overwritten(kind, padded)


def _overwritten(kind: bytes, size: int) -> Program:
    begun = (yield Take(min(size, _EXIF_BYTES))) if kind == _EXIF and size else b""
    new = (orientation_only(begun) or _NOTHING) if kind == _EXIF else b""
    new = new if len(new) <= size else b""
    yield Give(new)
    yield Pass(size - len(begun), keeps=False)
    yield from _zeros(size - len(new))


def _zeros(size: int) -> Iterator[Step]:
    for start in range(0, size, len(_ZEROS)):
        yield Give(_ZEROS[: size - start])
