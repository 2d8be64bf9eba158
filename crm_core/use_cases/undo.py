"""Undoing a run of an import: the undo is a run itself, so that it can be followed, go on, and be undone."""

import hashlib
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import attrs

from crm_core.engine.undo import OPPOSITES
from crm_core.errors import UndoRefusedError
from crm_core.imports.runs import ImportRun, Undo
from crm_core.model.accounts import Caller
from crm_core.model.plain_values import json_text
from crm_core.ports import ImportRuns
from crm_core.resources import RESOURCES
from crm_core.use_cases.callers import new_id
from crm_core.use_cases.imports import get, require_all
from crm_core.use_cases.undo_worker import UNDO_HEADER

_ACTIVE: Final = "This run is not finished. Cancel it or let it end, then undo what it has written."
_NOTHING: Final = "This run has written nothing, so there is nothing to undo."
_UNDONE: Final = "The run {} undoes this one already."


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
