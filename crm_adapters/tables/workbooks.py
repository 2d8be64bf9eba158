"""Writes workbooks by a child process for each, so that no request waits for it (``crm_core.ports.WorkbookWriter``)."""

import json
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Final

import attrs

from crm_adapters.extras import require
from crm_adapters.tables.children import running
from crm_core.errors import InvalidError, Problem, UnavailableError
from crm_core.tables.columns import Column

_CHILD: Final = "crm_adapters.tables.writing_child"
#: The exit code of a child that says on stderr what a workbook cannot hold.
_REFUSED: Final = 3
_PIECE: Final = 65_536


class ChildWorkbookWriter:
    """Writes every workbook in a child process, to a temporary file of its own."""

    def __init__(self) -> None:
        require("xlsxwriter", "xlsx")

    async def write(self, columns: Sequence[Column], pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield a workbook. Raises InvalidError for what it cannot hold, and the errors of ``pieces``."""
        async with running(_CHILD, stdin=PIPE, stdout=PIPE, stderr=PIPE) as child:
            await _feed(child, columns, pieces)
            assert child.stdout is not None  # noqa: S101  # it has a pipe
            while piece := await child.stdout.read(_PIECE):
                yield piece
            await _check(child)


async def _feed(child: Process, columns: Sequence[Column], pieces: AsyncIterator[bytes]) -> None:
    """Send the columns and the records. A child that has enough closes its end; why, it says on stderr."""
    assert child.stdin is not None  # noqa: S101  # it has a pipe
    with suppress(BrokenPipeError, ConnectionResetError):
        child.stdin.write(json.dumps([attrs.astuple(column) for column in columns]).encode())
        async for piece in pieces:
            if piece:
                child.stdin.write(b"\n" + piece.removeprefix(b"\n"))
                await child.stdin.drain()
        child.stdin.close()
        await child.stdin.wait_closed()


async def _check(child: Process) -> None:
    assert child.stderr is not None  # noqa: S101  # it has a pipe
    said = await child.stderr.read()
    code = await child.wait()
    if code == _REFUSED:
        raise InvalidError({"format": (Problem("invalid", said.decode()),)})
    if code:
        raise UnavailableError("The workbook could not be written.")
