"""Restores versions of records: an ordinary change to the values of a version, or a deleted record again."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID

import attrs

from crm_core.engine import decisions
from crm_core.engine.changes import Changes
from crm_core.engine.decision_runs import Decide
from crm_core.engine.receipts import Document
from crm_core.engine.restorations import ReappearedError, Returning, bring_back
from crm_core.engine.unmerging import Unmerger, unmerge
from crm_core.errors import (
    ErasedError,
    InvalidError,
    NotFoundError,
    RestoreRefusedError,
    UnavailableError,
    VersionConflictError,
    invalid,
    not_a_choice,
)
from crm_core.input.dates import read_datetime
from crm_core.input.declarations import boolean, choice, texts
from crm_core.input.drafts import Draft, read_payload
from crm_core.input.readers import ReadContext
from crm_core.model.accounts import Actor, Caller, require
from crm_core.model.entities import ATTRIBUTE_PREFIX
from crm_core.model.events import Event
from crm_core.model.plain_values import entity_of, plain
from crm_core.model.records import Key, Versions
from crm_core.model.replay import Version, deleted_version
from crm_core.ports import Database
from crm_core.resources import LEADS, RESOURCES, Resource
from crm_core.rules.needs import Steps
from crm_core.rules.pipelines import name_of_stage_now
from crm_core.use_cases.dry_runs import decided
from crm_core.use_cases.evolved_versions import definitions_of, refuse_former_names, up_to_date
from crm_core.use_cases.history import entry_of, have_later_events, latest_event, version_of
from crm_core.use_cases.idempotency import answered_once
from crm_core.use_cases.merged_records import read_merged, winner_in
from crm_core.use_cases.records import NamingChangedFields
from crm_core.webhooks.entity import Webhook

T = TypeVar("T")

_MAX_FIELDS: Final = 200
_MAX_QUOTED: Final = 100
#: How often a restoration begins again because others restored or deleted the record at the same time.
_ROUNDS: Final = 5
#: A webhook is switched on only by hand: its URL and headers may not be those of the version.
_NEVER_RESTORED: Final = frozenset({("webhook", "is_active")})
_NEEDS_SECRETS: Final = "It was restored without its secrets: set the URL and the headers, then activate it."


@attrs.frozen
class Restoration:
    """The body of a restoration.

    Attributes:
        fields: the fields to restore, or ``attributes.`` and the name of one attribute; without it all fields.
        with: ``children`` also brings back the records that were deleted together with this one.
        partly: for a record that was merged into another one: leave what cannot go back to it.
    """

    fields: tuple[str, ...] = texts(min_items=1, max_items=_MAX_FIELDS)
    with_: str | None = choice("children", default=None)
    partly: bool = boolean(default=False)


class _Wanted(NamedTuple):
    """What the body of a restoration asks for."""

    fields: Sequence[str]
    with_children: bool
    partly: bool


class Target(NamedTuple):
    """The version of a record that is to be restored.

    Attributes:
        resource: the record's resource.
        id: its id.
        version: the version.
        parent: the value of the field that comes with the path, if the resource has one.
    """

    resource: Resource
    id: UUID
    version: int
    parent: object = None

    @property
    def key(self) -> Key:
        """Return the record's key."""
        return decisions.key_of(self.resource, self.id)


async def restore(
    db: Database,
    who: Caller,
    target: Target,
    data: object,
    *,
    expected: Versions = None,
    strict: bool = True,
) -> Document:
    """Give a record the values of one of its versions; a deleted record is created again. Return the record.

    A record that was merged into another one gets back what the other one got from it (``engine.unmerging``); that
    also needs the permission to change.

    Raises PermissionDeniedError without the permission to view, and to change, or for a deleted record to add;
    NotFoundError, InvalidError for a bad body, VersionConflictError, RestoreRefusedError with the reasons, ErasedError.
    """

    async def change(decide: Decide) -> Document:
        _, document = await answered_once(db, who, target.id, lambda: db.change(decide))
        return document

    return await _restore(db, who, target, data, expected, change, strict=strict)


