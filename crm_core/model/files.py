"""Stored files: their keys, and the values that file stores return."""

import datetime as dt
import re
import unicodedata
from collections.abc import AsyncIterator, Callable
from typing import Final
from urllib.parse import unquote
from uuid import UUID

import attrs

from crm_core.errors import NOT_A_URL
from crm_core.input.readers import RefusedError
from crm_core.input.urls import is_web_url

#: The media types of images by the extensions of their keys.
MEDIA_TYPES: Final = {"jpg": "image/jpeg", "png": "image/png", "gif": "image/gif", "webp": "image/webp"}

#: The names of the formats, for people.
KINDS: Final = tuple(each.removeprefix("image/").upper() for each in MEDIA_TYPES.values())

_UUID: Final = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

#: The key of an image: the resource's path, the record's id, and a random UUID, so that it cannot be guessed.
KEY: Final = re.compile(rf"([a-z-]{{1,40}})/({_UUID})/{_UUID}\.({'|'.join(MEDIA_TYPES)})")

#: The prefix of the URL of a stored file if its store has no public address of its own. Records contain it as it is,
#: relative to the site (RFC 3986, 4.2).
SITE_FILES: Final = "/files/"
#: A path below which the app may be served, as a pattern: any number of segments that need no escaping.
ROOT_PATH: Final = "(?:/[A-Za-z0-9._~-]+)*"
_SITE_FILE = re.compile(rf"{ROOT_PATH}{SITE_FILES}")

_MAX_NAME_LENGTH: Final = 100


@attrs.frozen
class StoredFile:
    """A file in a store.

    Attributes:
        key: its key.
        modified: when it was written, UTC.
    """

    key: str
    modified: dt.datetime


@attrs.frozen
class UploadedImage:
    """What an upload added: the URL of the new image, and the URLs of all images of the record."""

    url: str
    list_of_images: tuple[str, ...]


@attrs.frozen
class OpenFile:
    """A file that is open for reading.

    Attributes:
        size: its size in bytes.
        read: returns the bytes from a start (inclusive) to an end (exclusive), in pieces of bounded size.
    """

    size: int
    read: Callable[[int, int], AsyncIterator[bytes]]


def new_key(path: str, id_: UUID, name: UUID, extension: str) -> str:
    """Return the key of a new image; nothing in it comes from the client.

    Args:
        path: the resource's path segment.
        id_: the record's id.
        name: a random UUID.
        extension: one of ``MEDIA_TYPES``.
    """
    return f"{path}/{id_}/{name}.{extension}"


def key_in(url: str, *starts: str) -> str | None:
    """Return the key in a URL that is relative to the site, or starts with one of ``starts``; None for any other URL.

    The path of the app may have been another one when the URL was made, so it does not matter.
    """
    if url.startswith("/"):
        return url.partition(SITE_FILES)[2] or None
    return next((url.removeprefix(start) for start in starts if url.startswith(start)), None)


def read_image_url(value: str) -> str:
    """Return the URL of an image: http(s), or one relative to the site under ``SITE_FILES``. Raises RefusedError."""
    if is_web_url(value) or (_SITE_FILE.match(value) and not re.search(r"\s|\\|\.\.", unquote(value))):
        return value
    raise RefusedError((NOT_A_URL,))


def media_type(key: str) -> str:
    """Return the media type of the image with this key."""
    return MEDIA_TYPES[key.rpartition(".")[2]]


def clean_name(name: str, extension: str) -> str:
    r"""Return a client's file name without folders and unprintable characters, with the extension of its content.

    >>> clean_name("C:\\Pictures\\cat.gif", "png")
    'cat.png'
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    printable = "".join(c for c in last if c.isprintable() and c not in '";%')
    stem = printable.rpartition(".")[0] or printable
    return f"{stem.strip(' .')[:_MAX_NAME_LENGTH] or 'image'}.{extension}"
