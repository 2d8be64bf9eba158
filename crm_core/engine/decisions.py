"""How a record is created, altered and removed: pure functions from what is known to what changes.

Each is asked by the store with what it knows; it answers with changes, or with what it must know first.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from attrs import evolve

from crm_core.engine.changes import Changes, Put, Remove
from crm_core.engine.receipts import ReceiptKey
from crm_core.errors import (
    ACROSS_FIELDS,
    InUseError,
    InvalidError,
    NotFoundError,
    Problem,
    Problems,
    VersionConflictError,
)
from crm_core.input.drafts import Draft, merged, with_defaults
from crm_core.input.readers import abbreviated
from crm_core.model.accounts import SYSTEM, Caller
from crm_core.model.events import Event, EventKind, differences
from crm_core.resources import RESOURCES, Resource, referring
from crm_core.rules import tasks_and_notes
from crm_core.rules.attributes import validate_values
from crm_core.rules.needs import Key, Known, Needs, Proposal, Record, Search, catalog_of
from crm_core.webhooks.deliveries import Delivery, plan

#: The versions that a record may have when it is changed; None for any.
Versions: TypeAlias = frozenset[int] | None


def create(resource: Resource, who: Caller, key: Key, draft: Draft, parent: object, known: Known) -> Changes | Needs:
    """Decide a new record.

    Args:
        resource: its row.
        who: the caller, who becomes its author where it has one.
        key: its id.
        draft: what was sent.
        parent: the value of the field that comes with the path, if the resource has one.
        known: what is known.
    """
    given: dict[str, object] = {"id": key.id, **dict.fromkeys(resource.defaults_to_now, who.now)}
    if "created_by" in resource.fields:
        given["created_by"] = who.actor.user.id
    if resource.parent is not None:
        given[resource.parent] = parent
        if lacking := known.lacks(owner := owner_needs(resource, parent)):
            return lacking
        if not all(known.exists(each) for each in owner.references):
            raise NotFoundError
    values = with_defaults(resource.entity, {**given, **draft.values})
    sent = {name: value for name, value in values.items() if name not in draft.problems}
    settled = _validate(resource, Proposal(who=who, before=None, sent=sent), draft, known)
    if isinstance(settled, Needs):
        return settled
    return _put(resource, who, None, key, resource.entity(**settled), known)


def alter(
    resource: Resource,
    who: Caller,
    key: Key,
    edit: tasks_and_notes.Edit,
    parent: object,
    expected: Versions,
    known: Known,
) -> Changes | Needs:
    """Decide a change of a record; one that changes nothing is no event."""
    record = found(resource, key, parent, known)
    _expect(expected, record)
    draft = edit(record.value)
    settled = _validate(resource, Proposal(who=who, before=record.value, sent=draft.values), draft, known)
    if isinstance(settled, Needs):
        return settled
    return _put(resource, who, record, key, evolve(record.value, **settled), known)


def remove(
    resource: Resource, who: Caller, key: Key, parent: object, expected: Versions, known: Known
) -> Changes | Needs:
    """Decide the removal of a record and of what belongs to it; refused while others refer to it (ruling 13)."""
    record = found(resource, key, parent, known)
    _expect(expected, record)
    owned = [Search(child.name, ((name, key.id),)) for child, name in referring(resource, owned=True)]
    holders = {
        other: Search(other.name, tuple((name, key.id) for _, name in pairs), any_field=True)
        for other, pairs in groupby(referring(resource, owned=False), key=itemgetter(0))
    }
    if lacking := known.lacks(Needs(children=frozenset(owned), counts=frozenset(holders.values()))):
        return lacking
    _refuse_while_held(resource, {other: known.counts[search] for other, search in holders.items()})
    gone = [child for search in owned for child in known.children[search]]
    return _changes(who, [_Step(each.key, each, None) for each in (*gone, record)], known)


def key_of(resource: Resource, id_: UUID) -> Key:
    """The key of one of the resource's records."""
    return Key(resource.name, id_)


def found(resource: Resource, key: Key, parent: object, known: Known) -> Record:
    """A needed record; raises NotFoundError when it is not there, or not inside its parent."""
    record = known.records[key]
    if record is None or (parent is not None and getattr(record.value, resource.parent or "") != parent):
        raise NotFoundError
    return record


def _expect(expected: Versions, record: Record) -> None:
    if expected is not None and record.version not in expected:
        raise VersionConflictError(record.version)


def owner_needs(resource: Resource, parent: object) -> Needs:
    """The need to know whether the record that owns this one exists, where a record does.

    Raises NotFoundError when none is named.
    """
    owner = resource.references.get(resource.parent or "")
    if owner is None:
        return Needs()
    if not isinstance(parent, UUID):
        raise NotFoundError
    return Needs(references=frozenset({Key(owner, parent)}))


def _validate(resource: Resource, proposal: Proposal, draft: Draft, known: Known) -> Needs | dict[str, Any]:
    """The values to write, by every rule; raises InvalidError with the problems of all of them."""
    if ACROSS_FIELDS in draft.problems:  # what was sent is no object, so there are no fields to speak of
        raise InvalidError(draft.problems)
    keys = _referenced(resource, proposal)
    needs = Needs(references=frozenset(keys.values()))
    if resource.has_catalog:
        needs |= catalog_of(resource.name, proposal.who)
    if lacking := known.lacks(needs):
        return lacking
    problems = dict(draft.problems) | {name: no_such(key) for name, key in keys.items() if not known.exists(key)}
    values = dict(proposal.sent) | _merged(resource, proposal, draft)
    for rule in (_validate_attributes, _validate_tasks_and_notes, _validate_own):
        try:
            settled = rule(resource, evolve(proposal, sent=values), draft, known)
        except InvalidError as error:
            problems |= {name: found for name, found in error.problems.items() if name not in problems}
            continue
        if isinstance(settled, Needs):
            return settled
        values |= settled
    if problems:
        raise InvalidError(problems)
    return values


