"""Files with rows, and the runs that import them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol
from uuid import UUID

from crm_core.imports.runs import ImportRun, RefusedRow
from crm_core.tables.rows import Header, Row, TableOptions


class OpenTable(Protocol):
    """A foreign table that is being read, in the order of its rows, once."""

    @property
    def header(self) -> Header:
        """Return what the file says before its rows."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """Return sentences about the whole file, such as that hidden rows were read; complete after the last row."""
        ...

    def __aiter__(self) -> AsyncIterator[Sequence[Row]]:
        """Yield the rows some hundred at a time, without blank ones. Raises UnreadableTableError."""
        ...


class TableReader(Protocol):
    """Reads files of tables that others made. They may be damaged, or made to do harm."""

    def open(self, path: str, options: TableOptions) -> AbstractAsyncContextManager[OpenTable]:
        """Open a table. Raises UnreadableTableError for what cannot be read, also while its rows are read."""
        ...

    async def digest(self, path: str) -> bytes:
        """Return the SHA-256 of a file. Raises UnreadableTableError."""
        ...

    def content(self, path: str) -> AsyncIterator[bytes]:
        """Yield the bytes of a file in pieces of bounded size. Raises UnreadableTableError."""
        ...

    def written(self, content: AsyncIterator[bytes]) -> AbstractAsyncContextManager[str]:
        """Write a file that exists for as long as the block, and return its path; errors of ``content`` pass through.

        It is gone after a crash, too. Raises UnavailableError if there is no room.
        """
        ...


class ImportRuns(Protocol):
    """Keeps the runs of imports, beside the records of a Database, which moves them (``Changes.advance``).

    A commit with an ``advance`` also keeps its run and its refused rows, and renews the claim. It raises RunLostError
    and writes nothing unless the run is active, claimed by that claim, and at the row ``after``. The clock of claims is
    that of the store. Methods may raise UnavailableError.

    A file that is stored with a run is deleted with its end. An erasure (``Changes.erased_texts``) also forgets the
    refused rows, and the examples in reports, that have one of the texts, in any case of letters.
    """

    async def create(self, run: ImportRun, content: AsyncIterator[bytes] | None = None) -> ImportRun | None:
        """Keep a new run; or return the run that bars it (``ImportRun.bars_the_same``), and keep nothing.

        A dry run is not barred, nor is a run with the option ``again``; a run that another one undoes bars none.

        Args:
            run: the run.
            content: its file, which is stored with it; None if others have it.
        """

    def content(self, id_: UUID) -> AsyncIterator[bytes]:
        """Yield the stored file of a run in pieces of bounded size; nothing if there is none."""
        ...

    async def get(self, id_: UUID) -> ImportRun | None:
        """Return a run; None if there is none."""

    async def latest(self, limit: int, *, user: int | None = None, before: UUID | None = None) -> Sequence[ImportRun]:
        """Return the latest runs, the newest first.

        Args:
            limit: the most runs.
            user: only those that this user began.
            before: only those that were begun before the run with this id.
        """
        ...

    async def claim(self, id_: UUID, claim: UUID, seconds: float) -> ImportRun | None:
        """Claim an active run for some seconds and return it; None if another claim holds it, or it is not active."""

    async def claim_next(self, claim: UUID, seconds: float) -> ImportRun | None:
        """Claim and return the oldest active run that has a stored file or is a queued undo, and is not claimed."""

    async def renew(self, id_: UUID, claim: UUID, seconds: float) -> None:
        """Let a claim last some seconds from now on, if it still holds."""

    async def release(self, id_: UUID, claim: UUID) -> None:
        """Give up a claim, if it still holds."""

    async def save(
        self, run: ImportRun, claim: UUID, refused: Sequence[RefusedRow] = (), *, restarts: bool = False
    ) -> None:
        """Keep a run as it is now, and more refused rows, and renew the claim. Raises RunLostError as a commit does.

        Args:
            run: the run.
            claim: the claim of the worker.
            refused: rows that are refused; one that is kept already is replaced.
            restarts: forget the refused rows that are kept before.
        """

    async def cancel(self, id_: UUID) -> bool:
        """Cancel a run; what it has committed stays. Return whether it was active."""
        ...

    async def refused_rows(self, id_: UUID, after: int, limit: int) -> Sequence[RefusedRow]:
        """Return refused rows of a run after a row, in their order."""
        ...

    async def forget(self, before: datetime) -> None:
        """Forget the refused rows of runs that were begun before a time; cancel those of them with a stored file."""
