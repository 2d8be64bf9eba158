"""PNG (PNG specification, third edition): chunks of length, kind, data and checksum, up to ``IEND``."""

import struct
import zlib
from typing import Final

from crm_core.rules.image_files.exif_orientation import orientation_only
from crm_core.rules.image_files.steps import Give, Pass, Program, Take
from crm_core.rules.images import not_an_image

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_EXIF: Final = b"eXIf"
#: Chunks of metadata: texts (also XMP), the time, EXIF, content credentials.
_METADATA: Final = frozenset({b"tEXt", b"zTXt", b"iTXt", b"tIME", b"zxIf", b"caBX", _EXIF})
_END: Final = b"IEND"
_MAX_CHUNK: Final = 2**31 - 1
_CHECKSUM_BYTES: Final = 4
#: How many bytes of an EXIF chunk are read; its first directory, with the orientation, is at the beginning.
_EXIF_BYTES: Final = 2**16


def read_png() -> Program:
    """Read a PNG; keep all chunks except metadata."""
    yield Give((yield Take(len(_SIGNATURE))))
    kind = b""
    while kind != _END:
        head = yield Take(8)
        length, kind = struct.unpack(">I4s", head)
        if length > _MAX_CHUNK:
            raise not_an_image()
        if kind in _METADATA:
            exif = (yield Take(min(length, _EXIF_BYTES))) if kind == _EXIF else b""
            yield Pass(length - len(exif) + _CHECKSUM_BYTES, keeps=False)
            yield Give(_exif_chunk(exif))
        else:
            yield Give(head)
            yield Pass(length + _CHECKSUM_BYTES)


def _exif_chunk(exif: bytes) -> bytes:
    tiff = orientation_only(exif)
    checksum = struct.pack(">I", zlib.crc32(_EXIF + tiff))
    return struct.pack(">I", len(tiff)) + _EXIF + tiff + checksum if tiff else b""
