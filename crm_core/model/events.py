"""Events: the changes of records and their authors. They are stored in the transaction of the change."""

import itertools
import operator
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal, NamedTuple, TypeAlias
from uuid import UUID

import attrs

from crm_core.input.decimals import FixedPoint
from crm_core.input.fields import Field, fields_of

#: The kinds of changes that webhooks can subscribe to. Clients must accept other kinds of events in a history.
EventKind: TypeAlias = Literal["created", "updated", "deleted"]
#: All kinds of events: an erasure deletes a record too, and leaves none of its values (decision 117); a baseline holds
#: the record as it was after its older events, which are no longer kept (decision 119).
RecordedKind: TypeAlias = Literal[EventKind, "erased", "baseline"]

#: The kinds of events after which a record is not there.
GONE_KINDS: Final = frozenset({"deleted", "erased"})


@attrs.frozen(kw_only=True)
class Event:
    """One change of one record.

    Attributes:
        resource: the resource's name.
        record: the record's id.
        version: the version that the change made; for a delete the last version plus one. A record that is created
            again after a delete goes on counting.
        kind: created, updated, deleted, erased or baseline.
        actor: the id of the user who made the change; None for the system.
        actor_name: that user's name at the time.
        request_id: the id of the request that made the change; empty if there was none.
        at: when the change was decided, UTC.
        changes: what changed, in the form of ``recorded_changes.record_changes``. Secret values are left out.
        cause: why the change was made, if the request does not tell: ``restored_from`` is the version that was
            restored; ``merged_from``, ``taken``, ``merged_into`` and ``unmerged`` tell of merges (decision 150);
            ``resource``, ``record`` and ``version`` name the change that this one followed from in the same commit.
            More members may come.
    """

    resource: str
    record: UUID
    version: int
    kind: RecordedKind
    actor: int | None
    actor_name: str
    request_id: str
    at: datetime
    changes: Mapping[str, object]
    cause: Mapping[str, object] = attrs.field(factory=dict)


class EventPlace(NamedTuple):
    """The place of an event among those of a run: they are read from the newest record to the oldest.

    Attributes:
        record: the record's id. Ids ascend with time.
        version: the version that the event made.
    """

    record: UUID
    version: int


def differences(before: object | None, after: object | None) -> Mapping[str, Mapping[str, Any]]:
    """Return the changes from one value of a record to the next, in the form that webhooks get (decision 27).

    By field ``from`` and ``to``; for lists of tasks, notes or stages ``added``, ``removed`` and ``changed`` items; for
    a created or deleted record every field. Secret values are left out.

    Args:
        before: the record before the change; None for a new record.
        after: the record after the change; None for a deleted record.
    """
    if before is None:
        return _whole("to", after)
    if after is None:
        return _whole("from", before)
    changes: dict[str, Mapping[str, Any]] = {}
    for name, field in fields_of(type(after)).items():
        old, new = getattr(before, name), getattr(after, name)
        if old is new or field.is_stamp or same(old, new):
            continue
        if field.item is not None and "id" in fields_of(field.item):
            changes[name] = _item_differences(old or (), new or ())
        else:
            changes[name] = {"from": _without_secrets(field, old), "to": _without_secrets(field, new)}
    return changes


def same(old: object, new: object) -> bool:
    """Return whether two values are the same JSON value. Numbers compare as numbers, but true is not 1.

    >>> same(1, 1.0), same(1, True)
    (True, False)
    """
    if old is new:
        return True
    try:
        if type(old) is type(new) and type(old) in _SCALARS:  # most values; to look for booleans in them takes longer
            return old == new
        return old == new and (isinstance(old, str) or _are_identical(old, new) or _booleans(old) == _booleans(new))
    except InvalidOperation:  # a signaling NaN, which is not the same as anything
        return False


_SCALARS: Final[frozenset[type]] = frozenset({str, int, bool, Decimal, FixedPoint, date, datetime, UUID})


def _are_identical(old: object, new: object) -> bool:
    """Return whether two equal tuples hold the same objects, as those of unchanged items do: no need to look inside."""
    return isinstance(old, tuple) and isinstance(new, tuple) and all(map(operator.is_, old, new))


def _booleans(value: object) -> object:
    """Return the places of the booleans in a value, because in Python they equal 0 and 1."""
    if isinstance(value, Mapping):
        return {key: _booleans(member) for key, member in value.items()}
    if isinstance(value, tuple | list):
        return [_booleans(item) for item in value]
    if attrs.has(type(value)):
        return [_booleans(member) for member in vars(value).values()]
    return isinstance(value, bool)


def _whole(end: str, record: object) -> Mapping[str, Mapping[str, Any]]:
    fields, members = fields_of(type(record)), vars(record)
    return {
        name: {end: members[name] if field.redact is None else _without_secrets(field, members[name])}
        for name, field in fields.items()
    }


def _without_secrets(field: Field, value: Any) -> object:
    """Return a value of a field without its secrets; of an object with secrets the names."""
    if field.redact is None:
        return value
    if field.kind == "mapping":
        return sorted(value or ())
    return None if value is None else field.redact(value)


def common_ends(old: Sequence[object], new: Sequence[object]) -> tuple[int, int]:
    """Return how many items are the same objects at the beginning of two lists, and how many at the end of the rest.

    Most changes of a long list touch one item, so the others need no look.

    >>> common_ends("abcd", "abxcd"), common_ends("aa", "aaa")
    ((2, 2), (2, 0))
    """
    start = _count_same(old, new)
    rest = min(len(old), len(new)) - start
    return start, min(rest, _count_same(reversed(old), reversed(new)))


def _count_same(old: Iterable[object], new: Iterable[object]) -> int:
    return sum(itertools.takewhile(bool, map(operator.is_, old, new)))


def _item_differences(old: Sequence[Any], new: Sequence[Any]) -> Mapping[str, Any]:
    """Compare items by id; an item that only moved within the list has not changed."""
    start, end = common_ends(old, new)
    before, after = old[start : len(old) - end], new[start : len(new) - end]
    # Unchanged items are the same objects before and after: identity saves comparing them.
    kept = {id(item) for item in before} & {id(item) for item in after}
    olds = _by_id([item for item in before if id(item) not in kept])
    news = _by_id([item for item in after if id(item) not in kept])
    return {
        "added": [item for key, item in news.items() if key not in olds],
        "removed": [item for key, item in olds.items() if key not in news],
        "changed": [{"from": olds[k], "to": item} for k, item in news.items() if k in olds and olds[k] != item],
    }


def _by_id(items: Sequence[Any]) -> Mapping[object, Any]:
    return dict(zip(ids_of(items), items, strict=True))


def ids_of(items: Sequence[Any]) -> list[object]:
    """Return the ids of items; of UUIDs the integers, whose hashes C computes, not Python."""
    if items and isinstance(items[0].id, UUID):
        return [item.id.int for item in items]
    return [item.id for item in items]
