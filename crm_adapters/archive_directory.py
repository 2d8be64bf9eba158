"""Archives in directories of this machine (``crm_core.ports.ArchiveDirectory``)."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

from crm_adapters.disk import BLOCK
from crm_core.errors import ArchiveError

__all__ = ["LocalArchive", "new_archive"]

#: The suffix of the directory's name until it is complete.
_PARTIAL: Final = ".part"


class LocalArchive:
    """An archive in a directory.

    Args:
        root: the directory.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    async def write(self, name: str, content: AsyncIterator[bytes]) -> None:
        """Write a new file; it is on the disk when this returns."""
        path = self._root / name
        with _errors(path, "written"):
            await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
            with path.open("xb", buffering=0) as file:
                async for piece in content:
                    await asyncio.to_thread(_write, file.fileno(), piece)
                await asyncio.to_thread(os.fsync, file.fileno())

    async def read(self, name: str) -> AsyncIterator[bytes]:
        """Yield the bytes of a file."""
        path = self._root / name
        with _errors(path, "read"), path.open("rb", buffering=0) as file:
            while piece := await asyncio.to_thread(file.read, BLOCK):
                yield piece


@asynccontextmanager
async def new_archive(root: Path) -> AsyncIterator[LocalArchive]:
    """Yield an archive that is to be written; it is there when the block ends, whole or not at all.

    It is written beside its place, in a directory of its own, which takes its name at the end. What a killed process
    has left there is removed by the next one. Raises ArchiveError, also if ``root`` is there and not empty.
    """
    part = await asyncio.to_thread(_begin, root)
    try:
        yield LocalArchive(part)
        with _errors(root, "written"):
            await asyncio.to_thread(part.replace, root)
    finally:
        await asyncio.to_thread(shutil.rmtree, part, ignore_errors=True)


def _begin(root: Path) -> Path:
    part = root.with_name(f".{root.name}{_PARTIAL}")
    with _errors(root, "written"):
        if root.exists() and (not root.is_dir() or any(root.iterdir())):
            raise ArchiveError(f"{root} is there already: name a new directory.")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
    return part


@contextmanager
def _errors(path: Path, done: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ArchiveError(f"{path} cannot be {done}: {error.strerror}.") from error


def _write(descriptor: int, piece: bytes) -> None:
    while piece:  # a nearly full disk accepts only a part
        piece = piece[os.write(descriptor, piece) :]