async def restore_dry_run(
    db: Database,
    who: Caller,
    target: Target,
    data: object,
    *,
    expected: Versions = None,
    strict: bool = True,
) -> Sequence[Mapping[str, object]]:
    """Return the entries that ``restore`` would add to histories, that of the record first. Raises what it does."""

    async def change(decide: Decide) -> Sequence[Mapping[str, object]]:
        return entries_of(await decided(db, decide), target.key, who.actor)

    return await _restore(db, who, target, data, expected, change, strict=strict)


async def _restore(
    db: Database,
    who: Caller,
    target: Target,
    data: object,
    expected: Versions,
    change: Callable[[Decide], Awaitable[T]],
    *,
    strict: bool,
) -> T:
    resource, key = target.resource, target.key
    require(who.actor, resource.permission("view"))
    for _ in range(_ROUNDS):
        latest = await latest_event(db, resource, target.id, target.parent)
        if latest.kind == "erased":
            raise ErasedError
        require(who.actor, resource.permission("add" if latest.kind == "deleted" else "change"))
        wanted = _read_restoration(resource, data, ReadContext(who.new_id, strict), latest)
        definitions = await definitions_of(db, who, resource)
        refuse_former_names(wanted.fields, definitions)
        found = await up_to_date(db, definitions, await version_of(db, resource, target.id, target.version))
        found = await _in_its_stage(db, found) if resource is LEADS else found
        deleted: dict[Key, int] = {}
        try:
            if latest.kind == "deleted":
                if expected is not None:
                    raise VersionConflictError(latest.version)
                back = await _coming_back(db, who, target, found, wanted, latest)
                deleted = {each.key: each.last_version for each in back}
                return await change(await _bringing_back(db, who, target, back, wanted, latest))
            decide = partial(_change_back, who, target, found, wanted.fields, expected)
            async with NamingChangedFields(db, key, expected):
                return await change(decide)
        except InvalidError as error:
            raise RestoreRefusedError(error.problems) from None
        except (ReappearedError, NotFoundError):  # others restored or deleted it: look again
            continue
        except UnavailableError:
            if not await have_later_events(db, deleted):
                raise
    raise UnavailableError


async def _coming_back(
    db: Database, who: Caller, target: Target, found: Version, wanted: _Wanted, deletion: Event
) -> Sequence[Returning]:
    """Return the record, and its children that come back with it. Raises PermissionDeniedError."""
    winner = winner_in(deletion)
    if winner is not None:
        require(who.actor, target.resource.permission("change"))
    children = await _children(db, who, target.key, deletion) if wanted.with_children or winner else ()
    record = Returning(target.resource, returning_value(target.resource, found), target.version, deletion.version)
    return (record, *children)


async def _bringing_back(
    db: Database, who: Caller, target: Target, back: Sequence[Returning], wanted: _Wanted, deletion: Event
) -> Decide:
    record, *children = back
    winner = winner_in(deletion)
    if winner is None:
        return partial(bring_back, who, record, children)
    names = {each.id: name for name, each in (await definitions_of(db, who, target.resource)).items()}
    merged = await read_merged(db, record.key, winner, deletion, names)
    return partial(unmerge, who, Unmerger(record, children, winner, *merged, partly=wanted.partly))


def _change_back(
    who: Caller, target: Target, found: Version, names: Sequence[str], expected: Versions
) -> Steps[Changes]:
    """Decide to give a record the values of a version."""
    then = entity_of(target.resource.entity, found.document)

    def edit(value: Any) -> Draft:
        whole = {name: getattr(then, name) for name in names if not name.startswith(ATTRIBUTE_PREFIX)}
        single = [name.removeprefix(ATTRIBUTE_PREFIX) for name in names if name.startswith(ATTRIBUTE_PREFIX)]
        if single:
            there = {name: then.attributes[name] for name in single if name in then.attributes}
            kept = {name: each for name, each in value.attributes.items() if name not in single}
            whole["attributes"] = kept | there
        return Draft(whole, restored_with=frozenset())

    cause = {"restored_from": target.version}
    return decisions.change(target.resource, who, target.key, edit, target.parent, expected, cause=cause)


