"""Files in memory."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial

from crm_core.model.files import SITE_FILES, OpenFile, StoredFile, key_in


class MemoryFileStore:
    """Files in memory (``crm_core.ports.FileStore``).

    Args:
        files_path: the path of the files at the app, if that is not served at the root of its host.
    """

    def __init__(self, files_path: str = SITE_FILES) -> None:
        self._files_path = files_path
        self._files: dict[str, tuple[bytes, datetime]] = {}

    def url(self, key: str) -> str:
        """Return the URL of a file, at the app itself."""
        return self._files_path + key

    def key(self, url: str) -> str | None:
        """Return the key of the file with this URL."""
        return key_in(url)

    async def put(self, key: str, content: AsyncIterator[bytes], *, name: str) -> None:  # noqa: ARG002  # not needed here
        """Store a file."""
        self._files[key] = b"".join([piece async for piece in content]), datetime.now(UTC)

    async def open(self, key: str) -> OpenFile | None:
        """Return a file, or None."""
        if key not in self._files:
            return None
        content, _ = self._files[key]
        return OpenFile(len(content), partial(_part, content))

    async def fetch(self, key: str) -> OpenFile | None:
        """Return a file, or None."""
        return await self.open(key)

    async def delete(self, key: str) -> None:
        """Delete a file, if it exists."""
        self._files.pop(key, None)

    async def stored(self, prefix: str = "") -> AsyncIterator[StoredFile]:
        """Yield the files whose keys begin with ``prefix``."""
        for key, (_, modified) in tuple(self._files.items()):
            if key.startswith(prefix):
                yield StoredFile(key, modified)


async def _part(content: bytes, start: int, end: int) -> AsyncIterator[bytes]:
    yield content[start:end]
