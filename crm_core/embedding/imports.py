"""The calls of imports: files that become records, and how far they are."""

import asyncio
import time
from typing import BinaryIO, Final
from uuid import UUID

import attrs

from crm_core.embedding.calls import CallGroup, R_co, call, needed
from crm_core.embedding.files import written
from crm_core.embedding.listings import PAGE_SIZE, ListQuery, listing
from crm_core.embedding.records import page_parameters
from crm_core.engine.decisions import id_of
from crm_core.errors import invalid
from crm_core.imports.runs import ACTIVE_STATES
from crm_core.imports.status import ImportStatus
from crm_core.input.numbers import exact_number
from crm_core.model.list_pages import ListPage
from crm_core.use_cases import import_requests
from crm_core.use_cases.import_requests import Imports

#: Seconds between two looks at an import.
_POLL: Final = 0.5


@attrs.define(slots=False, eq=False)
class ImportCalls(CallGroup[R_co]):
    """The calls of the imports that the user has begun (``import_file`` of a resource begins one)."""

    @listing
    def list(self, /, *, limit: int | None = None, page_size: int = PAGE_SIZE) -> ListQuery[ImportStatus]:
        """Return the imports, newest first; they are read page by page.

        Args:
            limit: the most imports in all.
            page_size: the imports that are read at once, from 1 to 1,000.
        """

        async def read(cursor: str, size: int) -> ListPage[ImportStatus]:
            runs, params = self._imports.stores.runs, page_parameters(cursor, size)
            page = await import_requests.find(runs, self.context.caller(), params, strict=True)
            return ListPage(tuple(page.imports), page.next or "")

        return ListQuery(read=read, page_size=page_size, limit=limit)

    @call
    async def get(self, id_: UUID | str, /) -> ImportStatus:
        """Return how far an import is, and what it has come to.

        Args:
            id_: the id of the import.
        """
        return await self._status(id_)

    @call
    async def wait(self, id_: UUID | str, /, *, timeout: float | None = None) -> ImportStatus:  # noqa: ASYNC109  # it is the client's
        """Wait for the end of an import, and return it; an ``ImportRunner`` carries it out.

        Args:
            id_: the id of the import.
            timeout: seconds after which to raise TimeoutError; None to wait as long as it takes.
        """
        deadline = None if timeout is None else time.monotonic() + _seconds(timeout)
        while (status := await self._status(id_)).state in ACTIVE_STATES:
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(f"The import {status.id} goes on: it is {status.state}.")
            await asyncio.sleep(_POLL)
        return status

    @call
    async def errors(self, id_: UUID | str, to: BinaryIO, /) -> None:
        """Write the rows that are refused as a CSV file, which can be corrected and imported.

        Args:
            id_: the id of the import.
            to: a file that is open for writing bytes.
        """
        runs, file = self._imports.stores.runs, written(to)
        async for piece in await import_requests.refused_file(runs, self.context.caller(), id_of(id_)):
            file.write(piece)

    @call
    async def cancel(self, id_: UUID | str, /) -> None:
        """Cancel an import; what it has written stays. Raises ImportFinishedError.

        Args:
            id_: the id of the import.
        """
        await import_requests.cancel(self._imports.stores.runs, self.context.caller(), id_of(id_))

    @call
    async def undo(self, id_: UUID | str, /, *, dry_run: bool = False, even_edited: bool = False) -> ImportStatus:
        """Begin to undo an import, and return the undo, which is an import of its own. Raises UndoRefusedError.

        Args:
            id_: the id of the import.
            dry_run: only count what would become of each of its changes.
            even_edited: delete what it created also where it was edited since, unless other records refer to it.
        """
        sent = {"dry_run": dry_run, "even_edited": even_edited}
        return await import_requests.undo(self._imports, self.context.caller(), id_of(id_), sent, strict=True)

    @property
    def _imports(self) -> Imports:
        return needed(self.context.imports, "imports")

    async def _status(self, id_: UUID | str) -> ImportStatus:
        return await import_requests.status(self._imports.stores.runs, self.context.caller(), id_of(id_))


def _seconds(timeout: object) -> float:
    number = exact_number(timeout)
    if number is None:
        raise invalid("timeout", "invalid", "A valid number is required.")
    return float(number)
