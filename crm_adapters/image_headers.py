"""Reads the kind and size of images by `filetype` and `imagesize`, which read headers and decode no pixels.

Pillow could do both, but to open a WebP it reads the whole file and allocates memory for all of its pixels twice.
"""

from io import BytesIO
from typing import Final

from crm_core.extras import needs
from crm_core.model.files import MEDIA_TYPES
from crm_core.rules.images import ImageHeader

with needs("http"):
    import filetype
    import imagesize

__all__ = ["read_header"]

_EXTENSIONS: Final = {media_type: extension for extension, media_type in MEDIA_TYPES.items()} | {"image/apng": "png"}


def read_header(head: bytes) -> ImageHeader | None:
    """Return the kind and size of an image by its first bytes; None if it is not an image of an accepted kind."""
    extension = _EXTENSIONS.get(filetype.guess_mime(head) or "")
    if extension is None:
        return None
    width, height = imagesize.get(BytesIO(head), exif_rotation=False)
    return ImageHeader(extension, max(width, 0), max(height, 0))
