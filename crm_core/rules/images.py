"""Images: the checks of an uploaded file, and the edit that appends its URL to a record (decision 18)."""

from typing import Any, Final

import attrs

from crm_core.errors import InvalidError, Problem, invalid
from crm_core.input.drafts import Draft, Edit
from crm_core.input.fields import fields_of
from crm_core.input.readers import RefusedError, read_list
from crm_core.model import files

#: The field under which the problems of an uploaded file are reported.
FIELD: Final = "file"
#: The most bytes of an image by default.
MAX_IMAGE_BYTES: Final = 10 * 2**20
#: The most pixels of an image. Decoded memory is independent of file size: at this limit it is 440 MB. The largest
#: photos of telephones are within it: 8,160 x 6,144 ("50 MP") and 12,032 x 9,024 ("108 MP").
MAX_PIXELS: Final = 110_000_000

_TAKEN: Final = f"{', '.join(files.KINDS[:-1])} and {files.KINDS[-1]} are taken."


@attrs.frozen
class ImageHeader:
    """What the first bytes of a file say about the image.

    Attributes:
        extension: the kind of image, one of ``MEDIA_TYPES``.
        width: pixels; 0 if the first bytes do not contain it.
        height: the same.
    """

    extension: str
    width: int
    height: int


def check_header(header: ImageHeader | None) -> ImageHeader:
    """Return the header of an image that may be kept; raise InvalidError for any other.

    A JPEG may have any number of metadata segments before its dimensions; then they are checked later.
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
    """Return the error for a file that is not an image, or an incomplete one: the text of DRF, then what is taken."""
    text = "Upload a valid image. The file you uploaded was either not an image or a corrupted image."
    return InvalidError({FIELD: (Problem("invalid_image", text), Problem("formats", _TAKEN))})


def not_a_file() -> InvalidError:
    """Return the error for a text that was sent instead of a file, with the text of Django REST Framework."""
    return invalid(FIELD, "invalid", "The submitted data was not a file. Check the encoding type on the form.")


def adding(url: str) -> Edit:
    """Return the edit of a record that appends an image."""

    def edit(record: Any) -> Draft:
        most = fields_of(type(record))["list_of_images"].limits["maxItems"]
        try:
            return Draft({"list_of_images": tuple(read_list((*record.list_of_images, url), most))})
        except RefusedError as error:
            return Draft({}, {"list_of_images": error.problems})

    return edit
