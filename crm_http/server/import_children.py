"""Carries out each import in a child process, so that requests neither wait for it nor share its memory."""

import asyncio
from asyncio.subprocess import DEVNULL, PIPE, Process
from typing import Final
from uuid import UUID

import attrs

from crm_adapters.tables.children import running
from crm_core.errors import UnavailableError
from crm_core.imports.runs import ImportRun
from crm_core.ports import ImportRuns

_CHILD: Final = "crm_http.server.import_process"


@attrs.frozen
class ImportChildren:
    """Starts a process for each import.

    Attributes:
        url: the database; the child reads it from its stdin.
        runs: the runs.
    """

    url: str
    runs: ImportRuns

    async def carry_out(self, run: ImportRun, claim: UUID, stopping: asyncio.Event) -> ImportRun:
        """Carry out a run under a claim. Raises UnavailableError if the process fails, whatever that was."""
        try:
            async with running(_CHILD, str(run.id), str(claim), stdin=PIPE, stdout=DEVNULL) as child:
                await self._tell(child)
                code = await _ended(child, stopping)
        finally:
            await asyncio.shield(self.runs.release(run.id, claim))
        if code:
            raise UnavailableError(f"the process of import {run.id} ended with {code}")
        return await self.runs.get(run.id) or run

    async def _tell(self, child: Process) -> None:
        assert child.stdin is not None  # noqa: S101  # it has a pipe
        child.stdin.write(f"{self.url}\n".encode())
        child.stdin.close()


async def _ended(child: Process, stopping: asyncio.Event) -> int:
    """Return the exit code of a child, which is told to stop when the event is set."""
    ending, stopped = asyncio.create_task(child.wait()), asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({ending, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not ending.done():
            child.terminate()
        return await ending
    finally:
        for task in (ending, stopped):
            task.cancel()
