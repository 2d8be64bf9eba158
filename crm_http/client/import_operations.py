"""Imports: files that become records, and how far they are."""

import time
from collections.abc import Callable
from typing import BinaryIO, Final
from uuid import UUID

import attrs
import httpx

from crm_core.embedding.listings import PAGE_SIZE
from crm_core.imports.runs import ACTIVE_STATES
from crm_core.imports.status import ImportStatus
from crm_http.client.import_files import read_status
from crm_http.client.listings import ListQuery, listing
from crm_http.client.operations import D_co, Operation, OperationGroup, operation
from crm_http.client.request_parts import below, body_of

_PATH: Final = "/api/imports"
#: Seconds between two looks at an import.
_POLL: Final = 0.5


@attrs.define(slots=False, eq=False)
class ImportOperations(OperationGroup[D_co]):
    """The operations of the imports that the user has begun (``import_file`` of a resource begins one)."""

    @listing
    def list(self, /, *, limit: int | None = None, page_size: int = PAGE_SIZE) -> ListQuery[ImportStatus]:
        """Return the imports, newest first; they are requested page by page while they are read.

        Args:
            limit: the most imports in all.
            page_size: the imports that are requested at once, from 1 to 1,000.
        """
        return ListQuery(path=f"{_PATH}/", item=ImportStatus, limit=limit, page_size=page_size, filters={})

    @operation
    def get(self, id_: UUID | str, /) -> Operation[ImportStatus]:
        """Return how far an import is, and what it has come to.

        Args:
            id_: the id of the import.
        """
        return Operation(method="GET", path=below(_PATH, id_), read=read_status)

    @operation
    def wait(self, id_: UUID | str, /, *, timeout: float | None = None) -> Operation[ImportStatus]:
        """Wait for the end of an import, and return it.

        Args:
            id_: the id of the import.
            timeout: seconds after which to raise TimeoutError; None to wait as long as it takes.
        """
        return Operation(method="GET", path=below(_PATH, id_), read=read_status, again=_until_ended(timeout))

    @operation
    def errors(self, id_: UUID | str, to: BinaryIO, /) -> Operation[None]:
        """Write the rows that are refused as a CSV file, which can be corrected and imported.

        Args:
            id_: the id of the import.
            to: a file that is open for writing bytes.
        """
        return Operation(
            method="GET",
            path=below(_PATH, id_, "errors"),
            read=lambda _: None,
            repeat="none",  # a part may have been written
            save=to.write,
        )

    @operation
    def cancel(self, id_: UUID | str, /) -> Operation[None]:
        """Cancel an import; what it has written stays. Raises ImportFinishedError.

        Args:
            id_: the id of the import.
        """
        return Operation(method="DELETE", path=below(_PATH, id_), read=lambda _: None)

    @operation
    def undo(self, id_: UUID | str, /, *, dry_run: bool = False, even_edited: bool = False) -> Operation[ImportStatus]:
        """Begin to undo an import, and return the undo, which is an import of its own. Raises UndoRefusedError.

        Args:
            id_: the id of the import.
            dry_run: only count what would become of each of its changes.
            even_edited: delete what it created also where it was edited since, unless other records refer to it.
        """
        sent = body_of({"dry_run": dry_run, "even_edited": even_edited})
        return Operation(method="POST", path=below(_PATH, id_, "undo"), read=read_status, options=sent)


def _until_ended(timeout: float | None) -> Callable[[httpx.Response], float | None]:
    deadline = None if timeout is None else time.monotonic() + timeout

    def again(response: httpx.Response) -> float | None:
        status = read_status(response)
        if status.state not in ACTIVE_STATES:
            return None
        if deadline is not None and time.monotonic() >= deadline:
            raise TimeoutError(f"The import {status.id} goes on: it is {status.state}.")
        return _POLL

    return again
