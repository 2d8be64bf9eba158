"""Writes files of this machine in threads while their content arrives."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from io import FileIO
from typing import Final

from crm_adapters.threads import Threads
from crm_core.errors import UnavailableError

#: Bytes that are written or read in one call.
BLOCK: Final = 2**18


@contextmanager
def translated() -> Iterator[None]:
    """Raise UnavailableError for errors of the operating system, such as a full disk or missing permissions."""
    try:
        yield
    except OSError as error:
        raise UnavailableError from error


async def write_all(threads: Threads, file: FileIO, content: AsyncIterator[bytes]) -> None:
    """Write content to a file as it arrives.

    The file must be unbuffered, so that closing it cannot fail on a full disk. Errors of ``content`` pass through.
    """
    async for piece in content:
        for start in range(0, len(piece), BLOCK):
            await threads.finish(write, file, piece[start : start + BLOCK])


@translated()
def temporary_file() -> FileIO:
    """Return a file without a name, which is gone when it is closed, or when the process ends."""
    file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # its user closes it
    assert isinstance(file, FileIO)  # noqa: S101  # for the types alone
    return file


@translated()
def write(file: FileIO, block: bytes) -> None:
    """Write a whole block to an unbuffered file."""
    while block:  # a nearly full disk accepts only a part
        block = block[file.write(block) :]
