"""The decisions to create, change and delete a record: generators that return the changes to commit.

Each decision reads from top to bottom, and yields :class:`~crm_core.rules.needs.Needs` where it needs data.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, NamedTuple
from uuid import UUID

from attrs import evolve

from crm_core.engine.changes import Changes, Put, Remove
from crm_core.engine.receipts import ReceiptKey
from crm_core.engine.unchanged import settled
from crm_core.errors import (
    ACROSS_FIELDS,
    InUseError,
    InvalidError,
    NotFoundError,
    Problem,
    Problems,
    VersionConflictError,
)
from crm_core.input.drafts import Draft, Edit, merged, with_defaults
from crm_core.input.readers import abbreviated
from crm_core.model.accounts import SYSTEM, Caller
from crm_core.model.entities import Attribute
from crm_core.model.events import Event, EventKind, differences
from crm_core.model.recorded_changes import record_changes, with_stamps, with_unchanged
from crm_core.model.records import Key, Record, Versions
from crm_core.resources import RESOURCES, Resource, referring
from crm_core.rules import tasks_and_notes
from crm_core.rules.attributes import validate_values
from crm_core.rules.needs import ACTIVE_USER, Catalog, Known, Needs, Proposal, Search, Steps, catalog_of, without_needs
from crm_core.webhooks.deliveries import Delivery, plan

_NOTHING: Final[Mapping[str, UUID]] = {}
_NO_CAUSE: Final[Mapping[str, object]] = {}
_NO_DEFINITIONS: Final[Mapping[str, Attribute]] = {}
_NO_CATALOG: Final = Catalog(0, {}, ())


def create(resource: Resource, who: Caller, key: Key, draft: Draft, parent: object) -> Steps[Changes]:
    """Decide to create a record.

    Args:
        resource: the resource of the record.
        who: the caller, who becomes the author if the resource has authors.
        key: the key of the new record.
        draft: the input.
        parent: the value of the field that comes with the path, if the resource has one.

    Raises InvalidError with every problem, NotFoundError for a parent that does not exist.
    """
    given: dict[str, object] = {"id": key.id, **dict.fromkeys(resource.defaults_to_now, who.now)}
    if "created_by" in resource.fields:
        given["created_by"] = None if who.actor is SYSTEM else who.actor.user.id
    if resource.parent is not None:
        given[resource.parent] = parent
        known = yield (owner := owner_needs(resource, parent))
        if not all(known.exists(reference) for reference in owner.references):
            raise NotFoundError
    values = with_defaults(resource.entity, {**given, **draft.values})
    sent = {name: value for name, value in values.items() if name not in draft.problems}
    validated = yield from _validate(resource, Proposal(who=who, before=None, sent=sent), draft)
    shown, hidden = _divided(resource, validated)
    return (yield from _put(resource, who, None, key, resource.entity(**shown), hidden))


def change(resource: Resource, who: Caller, key: Key, edit: Edit, parent: object, expected: Versions) -> Steps[Changes]:
    """Decide to change a record. If nothing changes, there is no event.

    Raises InvalidError with every problem, NotFoundError, VersionConflictError, and the errors of ``edit``.
    """
    record = yield from _expected_record(resource, who, key, parent, expected)
    draft = settled(edit(record.value), record.value)
    proposal = Proposal(who=who, before=record.value, sent=draft.values)
    validated = yield from _validate(resource, proposal, draft)
    shown, hidden = _divided(resource, validated)
    return (yield from _put(resource, who, record, key, evolve(record.value, **shown), hidden))


def delete(resource: Resource, who: Caller, key: Key, parent: object, expected: Versions) -> Steps[Changes]:
    """Decide to delete a record and the records that belong to it (decision 13).

    Raises NotFoundError, VersionConflictError, InUseError if other records refer to it.
    """
    record = yield from _expected_record(resource, who, key, parent, expected)
    owned = [Search(child.name, ((name, key.id),)) for child, name in referring(resource, owned=True)]
    holders = {
        other: Search(other.name, tuple((name, key.id) for _, name in pairs), any_field=True)
        for other, pairs in groupby(referring(resource, owned=False), key=itemgetter(0))
    }
    known = yield Needs(children=frozenset(owned), counts=frozenset(holders.values()))
    _refuse_in_use(resource, {other: known.counts[search] for other, search in holders.items()})
    children = [_RecordChange(child.key, child, None) for search in owned for child in known.children[search]]
    return (yield from _changes(who, _RecordChange(key, record, None), before=children))


def key_of(resource: Resource, id_: UUID) -> Key:
    """Return the key of one of the resource's records."""
    return Key(resource.name, id_)


