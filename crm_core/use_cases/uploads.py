"""Images of records: adding an uploaded image, and deleting the images of a deleted record.

An upload is streamed. ``add_image`` pulls pieces from the request, and the store pulls them through the checks::

    request body -> Upload.content -> _read_head (what image is it?) -> _kept (size, truncation) -> FileStore.put
"""

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
from crm_core.rules.image_files import ImageReader, reader_of
from crm_core.rules.images import ImageHeader
from crm_core.use_cases import records

#: Bytes that are buffered to recognize an image and, for nearly all, to find its size in pixels.
_HEAD_BYTES: Final = 2**16


@attrs.frozen(kw_only=True)
class Images:
    """Where images are stored, and which are accepted.

    Attributes:
        files: the store.
        read_header: recognizes an image by its first bytes.
        max_bytes: the most bytes of an image.
        is_private: whether only callers who may view the record get its images.
        keeps_metadata: whether images are stored with their metadata, such as the place of a photo.
        keeps_deleted: whether the images of a deleted record stay for the sweep, so that it can be restored.
    """

    files: FileStore
    read_header: ReadHeader
    max_bytes: int = rules.MAX_IMAGE_BYTES
    is_private: bool = False
    keeps_metadata: bool = False
    keeps_deleted: bool = True


@attrs.frozen
class Upload:
    """A file that is being received.

    Attributes:
        name: the name that the client gave it; None if the client did not declare it as a file.
        content: its bytes in pieces, as they arrive.
    """

    name: str | None
    content: AsyncIterator[bytes]


async def add_image(
    db: Database,
    images: Images,
    who: Caller,
    resource: Resource,
    id_: UUID,
    receive: Callable[[], Awaitable[Upload]],
) -> tuple[str, Document]:
    """Store an image and append its URL to the record; return the URL and the changed record.

    The image is stored before the record names it, so that no record names a missing file.

    Args:
        db: the database.
        images: the store and the limits.
        who: the caller.
        resource: the record's resource.
        id_: the record's id.
        receive: returns the file; called only if the record exists and the caller may change it.

    Raises:
        PermissionDeniedError: the caller may not change records of the resource.
        NotFoundError: there is no such record.
        InvalidError: the file is empty, truncated, not an image, or has too many pixels.
        TooLargeError: the file has too many bytes.
        UnavailableError: the store cannot answer.
        Exception: the errors of reading the content.
    """
    require(who.actor, resource.permission("change"))
    await records.look_up(db, resource, id_)
    file = await receive()
    header, head = await _read_head(file, images.read_header)
    # A random UUID, not an ascending one, which could be guessed: anybody who knows the key of an image can get it.
    key = files.new_key(resource.path, id_, uuid4(), header.extension)
    reader = reader_of(header.extension, keeps_metadata=images.keeps_metadata)
    content = _kept(head, file.content, reader, images.max_bytes)
    await images.files.put(key, content, name=files.clean_name(file.name or "", header.extension))
    url = images.files.url(key)
    try:
        return url, await records.apply(db, who, resource, id_, rules.adding(url))
    except BaseException:
        await asyncio.shield(_withdraw(db, images.files, resource, id_, key))
        raise


async def delete_images(files: FileStore, resource: Resource, id_: UUID) -> None:
    """Delete the images of a deleted record. A failure is ignored: the sweep finds the remaining files."""
    with suppress(CrmError):
        async for file in files.stored(f"{resource.path}/{id_}/"):
            await files.delete(file.key)


async def _read_head(file: Upload, read_header: ReadHeader) -> tuple[ImageHeader, bytes]:
    """Read only as much as is needed to recognize the image; return its header and the bytes read."""
    head = bytearray()
    while len(head) < _HEAD_BYTES and (piece := await anext(file.content, None)) is not None:
        head += piece
    header = read_header(bytes(head)) if head else None
    if header is None and file.name is None:
        raise rules.not_a_file()
    if not head:
        raise invalid(rules.FIELD, "empty", "The submitted file is empty.")
    return rules.check_header(header), bytes(head)


async def _kept(head: bytes, rest: AsyncIterator[bytes], reader: ImageReader, limit: int) -> AsyncIterator[bytes]:
    """Yield the bytes of the content that are kept.

    Raises TooLargeError as soon as the content is too large, and InvalidError as soon as it cannot be an image, or at
    its end if it is truncated.
    """
    size = 0
    piece: bytes | None = head
    while piece is not None:
        size += len(piece)
        if size > limit:
            raise TooLargeError(limit)
        if kept := reader.feed(piece):
            yield kept
        piece = await anext(rest, None)
    reader.finish()


async def _withdraw(db: Database, files: FileStore, resource: Resource, id_: UUID, key: str) -> None:
    """Delete an image unless the record names it, which is possible after a lost answer to a commit."""
    with suppress(CrmError):
        document = await db.get(key_of(resource, id_))
        if document is None or key.encode() not in document.body:
            await files.delete(key)
