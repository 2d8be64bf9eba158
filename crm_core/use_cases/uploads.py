"""Images of records: taking one in, showing it, and letting go of those whose record is gone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Final
from uuid import UUID, uuid4

import attrs

from crm_core.engine.decisions import key_of
from crm_core.engine.receipts import Document
from crm_core.errors import CrmError, TooLargeError, invalid
from crm_core.model import files
from crm_core.model.accounts import Caller, require
from crm_core.ports import Database, FileStore, ReadHeader
from crm_core.resources import Resource
from crm_core.rules import images as rules
from crm_core.rules.images import ImageHeader
from crm_core.use_cases import records

#: How much of a file may be held to find its size in pixels: enough for nearly all, and then for those with long
#: descriptions in front of it.
_HEAD_BYTES: Final = (2**16, 2**20)


@attrs.frozen(kw_only=True)
class Images:
    """Where images are, and what is taken for one.

    Attributes:
        files: where they are kept.
        read_header: tells what they are.
        largest: the most bytes that one may have.
        is_private: they are shown to those only who may view the record.
    """

    files: FileStore
    read_header: ReadHeader
    largest: int = rules.MAX_IMAGE_BYTES
    is_private: bool = False


@attrs.frozen
class Upload:
    """A file on its way.

    Attributes:
        name: what the client calls it.
        content: its bytes, in pieces, as they arrive.
    """

    name: str
    content: AsyncIterator[bytes]


async def add_image(
    db: Database, images: Images, who: Caller, resource: Resource, id_: UUID, receive: Callable[[], Awaitable[Upload]]
) -> tuple[str, Document]:
    """Keep an image and append its URL to the record; gives the URL, and the record as it is then.

    The image is stored before the record names it, so that no record ever names what is not there.

    Args:
        db: where records are.
        images: where images go.
        who: the caller.
        resource: the record's resource.
        id_: the record's id.
        receive: gives the file; called once it is known that the record is there and may be changed.

    Raises PermissionDeniedError, NotFoundError, InvalidError, TooLargeError, UnavailableError, and what the content
    raises.
    """
    require(who.actor, resource.permission("change"))
    await records.look_up(db, resource, id_)
    upload = await receive()
    header, head = await _read_head(upload.content, images.read_header)
    # Not one of the ascending ids, from which others could be guessed: images are as public as their names.
    key = files.new_key(resource.path, id_, uuid4(), header.extension)
    content = _checked(head, upload.content, header, images.largest)
    await images.files.put(key, content, name=files.clean_name(upload.name, header.extension))
    url = images.files.url(key)
    try:
        return url, await records.apply(db, who, resource, id_, rules.adding(url))
    except BaseException:
        await asyncio.shield(_withdraw(db, images.files, resource, id_, key))
        raise


async def delete_images(files: FileStore, resource: Resource, id_: UUID) -> None:
    """Delete what is kept for a record that is gone. What cannot be deleted now is left for the sweep."""
    with suppress(CrmError):
        async for file in files.stored(f"{resource.path}/{id_}/"):
            await files.delete(file.key)


async def _read_head(content: AsyncIterator[bytes], read_header: ReadHeader) -> tuple[ImageHeader, bytes]:
    """Read as little as it takes to know what comes; gives that, and the bytes that were read."""
    head, is_over = bytearray(), False
    header = None
    for enough in _HEAD_BYTES:
        while len(head) < enough and not is_over:
            piece = await anext(content, None)
            is_over = piece is None
            head += piece or b""
        if not head:
            raise invalid(rules.FIELD, "empty", "The submitted file is empty.")
        header = read_header(bytes(head))
        if header is None or header.width:
            break
    return rules.check_header(header), bytes(head)


async def _checked(head: bytes, rest: AsyncIterator[bytes], header: ImageHeader, largest: int) -> AsyncIterator[bytes]:
    """The whole content; at its end raises InvalidError if it was cut off, and TooLargeError as soon as it is."""
    whole = rules.TruncationCheck(header)
    piece: bytes | None = head
    while piece is not None:
        whole.see(piece)
        if whole.size > largest:
            raise TooLargeError(largest)
        yield piece
        piece = await anext(rest, None)
    whole.check()


async def _withdraw(db: Database, files: FileStore, resource: Resource, id_: UUID, key: str) -> None:
    """Delete an image that could not be appended; unless it was, as may be where the answer to a commit is lost."""
    with suppress(CrmError):
        document = await db.get(key_of(resource, id_))
        if document is None or key.encode() not in document.body:
            await files.delete(key)