def existing_record(resource: Resource, key: Key, parent: object, known: Known) -> Record:
    """Return a needed record. Raises NotFoundError if it does not exist, or not inside its parent."""
    record = known.records[key]
    if record is None or (parent is not None and getattr(record.value, resource.parent or "") != parent):
        raise NotFoundError
    return record


def owner_needs(resource: Resource, parent: object) -> Needs:
    """Return the need to know whether the owner of a record exists, if the parent in the path is an owner.

    Raises NotFoundError if no owner is named.
    """
    owner = resource.references.get(resource.parent or "")
    if owner is None:
        return Needs()
    if not isinstance(parent, UUID):
        raise NotFoundError
    return Needs(references=frozenset({Key(owner, parent)}))


def does_not_exist(key: Key) -> Problems:
    """Return the problem of a reference to something that does not exist."""
    return (Problem("does_not_exist", f'Invalid pk "{abbreviated(key.id)}" - object does not exist.'),)


def event_of(
    who: Caller,
    key: Key,
    before: Record | None,
    after: object | None,
    *,
    definitions: Mapping[str, Attribute] = _NO_DEFINITIONS,
    cause: Mapping[str, object] = _NO_CAUSE,
) -> Event:
    """Return the event that takes a record from one value to the next; None stands for no record.

    Args:
        who: the caller.
        key: the record's key.
        before: the record before the change.
        after: its new value, as ``with_unchanged`` returns it.
        definitions: the attributes that are defined for the entity, by name.
        cause: why the change is made (``Event.cause``).
    """
    kind: EventKind = "created" if before is None else "deleted" if after is None else "updated"
    assert isinstance(key.id, UUID)  # noqa: S101  # users have integers, but they are not records
    return Event(
        resource=key.resource,
        record=key.id,
        version=_next_version(before),
        kind=kind,
        actor=None if who.actor is SYSTEM else who.actor.user.id,
        actor_name=who.actor.user.name,
        request_id=who.request_id,
        at=who.now,
        changes=record_changes(before.value if before else None, after, definitions),
        cause=cause,
    )


def _next_version(before: Record | None) -> int:
    return before.version + 1 if before else 1


def _expected_record(resource: Resource, who: Caller, key: Key, parent: object, expected: Versions) -> Steps[Record]:
    known = yield Needs(records=frozenset({key}), ahead=who.ahead) | _catalog_needs(resource, who)
    record = existing_record(resource, key, parent, known)
    if expected is not None and record.version not in expected:
        raise VersionConflictError(record.version)
    return record


def _catalog_needs(resource: Resource, who: Caller) -> Needs:
    return catalog_of(resource.name, who) if resource.has_catalog else Needs()


def _validate(resource: Resource, proposal: Proposal, draft: Draft) -> Steps[dict[str, Any]]:
    """Return the values to write, after all rules. Raises InvalidError with the problems of all of them."""
    if ACROSS_FIELDS in draft.problems:  # the input is not an object, so it has no fields
        raise InvalidError(draft.problems)
    keys = _referenced(resource, proposal)
    known = yield Needs(references=frozenset(keys.values())) | _catalog_needs(resource, proposal.who)
    missing = {name: does_not_exist(key) for name, key in keys.items() if not known.exists(key)}
    problems = dict(draft.problems) | missing
    values = dict(proposal.sent) | _merged(resource, proposal, draft)
    for rule in (_validate_attributes, _validate_tasks_and_notes, _validate_own):
        try:
            values |= yield from rule(resource, evolve(proposal, sent=values), draft)
        except InvalidError as error:
            problems |= {name: more for name, more in error.problems.items() if name not in problems}
    if problems:
        raise InvalidError(problems)
    return values


def _merged(resource: Resource, proposal: Proposal, draft: Draft) -> dict[str, Any]:
    # Attributes are merged by ``validate_values``, which needs their definitions.
    names = [name for name in draft.merges if resource.fields[name].kind == "mapping"]
    return {name: merged(getattr(proposal.before, name), proposal.sent[name]) for name in names}


def _referenced(resource: Resource, proposal: Proposal) -> Mapping[str, Key]:
    """Return what is newly referred to; what was referred to already may be sent back (decision 12)."""
    named = ((name, to, proposal.sent.get(name)) for name, to in resource.references.items())
    fields, before = resource.fields, proposal.before
    return {
        name: Key(ACTIVE_USER if to == "user" else to, id_)
        for name, to, id_ in named
        if id_ is not None and not fields[name].output_only and id_ != getattr(before, name, None)
    }


