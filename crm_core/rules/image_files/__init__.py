"""Image files: streaming validation and removal of metadata.

An ``ImageReader`` reads a file in pieces and returns the pieces that are kept. It holds back at most one segment of
64 KiB. Each format is one module, a program of steps (``steps.py``); none of them decodes a pixel.

    steps.py        the steps of a program, and the reader that runs it over pieces of any size
    jpeg.py  png.py  gif.py  webp.py    one format each: its segments, and which of them are metadata
    huffman.py      whether the last scan of a JPEG without an end mark is complete
    exif_orientation.py    the EXIF with only the orientation
"""

from collections.abc import Callable, Mapping
from typing import Final

from crm_core.rules.image_files.gif import read_gif
from crm_core.rules.image_files.jpeg import read_jpeg
from crm_core.rules.image_files.png import read_png
from crm_core.rules.image_files.steps import ImageReader, Program
from crm_core.rules.image_files.webp import read_webp

__all__ = ["ImageReader", "reader_of"]

_PROGRAMS: Final[Mapping[str, Callable[[], Program]]] = {
    "jpg": read_jpeg,
    "png": read_png,
    "gif": read_gif,
    "webp": read_webp,
}


def reader_of(extension: str, *, keeps_metadata: bool = False) -> ImageReader:
    """Return a reader for one file of this kind.

    Args:
        extension: one of ``MEDIA_TYPES``.
        keeps_metadata: whether the file is returned unchanged; it is checked in any case.
    """
    return ImageReader(_PROGRAMS[extension](), keeps_metadata=keeps_metadata)
