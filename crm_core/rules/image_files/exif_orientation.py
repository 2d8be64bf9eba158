"""Builds the EXIF that replaces the EXIF of a photo: its orientation and nothing else (TIFF 6.0, EXIF 2.32)."""

import struct
from typing import Final

#: Stands before the TIFF structure in JPEG, and in some WebP files.
PREFIX: Final = b"Exif\0\0"

#: The orientation of a picture that is shown as it is stored.
UPRIGHT: Final = 1
_ORIENTATIONS: Final = range(UPRIGHT, 9)
_ORIENTATION_TAG: Final = 0x0112
_SHORT: Final = 3
_ENTRY_BYTES: Final = 12


def orientation_only(exif: bytes) -> bytes:
    """Return a TIFF structure with only the orientation of this one; empty if it is upright or unknown.

    Args:
        exif: a TIFF structure or its beginning, with or without ``PREFIX``.
    """
    orientation = _orientation(exif.removeprefix(PREFIX))
    if orientation == UPRIGHT:
        return b""
    entry = struct.pack(">HHIHH", _ORIENTATION_TAG, _SHORT, 1, orientation, 0)
    return b"MM\0*" + struct.pack(">IH", 8, 1) + entry + struct.pack(">I", 0)


def _orientation(tiff: bytes) -> int:
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return UPRIGHT
    try:
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, start)
        for index in range(entries):
            tag, kind, count, value = struct.unpack_from(f"{order}HHIH", tiff, start + 2 + index * _ENTRY_BYTES)
            if (tag, kind, count) == (_ORIENTATION_TAG, _SHORT, 1):
                return value if value in _ORIENTATIONS else UPRIGHT
    except struct.error:  # the structure points behind its end
        pass
    return UPRIGHT
