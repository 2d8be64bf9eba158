"""Runs of imports in PostgreSQL, which commits of records move (``sql/imports.sql`` has the statements)."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from crm_adapters import json_documents
from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.connection.session import Connection, Row, fetch, transaction
from crm_adapters.postgres.sql.statements import query
from crm_core.errors import RunLostError
from crm_core.imports.options import plain_options, read_options
from crm_core.imports.runs import (
    LEASE_SECONDS,
    REFUSED_ROWS_KEPT,
    Advance,
    ImportRun,
    RefusedRow,
    RowProblem,
    plain_report,
    plain_undo,
    report_of,
    undo_of,
)
from crm_core.model.plain_values import plain

_ANY_ROW: Final = -1


class PostgresImportRuns:
    """Runs of imports (``crm_core.ports.ImportRuns``), in the database of ``PostgresDatabase``.

    Args:
        pool: the connections; its owner opens and closes it.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def create(self, run: ImportRun) -> ImportRun | None:
        """Keep a new run, or return the run that bars it."""
        options = run.options
        bars = run.bars_the_same
        while not await self._pool.fetch(query("create_import"), {**_params(run), "bars": bars}):
            if options.again:  # the earlier one goes on to bar others
                bars = False
            elif rows := await self._pool.fetch(query("barring_import"), {"fingerprint": run.fingerprint}):
                return _run_of(rows[0])
        if run.undo and not options.dry_run:
            await self._pool.fetch(query("unbar_import"), {"id": run.undo.run})
        await self._pool.fetch(query("forget_old_refused_rows"), {"before": run.created_at - REFUSED_ROWS_KEPT})
        return None

    async def get(self, id_: UUID) -> ImportRun | None:
        """Return a run."""
        rows = await self._pool.fetch_again(query("import_run"), {"id": id_})
        return _run_of(rows[0]) if rows else None

    async def latest(self, limit: int) -> Sequence[ImportRun]:
        """Return the latest runs, the newest first."""
        return [_run_of(row) for row in await self._pool.fetch_again(query("latest_imports"), {"limit": limit})]

    async def claim(self, id_: UUID, claim: UUID, seconds: float) -> ImportRun | None:
        """Claim an active run, unless another claim holds it."""
        rows = await self._pool.fetch(query("claim_import"), {"id": id_, "claim": claim, "seconds": seconds})
        return _run_of(rows[0]) if rows else None

    async def release(self, id_: UUID, claim: UUID) -> None:
        """Give up a claim."""
        await self._pool.fetch(query("release_import"), {"id": id_, "claim": claim})

    async def save(
        self, run: ImportRun, claim: UUID, refused: Sequence[RefusedRow] = (), *, restarts: bool = False
    ) -> None:
        """Keep a run as it is now, and more refused rows. Raises RunLostError."""
        async with self._pool.connect() as connection, transaction(connection):
            await _keep(connection, run, claim, refused, _ANY_ROW, restarts=restarts)

    async def cancel(self, id_: UUID) -> bool:
        """Cancel a run; return whether it was active."""
        return bool(await self._pool.fetch(query("cancel_import"), {"id": id_}))

    async def refused_rows(self, id_: UUID, after: int, limit: int) -> Sequence[RefusedRow]:
        """Return refused rows of a run after a row, in their order."""
        params = {"id": id_, "after": after, "limit": limit}
        return [_refused_of(row) for row in await self._pool.fetch_again(query("refused_rows"), params)]


async def make_step(connection: Connection, step: Advance) -> None:
    """Make the step of an import inside the transaction of a commit. Raises RunLostError."""
    await _keep(connection, step.run, step.claim, step.refused, step.after)


async def _keep(
    connection: Connection,
    run: ImportRun,
    claim: UUID,
    refused: Sequence[RefusedRow],
    after: int,
    *,
    restarts: bool = False,
) -> None:
    params = {**_params(run), "bars": run.bars_the_same, "claim": claim, "seconds": LEASE_SECONDS, "after": after}
    if not await fetch(connection, query("save_import"), params):
        raise RunLostError
    if restarts:
        await fetch(connection, query("forget_refused_rows"), {"id": run.id})
    if refused:
        await fetch(connection, query("keep_refused_rows"), {"id": run.id, **_refused_params(refused)})


def _params(run: ImportRun) -> dict[str, object]:
    return {
        "id": run.id,
        "resource": run.resource,
        "file": run.file,
        "options": _json(plain_options(run.options)),
        "digest": run.digest,
        "fingerprint": run.fingerprint,
        "state": run.state,
        "row": run.row,
        "header": _json(run.header),
        "report": _json(plain_report(run.report)),
        "created_at": run.created_at,
        "undo": _json(plain_undo(run.undo)) if run.undo else None,
    }


def _refused_params(refused: Sequence[RefusedRow]) -> dict[str, object]:
    return {
        "rows": [each.row for each in refused],
        "problems": [_json(plain(each.problems)) for each in refused],
        "cells": [_json(each.cells) for each in refused],
    }


def _json(value: object) -> str:
    return json_documents.encode(value).decode()


def _decoded(body: bytes | str) -> Any:
    return msgspec.json.decode(body)


def _run_of(row: Row) -> ImportRun:
    id_, resource, file, options, digest, fingerprint, state, at, header, report, created_at, undo = row
    return ImportRun(
        id=id_,
        resource=resource,
        file=file,
        options=read_options(_decoded(options)),
        digest=digest,
        fingerprint=fingerprint,
        created_at=created_at,
        state=state,
        row=at,
        header=tuple(_decoded(header)),
        report=report_of(_decoded(report)),
        undo=undo_of(_decoded(undo)) if undo else None,
    )


def _refused_of(row: Row) -> RefusedRow:
    number, problems, cells = row
    return RefusedRow(number, tuple(RowProblem(**each) for each in _decoded(problems)), tuple(_decoded(cells)))
