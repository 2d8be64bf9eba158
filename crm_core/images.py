"""Images: the URLs that name them, the keys under which they are kept, and what a file must show to be one."""

import datetime as dt
import re
import unicodedata
from collections.abc import AsyncIterator, Callable
from typing import Any, Final
from urllib.parse import quote, unquote
from uuid import UUID

import attrs

from crm_core.drafts import Draft
from crm_core.errors import InvalidError, invalid
from crm_core.fields import fields_of
from crm_core.readers import RefusedError, read_list, refuse

#: Paths under which the app itself serves files; ``list_of_images`` may name them without a host.
OWN_FILES: Final = "/files/"
_URL = re.compile(r"https?://[^\s/?#\\@]+(?:[/?#][^\s\\]*)?", re.IGNORECASE)

#: The field of a form that a file comes in.
FIELD: Final = "file"

#: The most bytes of an image, unless somebody says otherwise.
LARGEST_IMAGE: Final = 10 * 2**20
#: The most pixels: what a picture takes when it is shown has nothing to do with the bytes of its file.
MOST_PIXELS: Final = 50_000_000

#: The media types of images, by the extension that their keys have.
MEDIA_TYPES: Final = {"jpg": "image/jpeg", "png": "image/png", "gif": "image/gif", "webp": "image/webp"}

_UUID: Final = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
#: The key of an image: the resource's path, the record's id, and a name that nobody can guess.
KEY: Final = re.compile(rf"([a-z-]{{1,40}})/({_UUID})/{_UUID}\.({'|'.join(MEDIA_TYPES)})")

#: What comes at the end of a whole image. WebP has no such mark; it says its size at the beginning.
_END_MARKS: Final = {"jpg": b"\xff\xd9", "png": b"IEND\xaeB`\x82", "gif": b"\0;", "webp": b"WEBP"}
_LONGEST_MARK: Final = max(map(len, _END_MARKS.values()))
_LONGEST_NAME: Final = 100


def is_web_url(value: str) -> bool:
    """Whether a text is an absolute http or https URL."""
    return bool(_URL.fullmatch(value))


def read_url(value: str) -> str:
    """An image's URL: http(s), or one of the app's own files."""
    if is_web_url(value) or (value.startswith(OWN_FILES) and not re.search(r"\s|\\|\.\.", unquote(value))):
        return value
    raise refuse("invalid", "Enter a valid URL.")


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


@attrs.frozen
class StoredFile:
    """A file that a store has.

    Attributes:
        key: what it is kept under.
        modified: when it was written, UTC.
    """

    key: str
    modified: dt.datetime


@attrs.frozen
class OpenFile:
    """A file that can be read.

    Attributes:
        size: its bytes.
        read: gives the bytes from the first position to before the second, in pieces of bounded size.
    """

    size: int
    read: Callable[[int, int], AsyncIterator[bytes]]


def check_header(header: ImageHeader | None) -> ImageHeader:
    """A header of an image that may be kept; raises InvalidError."""
    if header is None or not header.width or not header.height:
        raise not_an_image()
    if header.width * header.height > MOST_PIXELS:
        raise invalid(FIELD, "max_pixels", f"Ensure this image has no more than {MOST_PIXELS:,} pixels.")
    return header


def not_an_image() -> InvalidError:
    """The refusal of a file that is no image, or not a whole one."""
    return invalid(
        FIELD,
        "invalid_image",
        "Upload a valid image. The file you uploaded was either not an image or a corrupted image.",
    )


@attrs.define
class Whole:
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


def new_key(path: str, id_: UUID, name: UUID, extension: str) -> str:
    """The key of a new image of a record; nothing in it comes from the client."""
    return f"{path}/{id_}/{name}.{extension}"


def key_in(url: str, *starts: str) -> str | None:
    """The key in a URL that begins like one of these; None for any other."""
    return next((url.removeprefix(start) for start in starts if url.startswith(start)), None)


def media_type(key: str) -> str:
    """The media type of the image under a key."""
    return MEDIA_TYPES[key.rpartition(".")[2]]


def clean_name(name: str, extension: str) -> str:
    """A client's name for a file, fit to be shown: no folders, nothing invisible, and the extension that is true."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    shown = "".join(c for c in last if c.isprintable() and c not in '";%')
    stem = shown.rpartition(".")[0] or shown
    return f"{stem.strip(' .')[:_LONGEST_NAME] or 'image'}.{extension}"


def disposition(name: str) -> str:
    """The Content-Disposition of an image (RFC 6266), for people who save it."""
    return f"inline; filename*=UTF-8''{quote(name, safe='')}"


def adding(url: str) -> Callable[[Any], Draft]:
    """The edit of a record that appends an image."""

    def edit(record: Any) -> Draft:
        most = fields_of(type(record))["list_of_images"].limits["maxItems"]
        try:
            return Draft({"list_of_images": tuple(read_list((*record.list_of_images, url), most))})
        except RefusedError as error:
            return Draft({}, {"list_of_images": error.problems})

    return edit
