"""The writes, events and deliveries of the changes of records."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from uuid import UUID

from crm_core.engine.changes import Changes, Put, Remove
from crm_core.engine.receipts import ReceiptKey
from crm_core.model.accounts import SYSTEM, Caller
from crm_core.model.entities import Attribute
from crm_core.model.events import Event, EventKind, RecordedKind
from crm_core.model.recorded_changes import record_changes, with_stamps
from crm_core.model.records import Key, Record
from crm_core.resources import RESOURCES
from crm_core.rules.needs import Catalog, Needs, Steps
from crm_core.webhooks.deliveries import Delivery, plan

_NOTHING: Final[Mapping[str, UUID]] = {}
#: The cause of a change that the request tells.
NO_CAUSE: Final[Mapping[str, object]] = {}
_NO_DEFINITIONS: Final[Mapping[str, Attribute]] = {}
_NO_CATALOG: Final = Catalog(0, {}, ())


class RecordChange(NamedTuple):
    """The change of one record; None stands for no record.

    Attributes:
        key: its key.
        before: the record before the change.
        after: its new value, as ``with_unchanged`` returns it.
        hidden: what is stored beside the document (``Put.hidden``).
        cause: why it changes (``Event.cause``).
        last_version: the version of the deletion of a record that comes back.
    """

    key: Key
    before: Record | None
    after: object | None
    hidden: Mapping[str, UUID] = _NOTHING
    cause: Mapping[str, object] = NO_CAUSE
    last_version: int = 0

    @property
    def version(self) -> int:
        """Return the version that the change makes."""
        return (self.before.version if self.before else self.last_version) + 1


def changes_of(
    who: Caller,
    main: RecordChange,
    *,
    before: Sequence[RecordChange] = (),
    after: Sequence[RecordChange] = (),
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
    writes: list[Put | Remove] = []
    deliveries: list[Delivery] = []
    for change in changes:
        catalog = known.catalogs.get(change.key.resource, _NO_CATALOG)
        event = event_of(who, change if change is main else _following(main, change), catalog.definitions)
        old = change.before.value if change.before else None
        new = None if change.after is None else with_stamps(change.after, event)
        writes.append(Remove(change.key, event) if new is None else Put(change.key, new, event, change.hidden))
        if catalog.webhooks and who.tells_webhooks:
            candidates = catalog.webhook_index.candidates(old if new is None else new)
            deliveries += plan(candidates, event, old, new, who.priority)
    receipt = receipt_of(who) if answer else None
    return Changes(writes=tuple(writes), deliveries=tuple(deliveries), answer=answer, receipt=receipt)


def _following(main: RecordChange, change: RecordChange) -> RecordChange:
    """Return a change with the one from which it follows as its cause."""
    followed = {"resource": main.key.resource, "record": main.key.id, "version": main.version}
    return change._replace(cause={**followed, **change.cause})


def event_of(who: Caller, change: RecordChange, definitions: Mapping[str, Attribute] = _NO_DEFINITIONS) -> Event:
    """Return the event of a change.

    Args:
        who: the caller.
        change: the change of one record.
        definitions: the attributes that are defined for the entity, by name.
    """
    before, after = change.before, change.after
    kind: EventKind = "created" if before is None else "deleted" if after is None else "updated"
    changes = record_changes(before.value if before else None, after, definitions)
    return event_by(who, change.key, change.version, kind, changes, cause=change.cause)


def event_by(
    who: Caller,
    key: Key,
    version: int,
    kind: RecordedKind,
    changes: Mapping[str, object],
    *,
    cause: Mapping[str, object] = NO_CAUSE,
) -> Event:
    """Return an event of a caller; its arguments are the attributes of the event."""
    assert isinstance(key.id, UUID)  # noqa: S101  # users have integers, but they are not records
    return Event(
        resource=key.resource,
        record=key.id,
        version=version,
        kind=kind,
        actor=None if who.actor is SYSTEM else who.actor.user.id,
        actor_name=who.actor.user.name,
        request_id=who.request_id,
        at=who.now,
        changes=changes,
        cause=cause,
    )


def receipt_of(who: Caller) -> ReceiptKey | None:
    """Return the key of the receipt that a request leaves; None if it has no idempotency key."""
    return ReceiptKey(who.actor.user.id, who.idempotency) if who.idempotency else None
