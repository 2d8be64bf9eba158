"""Folds the older events of records into baselines (decision 119)."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from uuid import UUID

from crm_adapters import json_documents
from crm_adapters.postgres.connection.session import Connection, Row, fetch
from crm_adapters.postgres.records.history import event_of_row
from crm_adapters.postgres.sql.statements import query
from crm_core.engine.retention import MAX_FOLD, Fold, Folded, Past, baseline, folds
from crm_core.model.events import Event
from crm_core.model.records import Key


async def fold(connection: Connection, before: datetime, after: UUID) -> Folded:
    """Fold one batch in the caller's transaction; see ``crm_core.ports.Database.fold``.

    It locks old events, which only erasures change; they wait for it.
    """
    await fetch(connection, query("lock_folding"), {})
    rows = await fetch(connection, query("past_events"), {"after": after, "limit": MAX_FOLD})
    past = [Past(Key(resource, record), *others) for resource, record, *others in rows]
    found = list(folds(past, before))
    count = await _write(connection, [each for each in found if each.is_gone], await _baselines(connection, found))
    if len(past) < MAX_FOLD:
        return Folded(count, None)
    return Folded(count, _next(rows, after, has_folded=count > 0))


def _next(rows: Sequence[Row], after: UUID, *, has_folded: bool) -> UUID:
    """Return the record after which to go on. Of the last one of a batch, events may be missing."""
    ids: list[UUID] = list(dict.fromkeys(row[1] for row in rows))
    if len(ids) > 1:
        return ids[-2]
    return after if has_folded else ids[-1]


async def _baselines(connection: Connection, found: Sequence[Fold]) -> Sequence[Event]:
    kept = [each for each in found if not each.is_gone]
    params = {"ids": [each.key.id for each in kept], "versions": [each.version for each in kept]}
    rows = await fetch(connection, query("events_to_fold"), params) if kept else ()
    made: list[Event] = []
    for _, group in groupby(map(event_of_row, rows), key=lambda event: event.record):
        if event := baseline(list(group)):
            made.append(event)
        await asyncio.sleep(0)  # lets other tasks run
    return made


async def _write(connection: Connection, gone: Sequence[Fold], baselines: Sequence[Event]) -> int:
    params = {
        "ids": [event.record for event in baselines],
        "versions": [event.version for event in baselines],
        "changes": [json_documents.encode(event.changes).decode() for event in baselines],
        "gone_ids": [each.key.id for each in gone],
        "gone_versions": [each.version for each in gone],
    }
    [(count,)] = await fetch(connection, query("fold_events"), params)
    return int(count)