async def _children(db: Database, who: Caller, key: Key, deletion: Event) -> Sequence[Returning]:
    """Return what was deleted together with a record, as it was. Raises PermissionDeniedError."""
    followers = await db.followers(key, deletion.version)
    deleted = [event for event in followers if event.kind == "deleted" and event.resource in RESOURCES]
    children = [event for event in deleted if not await _is_erased(db, event)]
    for resource in {RESOURCES[event.resource] for event in children}:
        require(who.actor, resource.permission("add"))
    return [await _returning(db, who, event) for event in children]


async def _is_erased(db: Database, deletion: Event) -> bool:
    [latest, *_] = await db.history(Key(deletion.resource, deletion.record), limit=1)
    return latest.kind == "erased"


async def _returning(db: Database, who: Caller, deletion: Event) -> Returning:
    resource = RESOURCES[deletion.resource]
    definitions = await definitions_of(db, who, resource)
    found = await up_to_date(db, definitions, deleted_version(resource.entity, deletion), deletion)
    return Returning(resource, returning_value(resource, found), found.version, deletion.version)


def returning_value(resource: Resource, found: Version) -> Any:
    """Return the value with which a deleted record comes back. Webhooks are switched off, as secrets are not kept."""
    value = entity_of(resource.entity, found.document)
    if isinstance(value, Webhook):
        return attrs.evolve(value, headers={}, is_active=False, disabled_reason=_NEEDS_SECRETS)
    return value


async def _in_its_stage(db: Database, found: Version) -> Version:
    """Return a version of a lead with the name that its stage has by now: a stage may have been renamed since."""
    document = found.document
    if document["pipeline"] is None or document["stage"] is None:
        return found
    at = read_datetime(document["updated_at"])
    later = [each for each in await db.history(Key("pipeline", UUID(document["pipeline"]))) if each.at > at]
    return found._replace(document={**document, "stage": name_of_stage_now(document["stage"], reversed(later))})


def _read_restoration(resource: Resource, data: object, context: ReadContext, latest: Event) -> _Wanted:
    """Return what the body asks for. Raises InvalidError."""
    values = read_payload(Restoration, data, context)
    is_deleted, names = latest.kind == "deleted", values["fields"]
    if names and is_deleted:
        raise invalid("fields", "invalid", "A deleted record is restored whole.")
    if values["with"] and not is_deleted:
        raise invalid("with", "invalid", "Only what was deleted together with a deleted record comes back.")
    _refuse_unknown(resource, names)
    if values["partly"] and not winner_in(latest):
        raise invalid("partly", "invalid", "Only what another record got from one that was merged into it is left.")
    wanted = names or restorable_fields(resource)
    return _Wanted(wanted, with_children=values["with"] is not None, partly=values["partly"])


def restorable_fields(resource: Resource) -> Sequence[str]:
    """Return the fields that can be restored: what clients can set, without secrets, which no event holds."""
    names = (name for name, field in resource.fields.items() if not field.output_only and field.redact is None)
    return [name for name in names if (resource.name, name) not in _NEVER_RESTORED]


def _refuse_unknown(resource: Resource, names: Sequence[str]) -> None:
    known = restorable_fields(resource)
    problems = {
        str(index): (not_a_choice(name[:_MAX_QUOTED]),)
        for index, name in enumerate(names)
        if name not in known and not (name.startswith(ATTRIBUTE_PREFIX) and "attributes" in known)
    }
    if problems:
        raise InvalidError({"fields": problems})


def entries_of(changes: Changes, first: Key, actor: Actor) -> Sequence[Mapping[str, object]]:
    """Return the entries that changes add to histories: of one record, then of the others that the actor may view."""
    writes = sorted(changes.writes, key=lambda write: write.key != first)
    viewed = {name for name, resource in RESOURCES.items() if actor.may(resource.permission("view"))}
    events = [write.event for write in writes if write.key == first or write.key.resource in viewed]
    return [{"resource": event.resource, "record": str(event.record), **plain(entry_of(event))} for event in events]
