"""SqliteImportRuns: the ImportRuns port beside the records of a SqliteDatabase, whose commits move the runs."""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import attrs

from crm_adapters import json_documents
from crm_adapters.memory.accounts import utc_now
from crm_core import Advance, ImportRun, RefusedRow, RunLostError
from crm_core.imports.options import plain_options, read_options
from crm_core.imports.runs import (
    LEASE_SECONDS,
    RowProblem,
    plain_report,
    plain_undo,
    report_of,
    undo_of,
    without_texts,
)

SCHEMA: Final = """
create table if not exists import_run (
    id text primary key, user integer, created_at real, fingerprint blob, bars integer, is_active integer, claim text,
    claimed_until real, run text
);
create unique index if not exists import_run_bars on import_run (fingerprint) where bars;
create table if not exists import_refused_row (run text, number integer, body text, primary key (run, number));
create table if not exists import_file (run text, number integer, content blob, primary key (run, number));
"""
_FREE: Final = "is_active and (claimed_until is null or claimed_until <= ?)"


class SqliteImportRuns:
    """The runs of imports (``crm_core.ports.ImportRuns``).

    Args:
        run: runs a function in a transaction of a kind.
        rows: runs a statement inside.
    """

    def __init__(self, run: Callable[..., Any], rows: Callable[..., list[Any]]) -> None:
        self._run = run
        self._rows = rows

    async def create(self, run: ImportRun, content: AsyncIterator[bytes] | None = None) -> ImportRun | None:
        """Keep a new run, or return the run that bars it."""
        pieces = [] if content is None else [piece async for piece in content]
        barring: ImportRun | None = await self._run("immediate", self._create, run, pieces)
        return barring

    async def content(self, id_: UUID) -> AsyncIterator[bytes]:
        """The stored file of a run."""
        number, statement = 0, "select content from import_file where run = ? and number = ?"
        while rows := await self._run("deferred", self._rows, statement, str(id_), number):
            yield rows[0][0]
            number += 1

    async def get(self, id_: UUID) -> ImportRun | None:
        """A run."""
        return await self._first("deferred", self._select, "id = ?", str(id_))

    async def latest(self, limit: int, *, user: int | None = None, before: UUID | None = None) -> Sequence[ImportRun]:
        """The latest runs, the newest first."""
        where = "(?1 is null or user = ?1) and (?2 is null or id < ?2) order by id desc limit ?3"
        found: Sequence[ImportRun] = await self._run(
            "deferred", self._select, where, user, before and str(before), limit
        )
        return found

    async def claim(self, id_: UUID, claim: UUID, seconds: float) -> ImportRun | None:
        """Claim an active run, unless another claim holds it."""
        return await self._first("immediate", self._claim, claim, seconds, "id = ?", str(id_))

    async def claim_next(self, claim: UUID, seconds: float) -> ImportRun | None:
        """Claim the oldest active run that has a stored file or is a queued undo, and is not claimed."""
        waits = "(id in (select run from import_file) or run -> 'undo' ->> 'is_queued') order by id limit 1"
        return await self._first("immediate", self._claim, claim, seconds, waits)

    async def renew(self, id_: UUID, claim: UUID, seconds: float) -> None:
        """Let a claim last some seconds from now on."""
        until = (utc_now() + timedelta(seconds=seconds)).timestamp()
        statement = "update import_run set claimed_until = ? where id = ? and claim = ?"
        await self._run("immediate", self._rows, statement, until, str(id_), str(claim))

    async def release(self, id_: UUID, claim: UUID) -> None:
        """Give up a claim."""
        statement = "update import_run set claim = null, claimed_until = null where id = ? and claim = ?"
        await self._run("immediate", self._rows, statement, str(id_), str(claim))

    async def save(
        self, run: ImportRun, claim: UUID, refused: Sequence[RefusedRow] = (), *, restarts: bool = False
    ) -> None:
        """Keep a run as it is now, and more refused rows."""
        await self._run("immediate", self._save, run, claim, refused, restarts=restarts)

    async def cancel(self, id_: UUID) -> bool:
        """Cancel a run."""
        is_cancelled: bool = await self._run("immediate", self._cancel, "id = ?", str(id_))
        return is_cancelled

    async def refused_rows(self, id_: UUID, after: int, limit: int) -> Sequence[RefusedRow]:
        """Refused rows of a run after a row, in their order."""
        statement = "select body from import_refused_row where run = ? and number > ? order by number limit ?"
        rows = await self._run("deferred", self._rows, statement, str(id_), after, limit)
        return [_refused_of(json.loads(body)) for (body,) in rows]

    async def forget(self, before: datetime) -> None:
        """Forget the refused rows of earlier runs, and cancel those of them with a stored file."""
        await self._run("immediate", self._forget, before.timestamp())

    def make_step(self, step: Advance) -> None:
        """Make the step of a commit, in its transaction."""
        self._save(step.run, step.claim, step.refused, after=step.after)

    def forget_texts(self, texts: Sequence[str]) -> None:
        """Forget refused rows and examples that have one of some texts, in the transaction of an erasure."""
        for run in self._select("true") if texts else ():
            self._rows("update import_run set run = ? where id = ?", _text(without_texts(run, texts)), str(run.id))
        for id_, number, body in self._rows("select * from import_refused_row") if texts else ():
            if _refused_of(json.loads(body)).has(texts):
                self._rows("delete from import_refused_row where run = ? and number = ?", id_, number)

    async def _first(self, kind: str, work: Callable[..., Sequence[ImportRun]], *given: object) -> ImportRun | None:
        found = await self._run(kind, work, *given)
        return found[0] if found else None

    def _select(self, where: str, *values: object) -> Sequence[ImportRun]:
        return [
            _run_of(json.loads(text)) for (text,) in self._rows(f"select run from import_run where {where}", *values)
        ]

    def _create(self, run: ImportRun, pieces: Sequence[bytes]) -> ImportRun | None:
        earlier = self._select("bars and fingerprint = ?", run.fingerprint) if run.bars_the_same else ()
        if earlier and not run.options.again:
            return earlier[0]
        bars = run.bars_the_same and not earlier
        values = (str(run.id), run.user, run.created_at.timestamp(), run.fingerprint, bars, run.is_active, None, None)
        self._rows("insert into import_run values (?, ?, ?, ?, ?, ?, ?, ?, ?)", *values, _text(run))
        for number, piece in enumerate(pieces):
            self._rows("insert into import_file values (?, ?, ?)", str(run.id), number, piece)
        if run.undo and not run.options.dry_run:
            self._rows("update import_run set bars = false where id = ?", str(run.undo.run))
        return None

    def _claim(self, claim: UUID, seconds: float, where: str, *values: object) -> Sequence[ImportRun]:
        now = utc_now()
        found = self._select(f"{_FREE} and {where}", now.timestamp(), *values)
        until = (now + timedelta(seconds=seconds)).timestamp()
        for run in found:
            statement = "update import_run set claim = ?, claimed_until = ? where id = ?"
            self._rows(statement, str(claim), until, str(run.id))
        return found

    def _save(
        self,
        run: ImportRun,
        claim: UUID,
        refused: Sequence[RefusedRow],
        *,
        restarts: bool = False,
        after: int | None = None,
    ) -> None:
        held = self._select("id = ? and claim = ? and is_active", str(run.id), str(claim))
        if not held or after not in (None, held[0].row):
            raise RunLostError
        until = (utc_now() + timedelta(seconds=LEASE_SECONDS)).timestamp()
        statement = "update import_run set run = ?, bars = bars and ?, is_active = ?, claimed_until = ? where id = ?"
        self._rows(statement, _text(run), run.bars_the_same, run.is_active, until, str(run.id))
        if not run.is_active:
            self._rows("delete from import_file where run = ?", str(run.id))
        if restarts:
            self._rows("delete from import_refused_row where run = ?", str(run.id))
        for row in refused:
            body = json_documents.encode(attrs.asdict(row)).decode()
            self._rows("replace into import_refused_row values (?, ?, ?)", str(run.id), row.row, body)

    def _cancel(self, where: str, *values: object) -> bool:
        found = self._select(f"is_active and {where}", *values)
        for run in found:
            ended = attrs.evolve(run, state="cancelled", since=utc_now())
            statement = "update import_run set run = ?, is_active = false, bars = bars and ? where id = ?"
            self._rows(statement, _text(ended), ended.bars_the_same, str(run.id))
            self._rows("delete from import_file where run = ?", str(run.id))
        return bool(found)

    def _forget(self, before: float) -> None:
        old = "run in (select id from import_run where created_at < ?)"
        self._rows(f"delete from import_refused_row where {old}", before)
        self._cancel("created_at < ? and id in (select run from import_file)", before)


