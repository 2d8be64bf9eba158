"""Erases records, so that nothing that the store keeps has their values (decisions 117 and 118)."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import product
from typing import Any, Final, NamedTuple, cast
from uuid import UUID

from crm_core.engine.changes import Changes, Copy
from crm_core.engine.decision_runs import Decide
from crm_core.engine.decisions import key_of
from crm_core.engine.erasures import Erasure, ReappearedError
from crm_core.engine.erasures import erase as decide_erasure
from crm_core.errors import NotFoundError, UnavailableError
from crm_core.model.accounts import Caller, require
from crm_core.model.erasures import ErasedRecord, ErasureReport, MentioningRecord
from crm_core.model.events import Event
from crm_core.model.records import Key, Versions
from crm_core.ports import Database, FileStore
from crm_core.resources import Resource, referring
from crm_core.rules.needs import Needs, Steps
from crm_core.use_cases.dry_runs import decided
from crm_core.use_cases.history import have_later_events, latest_event
from crm_core.use_cases.merged_records import winner_in, winner_of
from crm_core.use_cases.records import NamingChangedFields

#: The most records that a dry run names because they mention a name.
MAX_MENTIONS: Final = 100
#: How often an erasure begins again because others changed the records at the same time.
_ROUNDS: Final = 5
_NOTHING: Final = Changes()


class ErasureTarget(NamedTuple):
    """The record that is to be erased.

    Attributes:
        resource: the record's resource.
        id: its id.
        parent: the value of the field that comes with the path, if the resource has one.
        expected: the versions that the record may have; None for any.
    """

    resource: Resource
    id: UUID
    parent: object = None
    expected: Versions = None

    @property
    def key(self) -> Key:
        """Return the record's key."""
        return key_of(self.resource, self.id)


async def erase(db: Database, files: FileStore | None, who: Caller, target: ErasureTarget) -> ErasureReport:
    """Erase a record, deleted or not, and all that belongs to it or ever did; return what was erased.

    In one commit the records are deleted, and the values in their events, deliveries and receipts, and copies of their
    names are erased. Their files are deleted afterwards; after a failure another call deletes the rest.

    Args:
        db: the database.
        files: where the files of records are; None if there are none.
        who: the caller.
        target: the record.

    Raises PermissionDeniedError without the permission to delete, NotFoundError, VersionConflictError, and InUseError
    if other records refer to it.
    """
    changes = await _erased(db, who, target, partial(_committed, db))
    keys = await _files_of(db, files, target)
    if files is not None:
        for key in keys:
            await files.delete(key)
    return _report(changes, len(keys))


async def erase_dry_run(db: Database, files: FileStore | None, who: Caller, target: ErasureTarget) -> ErasureReport:
    """Return what ``erase`` would erase, and records that mention the name elsewhere, which it leaves as they are.

    Raises what ``erase`` does.
    """
    changes = await _erased(db, who, target, partial(decided, db))
    own = {write.key for write in changes.writes}
    found = await db.mentions(await _names(db, target), MAX_MENTIONS + len(own))
    mentions = sorted(key for key in found if key not in own)[:MAX_MENTIONS]
    return _report(changes, len(await _files_of(db, files, target)), mentions)


async def _erased(
    db: Database, who: Caller, target: ErasureTarget, carry_out: Callable[[Decide], Awaitable[Changes]]
) -> Changes:
    require(who.actor, target.resource.permission("delete"))
    for _ in range(_ROUNDS):
        latest = await latest_event(db, target.resource, target.id, target.parent)
        if latest.kind == "erased":
            return _NOTHING
        erasure = await _read_erasure(db, target, latest)
        try:
            async with NamingChangedFields(db, target.key, target.expected):
                return await carry_out(partial(decide_erasure, who, erasure, target.expected))
        except ReappearedError:
            continue
        except UnavailableError:
            if not await have_later_events(db, erasure.gone):
                raise
        except NotFoundError:  # others deleted it: look again
            if (await latest_event(db, target.resource, target.id, target.parent)).version == latest.version:
                raise
    raise UnavailableError


async def _committed(db: Database, decide: Decide) -> Changes:
    """Carry out a decision, and return what was committed."""
    runs: list[Changes] = []

    def run() -> Steps[Changes]:
        runs.append((yield from decide()))
        return runs[-1]

    await db.change(run)
    return runs[-1]