def _validate_attributes(resource: Resource, proposal: Proposal, draft: Draft) -> Steps[Mapping[str, object]]:
    # A new record's attributes are checked even if none were sent: some may be required.
    if "attributes" not in resource.fields or not proposal.touches("attributes"):
        return {}
    known = yield _catalog_needs(resource, proposal.who)
    values, problems = validate_values(
        known.catalogs[resource.name].definitions,
        getattr(proposal.before, "attributes", {}),
        proposal.sent["attributes"],
        merge="attributes" in draft.merges,
    )
    if problems:
        raise InvalidError({"attributes": problems})
    return {"attributes": values}


@without_needs
def _validate_tasks_and_notes(resource: Resource, proposal: Proposal, _: Draft) -> Mapping[str, object]:
    values: dict[str, object] = {}
    problems: dict[str, Problems] = {}
    for name in ("list_of_tasks", "list_of_notes"):
        if resource.has_tasks_and_notes and proposal.touches(name):
            try:
                values[name] = tasks_and_notes.assign_authors(
                    getattr(proposal.before, name, ()), proposal.sent[name], proposal.who
                )
            except InvalidError as error:
                problems[name] = error.problems
    if problems:
        raise InvalidError(problems)
    return values


def _validate_own(resource: Resource, proposal: Proposal, _: Draft) -> Steps[Mapping[str, object]]:
    return resource.validate(proposal)


def _divided(resource: Resource, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the values of the record's fields, and those that are stored beside it."""
    shown = {name: value for name, value in values.items() if name in resource.fields}
    return shown, {name: value for name, value in values.items() if name in resource.hidden}


class _RecordChange(NamedTuple):
    """The change of one record; None stands for no record."""

    key: Key
    before: Record | None
    after: object | None
    hidden: Mapping[str, UUID] = _NOTHING


def _put(
    resource: Resource, who: Caller, before: Record | None, key: Key, after: object, hidden: Mapping[str, UUID]
) -> Steps[Changes]:
    old = None if before is None else before.value
    after = after if old is None else with_unchanged(old, after)
    if old is not None and not differences(old, after):
        return Changes(answer=key, receipt=_receipt(who))
    cascade = yield from resource.cascade(old, after)
    followers = [_RecordChange(record.key, record, with_unchanged(record.value, value)) for record, value in cascade]
    return (yield from _changes(who, _RecordChange(key, before, after, hidden), after=followers, answer=key))


def _changes(
    who: Caller,
    main: _RecordChange,
    *,
    before: Sequence[_RecordChange] = (),
    after: Sequence[_RecordChange] = (),
    answer: Key | None = None,
) -> Steps[Changes]:
    """Return changes of records as writes, with the deliveries to webhooks that follow (decision 26).

    Args:
        who: the caller.
        main: the change that was asked for.
        before: the changes that follow from it and must be written first.
        after: the changes that follow from it and are written afterwards.
        answer: the key of the record that the caller gets.
    """
    changes = (*before, main, *after)
    catalogs = {each.key.resource for each in changes if RESOURCES[each.key.resource].has_catalog}
    known = yield Needs(catalogs={name: who.catalogs.get(name) for name in catalogs})
    followed = {"resource": main.key.resource, "record": main.key.id, "version": _next_version(main.before)}
    writes: list[Put | Remove] = []
    deliveries: list[Delivery] = []
    for change in changes:
        catalog = known.catalogs.get(change.key.resource, _NO_CATALOG)
        cause = _NO_CAUSE if change is main else followed
        event = event_of(who, *change[:3], definitions=catalog.definitions, cause=cause)
        old = change.before.value if change.before else None
        new = None if change.after is None else with_stamps(change.after, event)
        writes.append(Remove(change.key, event) if new is None else Put(change.key, new, event, change.hidden))
        if catalog.webhooks:
            candidates = catalog.webhook_index.candidates(old if new is None else new)
            deliveries += plan(candidates, event, old, new)
    receipt = _receipt(who) if answer else None
    return Changes(writes=tuple(writes), deliveries=tuple(deliveries), answer=answer, receipt=receipt)


def _receipt(who: Caller) -> ReceiptKey | None:
    return ReceiptKey(who.actor.user.id, who.idempotency) if who.idempotency else None


def _refuse_in_use(resource: Resource, counts: Mapping[Resource, int]) -> None:
    phrases = [f"{count} {other.label[count != 1]}" for other, count in counts.items() if count]
    if phrases:
        raise InUseError(f"This {resource.label[0]} is referred to by {' and '.join(phrases)}.")
