"""Stored files: the keys under which they are kept, and what a store gives of them."""

import datetime as dt
import re
import unicodedata
from collections.abc import AsyncIterator, Callable
from typing import Final
from uuid import UUID

import attrs

#: The media types of images, by the extension that their keys have.
MEDIA_TYPES: Final = {"jpg": "image/jpeg", "png": "image/png", "gif": "image/gif", "webp": "image/webp"}


_UUID: Final = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


#: The key of an image: the resource's path, the record's id, and a name that nobody can guess.
KEY: Final = re.compile(rf"([a-z-]{{1,40}})/({_UUID})/{_UUID}\.({'|'.join(MEDIA_TYPES)})")


_MAX_NAME_LENGTH: Final = 100


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


def media_type(key: str) -> str:
    """The media type of the image under a key."""
    return MEDIA_TYPES[key.rpartition(".")[2]]


def clean_name(name: str, extension: str) -> str:
    """A client's name for a file, fit to be shown: no folders, nothing invisible, and the extension that is true."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    shown = "".join(c for c in last if c.isprintable() and c not in '";%')
    stem = shown.rpartition(".")[0] or shown
    return f"{stem.strip(' .')[:_MAX_NAME_LENGTH] or 'image'}.{extension}"