async def _read_erasure(db: Database, target: ErasureTarget, latest: Event) -> Erasure:
    """Return what has to be known about what belonged to the record, or was merged into it, and is there no longer."""
    own = {target.key: latest, **await _merged_into(db, target.key)}
    gone = {key: last.version for key, last in own.items() if last.kind == "deleted"}
    copies: dict[Copy, None] = {}
    ids = {str(key.id) for key in own}
    for owner, (child, field) in product(own, referring(target.resource, owned=True)):
        for id_ in sorted(await db.once_referring(owner, child.name, field)):
            key = Key(child.name, id_)
            [last] = await db.history(key, limit=1)
            if last.kind == "erased":
                continue
            is_own = await _owner(db, key, field, last) in ids
            if is_own and last.kind == "deleted":
                gone[key] = last.version
            elif not is_own and field in child.copies:
                copies[Copy(key, child.copies[field])] = None
    return Erasure(target.resource, target.key, target.parent, gone, tuple(copies), await _names(db, target))


async def _merged_into(db: Database, key: Key) -> Mapping[Key, Event]:
    """Return the records that have become a record by merges, each with its latest event: a deletion or an erasure."""
    found: dict[Key, Event] = {}
    waiting = [key]
    while waiting:
        winner = waiting.pop()
        for loser in _losers_in(await db.history(winner)):
            last = next(iter(await db.history(loser, limit=1)), None)
            if last and loser not in (key, *found) and (last.kind == "erased" or winner_in(last) == winner):
                found[loser] = last
                waiting.append(loser)
    return found


def _losers_in(events: Sequence[Event]) -> Iterable[Key]:
    for event in events:
        ids: Any = event.cause.get("merged_from", ())
        yield from (Key(event.resource, UUID(str(id_))) for id_ in ids)


async def _owner(db: Database, key: Key, field: str, last: Event) -> str:
    """Return the id of the last owner of a record, as a text."""
    if last.kind == "deleted":
        change: Any = last.changes[field]
        return str(change["from"])
    record = (await db.known(Needs(records=frozenset({key})))).records[key]
    return str(getattr(record.value, field)) if record else ""


async def _names(db: Database, target: ErasureTarget) -> Sequence[str]:
    """Return the names that a record has and had."""
    events = await db.history(target.key)
    fields = target.resource.name_fields
    changes = (cast("Mapping[str, Any]", event.changes.get(name, {})) for event in events for name in fields)
    names = [change[end] for change in changes for end in ("from", "to") if change.get(end)]
    return list(dict.fromkeys(names))


async def _files_of(db: Database, files: FileStore | None, target: ErasureTarget) -> Sequence[str]:
    """Return the keys of the files of a record and of those merged into it, also of files that none of them names.

    Those that it left to a record into which it was merged itself are that record's.
    """
    if files is None or not target.resource.has_images:
        return ()
    left = await _left_to_winner(db, files, target)
    owners = (target.key, *await _merged_into(db, target.key))
    folders = [f"{target.resource.path}/{owner.id}/" for owner in owners]
    return [file.key for folder in folders async for file in files.stored(folder) if file.key not in left]


async def _left_to_winner(db: Database, files: FileStore, target: ErasureTarget) -> set[str | None]:
    # The deletion by which it was merged is the latest event, or the one before its erasure.
    merged = next(filter(None, map(winner_in, await db.history(target.key, limit=2))), None)
    if merged is None:
        return set()
    winner = await winner_of(db, merged) or merged
    record = (await db.known(Needs(records=frozenset({winner})))).records[winner]
    return {files.key(url) for url in record.value.list_of_images} if record else set()


def _report(changes: Changes, files: int, mentions: Iterable[Key] = ()) -> ErasureReport:
    return ErasureReport(
        records=tuple(
            ErasedRecord(resource=event.resource, record=event.record, version=event.version)
            for event in changes.erasures
        ),
        copies=tuple(_mentioning(copy.key) for copy in changes.copies),
        files=files,
        mentions=tuple(map(_mentioning, mentions)),
    )


def _mentioning(key: Key) -> MentioningRecord:
    assert isinstance(key.id, UUID)  # noqa: S101  # users have integers, but they are not records
    return MentioningRecord(resource=key.resource, record=key.id)
