"""Stored files: the keys under which they are kept, and what a store gives of them."""

import datetime as dt
import re
import unicodedata
from collections.abc import AsyncIterator, Callable
from typing import Final
from urllib.parse import unquote
from uuid import UUID

import attrs

from crm_core.input.readers import refuse
from crm_core.input.urls import is_web_url

#: The media types of images, by the extension that their keys have.
MEDIA_TYPES: Final = {"jpg": "image/jpeg", "png": "image/png", "gif": "image/gif", "webp": "image/webp"}


_UUID: Final = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


#: The key of an image: the resource's path, the record's id, and a name that nobody can guess.
KEY: Final = re.compile(rf"([a-z-]{{1,40}})/({_UUID})/{_UUID}\.({'|'.join(MEDIA_TYPES)})")


#: How the URL of a stored file begins where its store has no address of its own. Records keep it as it is, relative to
#: the site (RFC 3986, 4.2).
SITE_FILES: Final = "/files/"


_LONGEST_NAME: Final = 100


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


def new_key(path: str, id_: UUID, name: UUID, extension: str) -> str:
    """The key of a new image of a record; nothing in it comes from the client."""
    return f"{path}/{id_}/{name}.{extension}"


def key_in(url: str, *starts: str) -> str | None:
    """The key in a URL that begins like one of these; None for any other."""
    return next((url.removeprefix(start) for start in starts if url.startswith(start)), None)


def read_image_url(value: str) -> str:
    """Return the URL of an image: http(s), or one relative to the site under ``SITE_FILES``. Raises RefusedError."""
    if is_web_url(value) or (value.startswith(SITE_FILES) and not re.search(r"\s|\\|\.\.", unquote(value))):
        return value
    raise refuse("invalid", "Enter a valid URL.")


def media_type(key: str) -> str:
    """The media type of the image under a key."""
    return MEDIA_TYPES[key.rpartition(".")[2]]


def clean_name(name: str, extension: str) -> str:
    """A client's name for a file, fit to be shown: no folders, nothing invisible, and the extension that is true."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    shown = "".join(c for c in last if c.isprintable() and c not in '";%')
    stem = shown.rpartition(".")[0] or shown
    return f"{stem.strip(' .')[:_LONGEST_NAME] or 'image'}.{extension}"
