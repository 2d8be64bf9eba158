"""JPEG (ITU-T T.81, JFIF): segments behind markers, and scans of coded data up to the next marker.

The end mark is searched for only between segments, because a thumbnail within EXIF has an end mark of its own.
"""

import re
from typing import Final

import attrs

from crm_core.rules.image_files.exif_orientation import PREFIX, orientation_only
from crm_core.rules.image_files.jpeg_scans import FRAMES, Scans
from crm_core.rules.image_files.steps import CutOffError, Give, Program, Step, Take, Window
from crm_core.rules.images import check_pixels, not_an_image

_START: Final = 0xD8
_END: Final = 0xD9
_COMMENT: Final = 0xFE
_APPLICATIONS: Final = range(0xE0, 0xF0)
_EXIF: Final = 0xE1
#: Application segments that affect how the picture looks, by their first bytes. All others are metadata:
#: EXIF, XMP, IPTC, previews, the index of the pictures behind this one, makers' notes.
_KEPT: Final = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}
#: A marker; within coded data FF is followed by 00, or is a restart.
_MARKER: Final = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")


@attrs.define
class ToMarker(Step):
    """Skip or keep the bytes before the next marker, and return the second byte of the marker.

    Attributes:
        scans: receives the scan data that is kept; None outside a scan.
    """

    scans: Scans | None
    result: bytes = b""

    def advance(self, window: Window) -> bool:
        """Search the bytes that have arrived; hold back a byte that may begin a marker."""
        found = _MARKER.search(window.data, window.start)
        begun = len(window.data) - window.data.endswith(b"\xff")
        passed = window.take(found.start() if found else max(begun, window.start))
        if self.scans is not None and passed:
            self.scans.see(passed)
            window.kept.append(passed)
        if found:
            self.result = window.take(found.end())[1:]
        return found is not None


def read_jpeg() -> Program:
    """Read a JPEG; keep all segments except metadata. A file without an end mark is complete if its last scan is."""
    start = yield Take(2)
    if start != bytes([0xFF, _START]):
        raise not_an_image()
    yield Give(start)
    scans = Scans()
    try:
        yield from _segments(scans)
    except CutOffError:
        if not scans.are_whole():
            raise


def _segments(scans: Scans) -> Program:
    while True:
        (marker,) = yield ToMarker(scans if scans.is_open else None)
        scans.is_open = False
        if marker == _END:
            break
        length = yield Take(2)
        body = yield Take(max(int.from_bytes(length, "big") - 2, 0))
        _notice(scans, marker, body)
        yield Give(_kept(marker, length, body))
    if not scans.has_frame:
        raise not_an_image()
    yield Give(bytes([0xFF, _END]))


def _notice(scans: Scans, marker: int, body: bytes) -> None:
    """Check the size in a frame, and record what is needed to judge the scans."""
    if marker in FRAMES:
        check_pixels(width=int.from_bytes(body[3:5], "big"), height=int.from_bytes(body[1:3], "big"))
    scans.notice(marker, body)


def _kept(marker: int, length: bytes, body: bytes) -> bytes:
    """Return the part of a segment that is kept: all of it, only the orientation, or nothing."""
    if marker == _EXIF and body.startswith(PREFIX):
        tiff = orientation_only(body)
        return _segment(marker, PREFIX + tiff) if tiff else b""
    if marker == _COMMENT or (marker in _APPLICATIONS and not body.startswith(_KEPT.get(marker, b"\0\0"))):
        return b""
    return bytes([0xFF, marker]) + length + body


def _segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body
