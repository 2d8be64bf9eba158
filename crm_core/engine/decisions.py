"""The decisions to create, change and delete a record: generators that return the changes to commit.

Each decision reads from top to bottom, and yields :class:`~crm_core.rules.needs.Needs` where it needs data.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from uuid import UUID

from attrs import evolve

from crm_core.engine.changes import Changes
from crm_core.engine.unchanged import completed_draft
from crm_core.engine.validation import catalog_versions, divided, validated
from crm_core.engine.writing import NO_CAUSE, RecordChange, changes_of, receipt_of
from crm_core.errors import (
    InUseError,
    NotFoundError,
    VersionConflictError,
)
from crm_core.input.drafts import Draft, Edit, with_defaults
from crm_core.input.readers import RefusedError, read_uuid
from crm_core.model.accounts import SYSTEM, Caller
from crm_core.model.entities import BUILDING
from crm_core.model.recorded_changes import with_unchanged, with_values
from crm_core.model.records import Key, Record, Versions
from crm_core.resources import Resource, referring
from crm_core.rules.needs import Known, Needs, Proposal, Search, Steps


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
    refused = draft.problems.keys() - {resource.parent}  # the parent in the path is right, though a body may name it
    sent = {name: value for name, value in values.items() if name not in refused}
    values = yield from validated(resource, Proposal(who=who, before=None, sent=sent), draft)
    shown, hidden = divided(resource, values)
    return (yield from _put(resource, who, RecordChange(key, None, resource.entity(**shown), hidden)))


def change(
    resource: Resource,
    who: Caller,
    key: Key,
    edit: Edit,
    parent: object,
    expected: Versions,
    *,
    cause: Mapping[str, object] = NO_CAUSE,
    always: bool = False,
) -> Steps[Changes]:
    """Decide to change a record. If nothing changes, there is no event.

    Args:
        resource: the resource of the record.
        who: the caller.
        key: the record's key.
        edit: returns the new values.
        parent: the value of the field that comes with the path, if the resource has one.
        expected: the versions that the record may have; None for any.
        cause: why the record is changed (``Event.cause``).
        always: leave an event, which has the cause, even if nothing changes.

    Raises InvalidError with every problem, NotFoundError, VersionConflictError, and the errors of ``edit``.
    """
    record = yield from expected_record(resource, who, key, parent, expected)
    draft = completed_draft(edit(record.value), record.value)
    proposal = Proposal(who=who, before=record.value, sent=draft.values)
    values = yield from validated(resource, proposal, draft)
    shown, hidden = divided(resource, values)
    after = with_values(record.value, shown)
    return (yield from _put(resource, who, RecordChange(key, record, after, hidden, cause), always=always))


def delete(
    resource: Resource,
    who: Caller,
    key: Key,
    parent: object,
    expected: Versions,
    *,
    cause: Mapping[str, object] = NO_CAUSE,
) -> Steps[Changes]:
    """Decide to delete a record and the records that belong to it (decision 13); the arguments are as in ``change``.

    Raises NotFoundError, VersionConflictError, InUseError if other records refer to it.
    """
    record = yield from expected_record(resource, who, key, parent, expected)
    children = yield from owned_children(resource, key)
    changes = [RecordChange(child.key, child, None) for child in children]
    return (yield from changes_of(who, RecordChange(key, record, None, cause=cause), before=changes))


def owned_children(resource: Resource, key: Key) -> Steps[Sequence[Record]]:
    """Return the records that belong to a record that is to be deleted (decision 13).

    Raises InUseError if other records refer to it.
    """
    owned = [Search(child.name, ((name, key.id),)) for child, name in referring(resource, owned=True)]
    holders = {
        other: Search(other.name, tuple((name, key.id) for _, name in pairs), any_field=True)
        for other, pairs in groupby(referring(resource, owned=False), key=itemgetter(0))
    }
    known = yield Needs(children=frozenset(owned), counts=frozenset(holders.values()))
    _refuse_in_use(resource, {other: known.counts[search] for other, search in holders.items()})
    return [child for search in owned for child in known.children[search]]


def finish_unique(who: Caller, key: Key, *, is_built: bool) -> Steps[Changes]:
    """Decide that an attribute is unique from now on, or that it cannot be; nothing unless its index is being built.

    It completes the last change of the attribute, and has its time.
    """
    known = yield Needs(records=frozenset({key}))
    record = known.records[key]
    if record is None or record.value.is_unique != BUILDING:
        return Changes()
    who = evolve(who, now=record.value.updated_at or who.now)
    return (yield from changes_of(who, RecordChange(key, record, evolve(record.value, is_unique=is_built))))


def key_of(resource: Resource, id_: UUID | str) -> Key:
    """Return the key of one of the resource's records. Raises NotFoundError for what is no id."""
    return Key(resource.name, id_of(id_))


def id_of(value: UUID | str) -> UUID:
    """Return an id that was sent, in any spelling. Raises NotFoundError for what is no id."""
    try:
        return value if isinstance(value, UUID) else read_uuid(value)
    except RefusedError:
        raise NotFoundError from None


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


def expected_record(resource: Resource, who: Caller, key: Key, parent: object, expected: Versions) -> Steps[Record]:
    """Return a record that is to be changed. Raises NotFoundError, VersionConflictError."""
    known = yield Needs(records=frozenset({key}), ahead=who.ahead, catalogs=catalog_versions(resource, who))
    record = existing_record(resource, key, parent, known)
    if expected is not None and record.version not in expected:
        raise VersionConflictError(record.version)
    return record


def _put(resource: Resource, who: Caller, change: RecordChange, *, always: bool = False) -> Steps[Changes]:
    old = None if change.before is None else change.before.value
    if old is not None and not always and change.after is old:
        return Changes(answer=change.key, receipt=receipt_of(who))
    cascade = yield from resource.cascade(old, change.after)
    followers = [RecordChange(record.key, record, with_unchanged(record.value, value)) for record, value in cascade]
    return (yield from changes_of(who, change, after=followers, answer=change.key))


def _refuse_in_use(resource: Resource, counts: Mapping[Resource, int]) -> None:
    phrases = [f"{count} {other.label[count != 1]}" for other, count in counts.items() if count]
    if phrases:
        raise InUseError(f"This {resource.label[0]} is referred to by {' and '.join(phrases)}.")
