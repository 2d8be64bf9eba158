"""Imports: the rows of a file become records, in two passes; the first is the dry run (decisions 93 to 98)."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Final
from uuid import UUID

import attrs

from crm_core.bulk.operations import BULK_RESOURCES
from crm_core.engine.undo import OPPOSITES
from crm_core.errors import (
    CrmError,
    NotAuthenticatedError,
    NotFoundError,
    PermissionDeniedError,
    RequestInProgressError,
    RunLostError,
    SameFileError,
    UndoRefusedError,
    UnreadableTableError,
)
from crm_core.imports.options import ImportOptions, plain_options, refuse_other_formats
from crm_core.imports.runs import BATCH_ROWS, LEASE_SECONDS, REFUSED_ROWS_KEPT, ImportRun, RefusedRow, Undo
from crm_core.model.accounts import Actor, Caller, require
from crm_core.model.plain_values import json_text
from crm_core.ports import Accounts, ImportRuns
from crm_core.resources import RESOURCES, WEBHOOKS, Resource
from crm_core.use_cases.callers import new_id
from crm_core.use_cases.import_stores import ImportStores, opened_table
from crm_core.use_cases.import_worker import ImportWorker, OnProgress
from crm_core.use_cases.undo_worker import UNDO_HEADER, UndoWorker

#: The resources that can be imported, by their segments in URLs.
IMPORTED_RESOURCES: Final = BULK_RESOURCES
_HELD: Final = "Another process carries out this import. If it was killed, try again in a minute."
_FINISHED: Final = "This import is finished: it is {}."
_CHANGED: Final = "The file is not what it was when the import began: import it as a new one."

_ACTIVE: Final = "This run is not finished. Cancel it or let it end, then undo what it has written."
_NOTHING: Final = "This run has written nothing, so there is nothing to undo."
_UNDONE: Final = "The run {} undoes this one already."


async def start(
    stores: ImportStores,
    who: Caller,
    resource: Resource,
    path: str,
    options: ImportOptions,
    *,
    name: str = "",
    keep: bool = False,
) -> ImportRun:
    """Begin a run, which is yet to be carried out: by ``carry_out``, or if its file is kept by ``ImportRunner``.

    Args:
        stores: the stores.
        who: the caller.
        resource: the resource of the records.
        path: the path of the file.
        options: what is asked for.
        name: what the run calls the file; its path if it is empty.
        keep: whether the file is stored with the run until that ends.

    Raises PermissionDeniedError; InvalidError, with every column that belongs to no field, or every option that means
    nothing in the format of the file; UnreadableTableError; SameFileError.
    """
    require_all(who.actor, resource, options.actions, options)
    refuse_other_formats(options)
    digest = await stores.tables.digest(path)
    async with opened_table(stores, who, resource, path, options) as (table, _):
        header = table.header.names
    run = ImportRun(
        id=new_id(),
        resource=resource.name,
        file=name or path,
        options=options,
        digest=digest,
        fingerprint=_fingerprint(resource, digest, options),
        created_at=datetime.now(UTC),
        user=who.actor.user.id,
        permissions=None if who.actor.is_superuser else tuple(sorted(who.actor.permissions)),
        header=header,
    )
    await stores.runs.forget(run.created_at - REFUSED_ROWS_KEPT)
    if earlier := await stores.runs.create(run, stores.tables.content(path) if keep else None):
        raise SameFileError(earlier.id)
    return run


async def start_undo(
    runs: ImportRuns, who: Caller, id_: UUID, *, dry_run: bool = False, even_edited: bool = False, queue: bool = False
) -> ImportRun:
    """Begin a run that undoes another one, which is yet to be carried out: by ``carry_out``, or ``ImportRunner``.

    Args:
        runs: the runs.
        who: the caller, who needs the permissions for the opposite of what the run was allowed to do.
        id_: the id of the run to undo: an import, or an undo.
        dry_run: only count what would become of each change.
        even_edited: delete what the run created also where others have edited it since, unless others refer to it.
        queue: any server carries it out (``ImportRunner``).

    Raises NotFoundError, PermissionDeniedError, UndoRefusedError.
    """
    undone = await get(runs, id_)
    actions = tuple(dict.fromkeys(OPPOSITES[action] for action in undone.actions))
    require_all(who.actor, RESOURCES[undone.resource], actions, undone.options)
    if undone.is_active:
        raise UndoRefusedError(_ACTIVE)
    if undone.row == 0:
        raise UndoRefusedError(_NOTHING)
    undo = Undo(run=id_, actions=actions, even_edited=even_edited, is_queued=queue)
    run = _undoing(who, undone, undo, dry_run=dry_run)
    if earlier := await runs.create(run):
        raise UndoRefusedError(_UNDONE.format(earlier.id), run=earlier.id)
    return run


def _undoing(who: Caller, undone: ImportRun, undo: Undo, *, dry_run: bool) -> ImportRun:
    return ImportRun(
        id=new_id(),
        resource=undone.resource,
        file=undone.file,
        options=attrs.evolve(undone.options, dry_run=dry_run, again=False),
        digest=undone.digest,
        fingerprint=hashlib.sha256(json_text(["undo", str(undo.run), undo.even_edited]).encode()).digest(),
        created_at=datetime.now(UTC),
        user=who.actor.user.id,
        permissions=None if who.actor.is_superuser else tuple(sorted(who.actor.permissions)),
        state="checking" if dry_run else "writing",
        header=UNDO_HEADER,
        undo=undo,
    )


async def carry_out(
    stores: ImportStores, who: Caller, id_: UUID, path: str, on_progress: OnProgress = lambda _: None
) -> ImportRun:
    """Carry out a run from where it is, and return it as it is at the end.

    Args:
        stores: the stores.
        who: the caller, who becomes the author of what it writes.
        id_: the id of the run.
        path: the path of its file; an undo reads none.
        on_progress: is called after each batch.

    Raises NotFoundError; RequestInProgressError if another worker has the run; UnreadableTableError for a file that is
    not the same any more.
    """
    run = await get(stores.runs, id_)
    require_all(who.actor, RESOURCES[run.resource], run.actions, run.options)
    claim = new_id()
    claimed = await stores.runs.claim(id_, claim, LEASE_SECONDS)
    if claimed is None:
        raise RequestInProgressError(_HELD if run.is_active else _FINISHED.format(run.state))

    async def renew() -> Actor:
        return who.actor

    async with _held(stores.runs, id_, claim):
        if claimed.undo is not None:
            return await _worked(stores, claimed, UndoWorker(stores, renew, claim, on_progress))
        if await stores.tables.digest(path) != claimed.digest:
            raise UnreadableTableError(_CHANGED)
        return await _worked(stores, claimed, ImportWorker(stores, renew, claim, path, on_progress))


async def carry_out_next(
    stores: ImportStores, accounts: Accounts, on_progress: OnProgress = lambda _: None
) -> ImportRun | None:
    """Carry out a run with a stored file, or a queued undo, that nobody carries out; None if there is none.

    The user who began it is the author of what it writes, and must have the permissions at each batch.

    Args:
        stores: the stores.
        accounts: where users are stored.
        on_progress: is called after each batch.

    Raises RequestInProgressError if another worker took the run over.
    """
    claim = new_id()
    run = await stores.runs.claim_next(claim, LEASE_SECONDS)
    return None if run is None else await carry_out_claimed(stores, accounts, run, claim, on_progress)


async def carry_out_claimed(
    stores: ImportStores, accounts: Accounts, run: ImportRun, claim: UUID, on_progress: OnProgress
) -> ImportRun:
    """Carry out a run as ``carry_out_next`` does, under a claim that it has; the claim is released at the end."""
    renew = partial(_author, accounts, run)
    if run.undo is not None:
        async with _held(stores.runs, run.id, claim):
            return await _worked(stores, run, UndoWorker(stores, renew, claim, on_progress))
    async with _held(stores.runs, run.id, claim), stores.tables.written(stores.runs.content(run.id)) as path:
        return await _worked(stores, run, ImportWorker(stores, renew, claim, path, on_progress))


@asynccontextmanager
async def _held(runs: ImportRuns, id_: UUID, claim: UUID) -> AsyncIterator[None]:
    """Renew a claim for as long as the block, also while one commit takes long, and release it after."""

    async def renew() -> None:
        while True:
            await asyncio.sleep(LEASE_SECONDS / 4)
            with suppress(CrmError):  # the next time may be in time
                await runs.renew(id_, claim, LEASE_SECONDS)

    renewing = asyncio.create_task(renew())
    try:
        yield
    finally:
        renewing.cancel()
        await asyncio.shield(runs.release(id_, claim))


async def _author(accounts: Accounts, run: ImportRun) -> Actor:
    """Return the user who began a run, with what the run may do now. Raises PermissionDeniedError."""
    try:
        actor = await accounts.actor_of(run.user)
    except NotAuthenticatedError:
        actor = None
    if actor is None:
        raise PermissionDeniedError
    actor = actor.narrowed(None if run.permissions is None else frozenset(run.permissions))
    require_all(actor, RESOURCES[run.resource], run.actions, run.options)
    return actor


async def _worked(stores: ImportStores, claimed: ImportRun, worker: ImportWorker | UndoWorker) -> ImportRun:
    try:
        return await worker.work(claimed)
    except RunLostError:
        run = await get(stores.runs, claimed.id)
        if run.is_active:
            raise RequestInProgressError(_HELD) from None
        return run


async def get(runs: ImportRuns, id_: UUID) -> ImportRun:
    """Return a run. Raises NotFoundError."""
    if run := await runs.get(id_):
        return run
    raise NotFoundError


async def cancel(runs: ImportRuns, id_: UUID) -> ImportRun:
    """Cancel a run, whose records stay, and return it. Raises NotFoundError; a finished run stays what it is."""
    await runs.cancel(id_)
    return await get(runs, id_)


async def refused_rows(runs: ImportRuns, id_: UUID) -> AsyncIterator[RefusedRow]:
    """Yield all refused rows of a run, in their order."""
    after = 0
    while rows := await runs.refused_rows(id_, after, BATCH_ROWS):
        for row in rows:
            yield row
        after = rows[-1].row


def require_all(actor: Actor, resource: Resource, actions: Sequence[str], options: ImportOptions) -> None:
    """Raise PermissionDeniedError unless the actor may do these, and keep webhooks from being told if that is asked."""
    for action in actions:
        require(actor, resource.permission(action))
    if options.no_webhooks:
        require(actor, WEBHOOKS.permission("change"))


def _fingerprint(resource: Resource, digest: bytes, options: ImportOptions) -> bytes:
    meaning = {name: value for name, value in plain_options(options).items() if name in options.meaning}
    return hashlib.sha256(json_text([resource.name, digest.hex(), meaning]).encode()).digest()
