"""Finds what has become of records that were merged into others, and what these got from them (decisions 151, 152)."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from crm_core.engine.merging import id_of_moved
from crm_core.errors import MergedError
from crm_core.model.entities import ATTRIBUTE_PREFIX
from crm_core.model.events import GONE_KINDS, Event
from crm_core.model.records import Key
from crm_core.ports import Database
from crm_core.resources import RESOURCES, Resource


def winner_in(event: Event) -> Key | None:
    """Return the key of the record that a record was merged into by an event; None if it was not."""
    winner = event.cause.get("merged_into") if event.kind == "deleted" else None
    return Key(event.resource, UUID(str(winner))) if winner else None


async def winner_of(db: Database, key: Key) -> Key | None:
    """Return the key of the record that a record has become, which is not there: the last one of a chain of merges.

    None if it was not merged, or if the last one is not there either.
    """
    winner: Key | None = None
    while events := await db.history(winner or key, limit=1):
        following = winner_in(events[0])
        if following is None:
            return None if events[0].kind in GONE_KINDS else winner
        winner = following
    return None


async def refuse_merged(db: Database, resource: Resource, id_: UUID) -> None:
    """Raise MergedError if a record that is not there was merged into another one that is."""
    winner = await winner_of(db, Key(resource.name, id_)) if resource.merges else None
    if winner is not None and isinstance(winner.id, UUID):
        raise MergedError(resource.path, winner.id)


class Merged(NamedTuple):
    """What a winner got from one of the losers, as ``engine.unmerging.Unmerger`` has it."""

    moves: Mapping[Key, str]
    taken: Mapping[str, Mapping[str, object]]
    items: Mapping[str, Sequence[Any]]


async def read_merged(db: Database, loser: Key, winner: Key, deletion: Event, names: Mapping[UUID, str]) -> Merged:
    """Return what a winner got from a loser, as the events of their merge tell it.

    Args:
        db: the store of records.
        loser: the key of the record that was merged into the other one.
        winner: the key of the record that it was merged into.
        deletion: the event of the merge in the history of the loser.
        names: the present names of attributes, by the ids of their definitions.
    """
    version: Any = deletion.cause["version"]
    moves = _moves(await db.followers(winner, version), loser, winner)
    # Without the event, which was folded, nothing is known of what it took.
    merge = next(
        (each for each in await db.history(winner, before=version + 1, limit=1) if each.version == version), None
    )
    changes: Mapping[str, Any] = merge.changes if merge else {}
    taken: Any = merge.cause.get("taken", {}) if merge else {}
    own = {name for name, source in taken.items() if source == str(loser.id)}
    values = {_name_now(name, changes[name], names): changes[name] for name in own if name in changes}
    return Merged(moves, values, _items(changes, deletion))


def _moves(events: Sequence[Event], loser: Key, winner: Key) -> Mapping[Key, str]:
    ends = {"from": str(loser.id), "to": str(winner.id)}
    return {
        Key(event.resource, event.record): field
        for event in events
        if event.kind == "updated" and event.resource in RESOURCES
        for field, to in RESOURCES[event.resource].references.items()
        if to == loser.resource and event.changes.get(field) == ends
    }


def _name_now(name: str, change: Mapping[str, Any], names: Mapping[UUID, str]) -> str:
    definition = change.get("attribute")
    now = names.get(UUID(definition)) if definition else None
    return f"{ATTRIBUTE_PREFIX}{now}" if now else name


def _items(changes: Mapping[str, Any], deletion: Event) -> Mapping[str, Sequence[Any]]:
    """Return the items that lists of the winner got from the loser, by field."""
    items: dict[str, Sequence[Any]] = {}
    deleted: Mapping[str, Any] = deletion.changes
    for name, field in RESOURCES[deletion.resource].fields.items():
        change = changes.get(name)
        if change and field.kind == "items":
            own = {item["id"] for item in deleted[name]["from"]}
            ids = own | {str(id_of_moved(deletion.record, UUID(id_))) for id_ in own}
            items[name] = [item for item in _added(change) if item["id"] in ids]
        elif change and field.kind == "texts":
            items[name] = [text for text in _added(change) if text in deleted[name]["from"]]
    return items


def _added(change: Mapping[str, Any]) -> Sequence[Any]:
    if "added" in change:
        added: Sequence[Any] = change["added"]
        return added
    return [item for item in change["to"] if item not in change["from"]]
