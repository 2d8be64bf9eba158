"""What files say of themselves, read by `filetype` and `imagesize`, which look at bytes and decode nothing.

Pillow would do both, but on opening a WebP it reads the file whole and makes room for all of its pixels, twice.
"""

from io import BytesIO
from typing import Final

import filetype
import imagesize

from crm_core.model.files import MEDIA_TYPES
from crm_core.rules.images import ImageHeader

__all__ = ["read_header"]

_EXTENSIONS: Final = {media_type: extension for extension, media_type in MEDIA_TYPES.items()} | {"image/apng": "png"}


def read_header(head: bytes) -> ImageHeader | None:
    """The kind of image and its size in pixels, by its first bytes; None for what is no image of ours."""
    extension = _EXTENSIONS.get(filetype.guess_mime(head) or "")
    if extension is None:
        return None
    width, height = imagesize.get(BytesIO(head), exif_rotation=False)
    return ImageHeader(extension, max(width, 0), max(height, 0))
