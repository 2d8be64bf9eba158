"""Runs of imports in PostgreSQL, which commits of records move (``sql/imports.sql`` has the statements)."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from functools import cache
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
    Advance,
    ImportRun,
    RefusedRow,
    RowProblem,
    plain_report,
    plain_undo,
    report_of,
    undo_of,
    without_texts,
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

    async def create(self, run: ImportRun, content: AsyncIterator[bytes] | None = None) -> ImportRun | None:
        """Keep a new run, or return the run that bars it."""
        bars = run.bars_the_same
        while not await self._create(run, content, bars=bars):
            if run.options.again:  # the earlier one goes on to bar others
                bars = False
            elif rows := await self._pool.fetch(_of_runs("barring_import"), {"fingerprint": run.fingerprint}):
                return _run_of(rows[0])
        if run.undo and not run.options.dry_run:
            await self._pool.fetch(query("unbar_import"), {"id": run.undo.run})
        return None

    async def _create(self, run: ImportRun, content: AsyncIterator[bytes] | None, *, bars: bool) -> bool:
        async with self._pool.connect() as connection, transaction(connection):
            if not await fetch(connection, query("create_import"), {**_params(run), "bars": bars}):
                return False
            if content is not None:
                await _keep_file(connection, run.id, content)
            return True

    async def content(self, id_: UUID) -> AsyncIterator[bytes]:
        """Yield the stored file of a run."""
        number = 0
        while rows := await self._pool.fetch_again(query("import_file"), {"id": id_, "number": number}):
            yield rows[0][0]
            number += 1

    async def get(self, id_: UUID) -> ImportRun | None:
        """Return a run."""
        rows = await self._pool.fetch_again(_of_runs("import_run"), {"id": id_})
        return _run_of(rows[0]) if rows else None

    async def latest(self, limit: int, *, user: int | None = None, before: UUID | None = None) -> Sequence[ImportRun]:
        """Return the latest runs, the newest first."""
        params = {"limit": limit, "user": user, "before": before}
        return [_run_of(row) for row in await self._pool.fetch_again(_of_runs("latest_imports"), params)]

    async def claim(self, id_: UUID, claim: UUID, seconds: float) -> ImportRun | None:
        """Claim an active run, unless another claim holds it."""
        rows = await self._pool.fetch(_of_runs("claim_import"), {"id": id_, "claim": claim, "seconds": seconds})
        return _run_of(rows[0]) if rows else None

    async def claim_next(self, claim: UUID, seconds: float) -> ImportRun | None:
        """Claim the oldest active run that has a stored file and is not claimed."""
        rows = await self._pool.fetch(_of_runs("claim_next_import"), {"claim": claim, "seconds": seconds})
        return _run_of(rows[0]) if rows else None

    async def renew(self, id_: UUID, claim: UUID, seconds: float) -> None:
        """Let a claim last some seconds from now on."""
        await self._pool.fetch(query("renew_import"), {"id": id_, "claim": claim, "seconds": seconds})

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

    async def forget(self, before: datetime) -> None:
        """Forget the refused rows of earlier runs, and cancel those of them with a stored file."""
        await self._pool.fetch(query("forget_old_imports"), {"before": before})


async def forget_texts(connection: Connection, texts: Sequence[str]) -> None:
    """Forget refused rows and examples that have one of some texts, inside the transaction of an erasure."""
    params = {"texts": [_json(text)[1:-1] for text in texts]}
    await fetch(connection, query("forget_texts_in_refused_rows"), params)
    for row in await fetch(connection, _of_runs("imports_with_texts"), params):
        run = without_texts(_run_of(row), texts)
        rewritten = {"id": run.id, "file": run.file, "report": _json(plain_report(run.report))}
        await fetch(connection, query("rewrite_import"), rewritten)


async def make_step(connection: Connection, step: Advance | None) -> None:
    """Make the step of an import, if there is one, inside the transaction of a commit. Raises RunLostError."""
    if step is not None:
        await _keep(connection, step.run, step.claim, step.refused, step.after)


async def _keep_file(connection: Connection, id_: UUID, content: AsyncIterator[bytes]) -> None:
    number = 0
    async for piece in content:
        await fetch(connection, query("keep_import_file"), {"id": id_, "number": number, "content": piece})
        number += 1


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
    if not run.is_active:
        await fetch(connection, query("forget_import_file"), {"id": run.id})
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
        "user": run.user,
        "permissions": None if run.permissions is None else list(run.permissions),
        "state": run.state,
        "since": run.since,
        "updated_at": run.updated_at,
        "total": run.total,
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


@cache
def _of_runs(name: str) -> bytes:
    """Return a statement that returns runs."""
    return query(name).replace(b"{columns}", query("import_columns"))


def _json(value: object) -> str:
    return json_documents.encode(value).decode()


def _decoded(body: bytes | str) -> Any:
    return msgspec.json.decode(body)


def _run_of(row: Row) -> ImportRun:
    id_, resource, file, options, digest, fingerprint, created_at, user, permissions, *progress = row
    state, since, updated_at, total, at, header, report, undo = progress
    return ImportRun(
        id=id_,
        resource=resource,
        file=file,
        options=read_options(_decoded(options)),
        digest=digest,
        fingerprint=fingerprint,
        created_at=created_at,
        user=user,
        permissions=None if permissions is None else tuple(permissions),
        state=state,
        since=since,
        updated_at=updated_at,
        total=total,
        row=at,
        header=tuple(_decoded(header)),
        report=report_of(_decoded(report)),
        undo=undo_of(_decoded(undo)) if undo else None,
    )


def _refused_of(row: Row) -> RefusedRow:
    number, problems, cells = row
    return RefusedRow(number, tuple(RowProblem(**each) for each in _decoded(problems)), tuple(_decoded(cells)))