def _text(run: ImportRun) -> str:
    members = {field.name: getattr(run, field.name) for field in attrs.fields(ImportRun)}
    undo = run.undo and plain_undo(run.undo)
    kept = {"options": plain_options(run.options), "report": plain_report(run.report), "undo": undo}
    digests = {name: members[name].hex() for name in ("digest", "fingerprint")}
    return json_documents.encode({**members, **kept, **digests}).decode()


def _run_of(members: Mapping[str, Any]) -> ImportRun:
    times = {name: datetime.fromisoformat(members[name]) for name in ("created_at", "since", "updated_at")}
    digests = {name: bytes.fromhex(members[name]) for name in ("digest", "fingerprint")}
    permissions = None if members["permissions"] is None else tuple(members["permissions"])
    read = {
        "id": UUID(members["id"]),
        "options": read_options(members["options"]),
        "report": report_of(members["report"]),
        "undo": members["undo"] and undo_of(members["undo"]),
    }
    more = {"permissions": permissions, "header": tuple(members["header"])}
    return ImportRun(**{**members, **times, **digests, **read, **more})


def _refused_of(members: Mapping[str, Any]) -> RefusedRow:
    problems = tuple(RowProblem(**each) for each in members["problems"])
    return RefusedRow(members["row"], problems, tuple(members["cells"]))
