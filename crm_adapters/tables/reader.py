"""Reads foreign tables by a child process for each (``crm_core.ports.TableReader``)."""

import asyncio
import hashlib
import json
import signal
import stat
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from subprocess import DEVNULL
from typing import Any, BinaryIO, Final

from crm_adapters.disk import temporary_file, write
from crm_adapters.tables.child_limits import MAX_CPU_SECONDS, MAX_MEMORY
from crm_adapters.tables.children import running
from crm_adapters.tables.frames import LENGTH_BYTES, read_frame, row_of
from crm_core.errors import UnreadableTableError
from crm_core.tables.rows import Header, Row, TableOptions

_CHILD: Final = "crm_adapters.tables.reading_child"
#: Bytes that are read at once to tell a file from others.
_PIECE: Final = 1 << 20
_TOO_MUCH_TIME: Final = f"To read the file takes more than {MAX_CPU_SECONDS} seconds of processor time."
_TOO_MUCH_MEMORY: Final = f"To read the file takes more than {MAX_MEMORY >> 20} MB of memory."
_OF_SIGNAL: Final = {signal.SIGXCPU: _TOO_MUCH_TIME, signal.SIGKILL: _TOO_MUCH_MEMORY, signal.SIGABRT: _TOO_MUCH_MEMORY}


class OpenedTable:
    """A table that is being read (``crm_core.ports.OpenTable``).

    Attributes:
        header: what the file says before its rows.
        notes: sentences about the whole file; complete after the last row.
    """

    def __init__(self, child: Process, header: Header) -> None:
        self.header = header
        self.notes: Sequence[str] = ()
        self._child = child

    async def __aiter__(self) -> AsyncIterator[Sequence[Row]]:
        while "rows" in (frame := await _next_frame(self._child)):
            yield [row_of(*row) for row in frame["rows"]]
        self.notes = frame["notes"]


class ChildTableReader:
    """Reads every file in a child process with limits of memory and time."""

    @asynccontextmanager
    async def open(self, path: str, options: TableOptions) -> AsyncIterator[OpenedTable]:
        """Open a table, whose rows are read while they are asked for. Raises UnreadableTableError."""
        # What a parser says on stderr may quote values.
        with _opened(Path(path)) as content:
            async with running(_CHILD, _written(options), stdin=content, stdout=PIPE, stderr=DEVNULL) as child:
                yield OpenedTable(child, Header(**(await _next_frame(child))["header"]))

    async def digest(self, path: str) -> bytes:
        """Return the SHA-256 of a file. Raises UnreadableTableError."""
        return await asyncio.to_thread(_digest, Path(path))

    async def content(self, path: str) -> AsyncIterator[bytes]:
        """Yield the bytes of a file. Raises UnreadableTableError."""
        with _opened(Path(path)) as content:
            while piece := await asyncio.to_thread(content.read, _PIECE):
                yield piece

    @asynccontextmanager
    async def written(self, content: AsyncIterator[bytes]) -> AsyncIterator[str]:
        """Write a file without a name, which is gone with the process, and yield the path that opens it."""
        with closing(await asyncio.to_thread(temporary_file)) as file:
            async for piece in content:
                await asyncio.to_thread(write, file, piece)
            yield f"/dev/fd/{file.fileno()}"


def _digest(file: Path) -> bytes:
    with _opened(file) as content:
        digest = hashlib.sha256()
        while piece := content.read(_PIECE):
            digest.update(piece)
        return digest.digest()


def _opened(file: Path) -> BinaryIO:
    try:
        mode = file.stat().st_mode
        if stat.S_ISDIR(mode):
            raise UnreadableTableError("It is a folder, not a file.")
        if not stat.S_ISREG(mode):
            raise UnreadableTableError("It is not a file on a disk.")
        if not file.stat().st_size:
            raise UnreadableTableError("The file is empty.")
        return file.open("rb", buffering=0)
    except OSError as error:
        raise UnreadableTableError(f"The file cannot be opened: {error.strerror}.") from None


def _written(options: TableOptions) -> str:
    members = {name: getattr(options, name) for name in ("format", "encoding", "delimiter", "sheet")}
    return json.dumps({**members, "known_headers": sorted(options.known_headers)})


async def _next_frame(child: Process) -> Mapping[str, Any]:
    """Return what the child says next. Raises UnreadableTableError for a problem, or if the child has died."""
    assert child.stdout is not None  # noqa: S101  # it has a pipe
    try:
        length = int.from_bytes(await child.stdout.readexactly(LENGTH_BYTES))
        frame = read_frame(await child.stdout.readexactly(length))
    except asyncio.IncompleteReadError:
        raise _death(await child.wait()) from None
    if problem := frame.get("problem"):
        raise UnreadableTableError(problem["message"], row=problem["row"], column=problem["column"])
    return frame


def _death(code: int) -> UnreadableTableError:
    if code < 0 and (reason := _OF_SIGNAL.get(signal.Signals(-code))):
        return UnreadableTableError(reason)
    return UnreadableTableError("The file cannot be read: it is damaged, or of another format.")
