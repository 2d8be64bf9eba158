"""A FileStore of one's own: images in one SQLite file. It passes ``crm_core.testing.FileStoreContract``."""

import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from crm_core import OpenFile, StoredFile
from crm_core.model.files import SITE_FILES, key_in

_PIECE = 65_536


class SqliteFileStore:
    """Files in an SQLite file (``crm_core.ports.FileStore``), each written by one statement: whole or not at all."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute(
            "create table if not exists file (key text primary key, content blob, modified text, name text)"
        )

    def url(self, key: str) -> str:
        """The address of a file: the app serves it, from what `open` gives."""
        return SITE_FILES + key

    def key(self, url: str) -> str | None:
        """The key of the file whose address this is."""
        return key_in(url, SITE_FILES)

    async def put(self, key: str, content: AsyncIterator[bytes], *, name: str) -> None:
        """Keep a file; images are small enough to be in memory meanwhile."""
        whole = b"".join([piece async for piece in content])
        row = (key, whole, datetime.now(UTC).isoformat(), name)
        self._connection.execute("insert into file values (?, ?, ?, ?)", row)

    async def fetch(self, key: str) -> OpenFile | None:
        """The same: the files are here."""
        return await self.open(key)

    async def open(self, key: str) -> OpenFile | None:
        """A file, read piece by piece."""
        row = self._connection.execute("select rowid, length(content) from file where key = ?", (key,)).fetchone()
        if row is None:
            return None
        rowid, size = row

        async def read(start: int, end: int) -> AsyncIterator[bytes]:
            with self._connection.blobopen("file", "content", rowid, readonly=True) as blob:
                blob.seek(start)
                while piece := blob.read(min(_PIECE, end - blob.tell())):
                    yield piece

        return OpenFile(size, read)

    async def delete(self, key: str) -> None:
        """Forget a file, if it is there."""
        self._connection.execute("delete from file where key = ?", (key,))

    async def stored(self, prefix: str = "") -> AsyncIterator[StoredFile]:
        """What is kept under keys that begin with ``prefix``."""
        statement = "select key, modified from file where substr(key, 1, ?) = ?"
        for key, modified in self._connection.execute(statement, (len(prefix), prefix)).fetchall():
            yield StoredFile(key, datetime.fromisoformat(modified))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
