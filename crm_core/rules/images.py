"""Images: what a file must show to be one, and the edit that appends it to a record (decision 18)."""

from collections.abc import Callable
from typing import Any, Final

import attrs

from crm_core.errors import InvalidError, invalid
from crm_core.input.drafts import Draft
from crm_core.input.fields import fields_of
from crm_core.input.readers import RefusedError, read_list
from crm_core.model import files

#: The field of a form that a file comes in.
FIELD: Final = "file"


#: The most bytes of an image, unless somebody says otherwise.
MAX_IMAGE_BYTES: Final = 10 * 2**20


#: The most pixels: what a picture takes when it is shown has nothing to do with the bytes of its file. The largest
#: photos of telephones fit that can have so few bytes: 8,160 x 6,144 ("50 MP") and 12,032 x 9,024 ("108 MP"). Shown,
#: they take 440 MB.
MAX_PIXELS: Final = 110_000_000


_TAKEN: Final = f"{', '.join(files.KINDS[:-1])} and {files.KINDS[-1]} are taken."


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
    """Return the header of an image that may be kept; raise InvalidError for any other.

    A JPEG may have any number of descriptions in front of its size, which then is checked when it comes.
    """
    if header is None:
        raise not_an_image()
    if header.extension != "jpg" or header.width:
        check_pixels(header.width, header.height)
    return header


def check_pixels(width: int, height: int) -> None:
    """Raise InvalidError if a picture has no pixels, or too many."""
    if not width or not height:
        raise not_an_image()
    if width * height > MAX_PIXELS:
        raise invalid(FIELD, "max_pixels", f"Ensure this image has no more than {MAX_PIXELS:,} pixels.")


def not_an_image() -> InvalidError:
    """Return the refusal of a file that is no image, or not a whole one."""
    return invalid(
        FIELD,
        "invalid_image",
        f"Upload a valid image. The file you uploaded was either not an image or a corrupted image. {_TAKEN}",
    )


def not_a_file() -> InvalidError:
    """Return the refusal of a text in the place of a file."""
    return invalid(FIELD, "invalid", "The submitted data was not a file. Check the encoding type on the form.")


def adding(url: str) -> Callable[[Any], Draft]:
    """The edit of a record that appends an image."""

    def edit(record: Any) -> Draft:
        most = fields_of(type(record))["list_of_images"].limits["maxItems"]
        try:
            return Draft({"list_of_images": tuple(read_list((*record.list_of_images, url), most))})
        except RefusedError as error:
            return Draft({}, {"list_of_images": error.problems})

    return edit
