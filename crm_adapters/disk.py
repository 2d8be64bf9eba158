"""Files of this machine, written in threads while their content arrives."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from io import FileIO
from typing import Final

from crm_adapters.threads import Threads
from crm_core.errors import UnavailableError

#: Bytes that are written or read at once.
BLOCK: Final = 2**18


@contextmanager
def translated() -> Iterator[None]:
    """Raise the core's error for the system's: a full disk, a directory that is another's."""
    try:
        yield
    except OSError as error:
        raise UnavailableError from error


async def write_all(threads: Threads, file: FileIO, content: AsyncIterator[bytes]) -> None:
    """Write what arrives to a file without a buffer, whose closing then cannot fail for want of room.

    What ``content`` raises passes through.
    """
    async for piece in content:
        for start in range(0, len(piece), BLOCK):
            await threads.finish(_write, file, piece[start : start + BLOCK])


@translated()
def _write(file: FileIO, block: bytes) -> None:
    while block:  # a disk that is nearly full takes a part
        block = block[file.write(block) :]
