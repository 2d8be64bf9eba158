"""Images: what a file must show to be one, and the edit that appends it to a record (decision 18)."""

from collections.abc import Callable
from typing import Any, Final

import attrs

from crm_core.errors import InvalidError, invalid
from crm_core.input.drafts import Draft
from crm_core.input.fields import fields_of
from crm_core.input.readers import RefusedError, read_list

#: The field of a form that a file comes in.
FIELD: Final = "file"


#: The most bytes of an image, unless somebody says otherwise.
MAX_IMAGE_BYTES: Final = 10 * 2**20


#: The most pixels: what a picture takes when it is shown has nothing to do with the bytes of its file.
MAX_PIXELS: Final = 50_000_000


#: What comes at the end of a whole image. WebP has no such mark; it says its size at the beginning.
_END_MARKS: Final = {"jpg": b"\xff\xd9", "png": b"IEND\xaeB`\x82", "gif": b"\0;", "webp": b"WEBP"}


_LONGEST_MARK: Final = max(map(len, _END_MARKS.values()))


@attrs.frozen
class ImageHeader:
    """What the first bytes of a file say of the image.

    Attributes:
        extension: the kind of image, one of ``MEDIA_TYPES``.
        width: pixels; 0 where the bytes do not reach so far.
        height: the same.
    """

    extension: str
    width: int
    height: int


def check_header(header: ImageHeader | None) -> ImageHeader:
    """A header of an image that may be kept; raises InvalidError."""
    if header is None or not header.width or not header.height:
        raise not_an_image()
    if header.width * header.height > MAX_PIXELS:
        raise invalid(FIELD, "max_pixels", f"Ensure this image has no more than {MAX_PIXELS:,} pixels.")
    return header


def not_an_image() -> InvalidError:
    """The refusal of a file that is no image, or not a whole one."""
    return invalid(
        FIELD,
        "invalid_image",
        "Upload a valid image. The file you uploaded was either not an image or a corrupted image.",
    )


@attrs.define
class TruncationCheck:
    """Watches an image pass by, for its end.

    Attributes:
        header: what it said of itself at the beginning.
        size: the bytes that passed.
    """

    header: ImageHeader
    size: int = 0
    _head: bytes = b""
    _tail: bytes = b""
    _has_ended: bool = False

    def see(self, piece: bytes) -> None:
        """The next piece."""
        seen = self._tail + piece
        self._head = self._head or piece[:8]
        self._has_ended = self._has_ended or _END_MARKS[self.header.extension] in seen
        self._tail = seen[-_LONGEST_MARK:]
        self.size += len(piece)

    def check(self) -> None:
        """Raise InvalidError if the image was cut off."""
        announced = int.from_bytes(self._head[4:], "little") + 8 if self.header.extension == "webp" else 0
        if not self._has_ended or self.size < announced:
            raise not_an_image()


def adding(url: str) -> Callable[[Any], Draft]:
    """The edit of a record that appends an image."""

    def edit(record: Any) -> Draft:
        most = fields_of(type(record))["list_of_images"].limits["maxItems"]
        try:
            return Draft({"list_of_images": tuple(read_list((*record.list_of_images, url), most))})
        except RefusedError as error:
            return Draft({}, {"list_of_images": error.problems})

    return edit
