"""LocalFileStore: files below a directory of this machine, which the app itself serves."""

import os
from collections.abc import AsyncIterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Final

from crm_adapters.disk import BLOCK, translated, write_all
from crm_adapters.threads import Threads
from crm_core.model.files import SITE_FILES, OpenFile, StoredFile, key_in

__all__ = ["LocalFileStore"]

_THREADS: Final = 4
_MAX_WAITING: Final = 256
#: The suffix of a file's name until it is complete.
_PARTIAL: Final = ".partial"


class LocalFileStore:
    """Files below a directory (``crm_core.ports.FileStore``).

    A file is written under another name, synced and renamed, so that it exists complete or not at all. A partial file
    of a killed process is listed by `stored`, under a key that no other file has.

    Args:
        root: the directory; created with the first file.
        files_path: the path of the files at the app, if that is not served at the root of its host.
    """

    def __init__(self, root: Path, files_path: str = SITE_FILES) -> None:
        self._files_path = files_path
        self._root = root.absolute()
        self._threads = Threads("files", count=_THREADS, waiting=_MAX_WAITING)

    def url(self, key: str) -> str:
        """Return the URL of a file, at the app itself."""
        return self._files_path + key

    def key(self, url: str) -> str | None:
        """Return the key of the file with this URL; None for other URLs."""
        return key_in(url)

    async def put(self, key: str, content: AsyncIterator[bytes], *, name: str) -> None:  # noqa: ARG002  # the file system has no place for it
        """Store a file; it is on the disk when this returns."""
        path = self._path(key)
        with ExitStack() as opened:
            try:
                file = await self._threads.finish(_begin, path, opened)
                await write_all(self._threads, file, content)
                await self._threads.finish(_complete, file, path)
            except BaseException:
                await self._threads.finish(_give_up, path)
                raise

    async def open(self, key: str) -> OpenFile | None:
        """Return a file, or None."""
        path = self._path(key)
        size = await self._threads.run(_size, path)
        return None if size is None else OpenFile(size, partial(self._read, path))

    async def fetch(self, key: str) -> OpenFile | None:
        """Return a file, or None."""
        return await self.open(key)

    async def delete(self, key: str) -> None:
        """Delete a file, if it exists."""
        await self._threads.finish(_delete, self._path(key))

    async def stored(self, prefix: str = "") -> AsyncIterator[StoredFile]:
        """Yield the files whose keys begin with ``prefix``."""
        directories = [self._root / prefix]
        while directories:
            for path, modified in await self._threads.run(_entries, directories.pop()):
                if modified is None:
                    directories.append(path)
                else:
                    yield StoredFile(path.relative_to(self._root).as_posix(), modified)

    def close(self) -> None:
        """Stop the threads."""
        self._threads.close()

    def _path(self, key: str) -> Path:
        return self._root / key

    async def _read(self, path: Path, start: int, end: int) -> AsyncIterator[bytes]:
        with ExitStack() as opened:
            file = await self._threads.finish(_open_at, path, start, opened)
            while start < end and (block := await self._threads.finish(file.read, min(BLOCK, end - start))):
                start += len(block)
                yield block


# The functions below run in threads.


@translated()
def _begin(path: Path, opened: ExitStack) -> FileIO:
    while True:
        with suppress(FileNotFoundError):  # another task deleted the directory with its last file just now
            with suppress(FileExistsError):  # also if it was deleted again in between
                path.parent.mkdir(parents=True, exist_ok=True)
            return opened.enter_context(_partial(path).open("xb", buffering=0))


@translated()
def _complete(file: FileIO, path: Path) -> None:
    os.fsync(file.fileno())
    _partial(path).rename(path)
    for directory in (path.parent, path.parent.parent):
        _sync(directory)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@translated()
def _give_up(path: Path) -> None:
    _partial(path).unlink(missing_ok=True)
    _delete(path)


@translated()
def _delete(path: Path) -> None:
    path.unlink(missing_ok=True)
    with suppress(OSError):  # it has other files, or does not exist
        path.parent.rmdir()


@translated()
def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return None


@translated()
def _open_at(path: Path, start: int, opened: ExitStack) -> FileIO:
    file = opened.enter_context(path.open("rb", buffering=0))
    file.seek(start)
    return file


@translated()
def _entries(directory: Path) -> list[tuple[Path, datetime | None]]:
    """Return the paths in a directory; files with the time of their last change, directories with None."""
    found: list[tuple[Path, datetime | None]] = []
    with suppress(FileNotFoundError), os.scandir(directory) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # deleted by now
                modified = None if entry.is_dir() else datetime.fromtimestamp(entry.stat().st_mtime, UTC)
                found.append((Path(entry.path), modified))
    return found


def _partial(path: Path) -> Path:
    return path.with_name(path.name + _PARTIAL)