def _merged(resource: Resource, proposal: Proposal, draft: Draft) -> dict[str, Any]:
    # Attributes are merged beside their definitions, which tell what of them is checked.
    names = [name for name in draft.merges if resource.fields[name].kind == "mapping"]
    return {name: merged(getattr(proposal.before, name), proposal.sent[name]) for name in names}


def _referenced(resource: Resource, proposal: Proposal) -> Mapping[str, Key]:
    named = ((name, to, proposal.sent.get(name)) for name, to in resource.references.items())
    fields = resource.fields
    return {name: Key(to, id_) for name, to, id_ in named if id_ is not None and not fields[name].output_only}


def no_such(key: Key) -> Problems:
    """What is wrong with a reference to something that is not there."""
    return (Problem("does_not_exist", f'Invalid pk "{abbreviated(key.id)}" - object does not exist.'),)


def _validate_attributes(resource: Resource, proposal: Proposal, draft: Draft, known: Known) -> Mapping[str, object]:
    # A new record's attributes are checked even if none were sent: some may be required.
    if "attributes" not in resource.fields or not proposal.touches("attributes"):
        return {}
    values, problems = validate_values(
        known.catalogs[resource.name].definitions,
        getattr(proposal.before, "attributes", {}),
        proposal.sent["attributes"],
        merge="attributes" in draft.merges,
    )
    if problems:
        raise InvalidError({"attributes": problems})
    return {"attributes": values}


def _validate_tasks_and_notes(resource: Resource, proposal: Proposal, _: Draft, __: Known) -> Mapping[str, object]:
    filed: dict[str, object] = {}
    problems: dict[str, Problems] = {}
    for name in ("list_of_tasks", "list_of_notes"):
        if resource.has_tasks_and_notes and proposal.touches(name):
            try:
                filed[name] = tasks_and_notes.file_entries(
                    getattr(proposal.before, name, ()), proposal.sent[name], proposal.who
                )
            except InvalidError as error:
                problems[name] = error.problems
    if problems:
        raise InvalidError(problems)
    return filed


def _validate_own(resource: Resource, proposal: Proposal, _: Draft, known: Known) -> Needs | Mapping[str, object]:
    return resource.validate(proposal, known)


def _put(
    resource: Resource, who: Caller, before: Record | None, key: Key, after: object, known: Known
) -> Changes | Needs:
    if before is not None and not differences(before.value, after):
        return Changes(answer=key, receipt=_receipt(who))
    followers = resource.cascade(before.value if before else None, after, known)
    if isinstance(followers, Needs):
        return followers
    records = {child.key: child for children in known.children.values() for child in children}
    steps = [_Step(key, before, after), *(_Step(other, records[other], value) for other, value in followers.items())]
    return _changes(who, steps, known, answer=key)


class _Step(NamedTuple):
    """What one record was and becomes; None stands for no record."""

    key: Key
    before: Record | None
    after: object | None


def _changes(who: Caller, steps: Sequence[_Step], known: Known, *, answer: Key | None = None) -> Changes | Needs:
    """Steps with the events that tell of them, and what webhooks are told (ruling 26)."""
    watched = {step.key.resource for step in steps if RESOURCES[step.key.resource].has_catalog}
    if lacking := known.lacks(Needs(catalogs={name: who.catalogs.get(name) for name in watched})):
        return lacking
    writes: list[Put | Remove] = []
    deliveries: list[Delivery] = []
    for key, before, after in steps:
        event = event_of(who, key, before, after)
        writes.append(Remove(key, event) if after is None else Put(key, after, event))
        if key.resource in watched:
            was = before.value if before else None
            candidates = known.catalogs[key.resource].webhook_index.candidates(was if after is None else after)
            deliveries += plan(candidates, event, was, after)
    receipt = _receipt(who) if answer else None
    return Changes(writes=tuple(writes), deliveries=tuple(deliveries), answer=answer, receipt=receipt)


def _receipt(who: Caller) -> ReceiptKey | None:
    return ReceiptKey(who.actor.user.id, who.idempotency) if who.idempotency else None


def event_of(who: Caller, key: Key, before: Record | None, after: object | None) -> Event:
    """The event that takes a record from one value to the next; None stands for no record."""
    kind: EventKind = "created" if before is None else "deleted" if after is None else "updated"
    assert isinstance(key.id, UUID)  # noqa: S101  # users, whose ids are numbers, are no records
    return Event(
        resource=key.resource,
        record=key.id,
        version=before.version + 1 if before else 1,
        kind=kind,
        actor=None if who.actor is SYSTEM else who.actor.user.id,
        actor_name=who.actor.user.name,
        request_id=who.request_id,
        at=who.now,
        changes=differences(before.value if before else None, after),
    )


def _refuse_while_held(resource: Resource, counts: Mapping[Resource, int]) -> None:
    phrases = [f"{count} {other.label[count != 1]}" for other, count in counts.items() if count]
    if phrases:
        raise InUseError(f"This {resource.label[0]} is referred to by {' and '.join(phrases)}.")
