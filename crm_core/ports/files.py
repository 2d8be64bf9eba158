"""Files, and their formats."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol, TypeAlias

from crm_core.model.calendars import CalendarItem
from crm_core.model.files import OpenFile, StoredFile
from crm_core.rules.images import ImageHeader
from crm_core.tables.columns import Column


class FileStore(Protocol):
    """Keeps files by their keys (``crm_core.model.files``), written once, completely or not at all, and never changed.

    Methods may raise UnavailableError, and no other error of the store's own.
    """

    def url(self, key: str) -> str:
        """Return the URL of a file, which is valid as long as the file is kept."""
        ...

    def key(self, url: str) -> str | None:
        """Return the key of the file with this URL; None for a URL of another store."""

    async def put(self, key: str, content: AsyncIterator[bytes], *, name: str) -> None:
        """Keep a file.

        Errors of ``content`` pass through. After an error or a cancellation nothing is kept.

        Args:
            key: a key that was never used.
            content: the bytes in pieces; they are read as fast as they can be stored.
            name: a name for people, which a store may offer to those who download the file.
        """

    async def open(self, key: str) -> OpenFile | str | None:
        """Return the file, or a URL that works for anybody for some minutes; None if it is known not to exist."""

    async def fetch(self, key: str) -> OpenFile | None:
        """Return the file itself, wherever it is kept; None if it does not exist."""

    async def delete(self, key: str) -> None:
        """Delete a file, if it exists."""

    def stored(self, prefix: str = "") -> AsyncIterator[StoredFile]:
        """Yield the files in the folder ``prefix``, which ends with a slash, or all files; in no order.

        Remains of interrupted writes are included, under keys that are longer than those of files.
        """
        ...


class WorkbookWriter(Protocol):
    """Writes workbooks, in XLSX."""

    def write(self, columns: Sequence[Column], pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield a workbook; the first piece comes when all records are in it.

        Raises InvalidError for what a workbook cannot hold, and the errors of ``pieces``, before the first piece.

        Args:
            columns: its columns.
            pieces: the records as JSON documents, joined by line feeds (``crm_core.use_cases.exports.Export``).
        """
        ...


class CalendarWriter(Protocol):
    """Writes calendars, in the form of iCalendar (RFC 5545)."""

    async def write(self, items: Sequence[CalendarItem], *, as_todo: bool) -> bytes:
        """Return a calendar of events of whole days, or of things to do. The same items give the same bytes."""
        ...


#: Returns the kind of an image by its first bytes; None if it is not an image of an accepted kind.
ReadHeader: TypeAlias = Callable[[bytes], ImageHeader | None]
