"""Events: what happened to a record, by whom, and what it changed. They are appended in the commit of the change."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

import attrs

from crm_core.input.fields import fields_of

Kind: TypeAlias = Literal["created", "updated", "deleted"]


@attrs.frozen(kw_only=True)
class Event:
    """One change of one record.

    Attributes:
        resource: the resource's name.
        record: the record's id.
        version: the version that the change made, or for a delete the one after the last.
        kind: created, updated or deleted.
        actor: the id of the user who did it.
        actor_name: that user's name at the time.
        request_id: the request that it was part of, if there was one.
        at: when it was decided, UTC.
        changes: per field ``from`` and ``to``; for lists of tasks, notes or stages only the items that came, went
            or changed; for a created or deleted record every field. Secret values are left out.
    """

    resource: str
    record: UUID
    version: int
    kind: Kind
    actor: int | None
    actor_name: str
    request_id: str
    at: datetime
    changes: Mapping[str, object]


def differences(before: object | None, after: object | None) -> Mapping[str, object]:
    """What changed from one value of a record to the next; None stands for no record."""
    entity = type(after if after is not None else before)
    found: dict[str, object] = {}
    for name, field in fields_of(entity).items():
        old, new = getattr(before, name, None), getattr(after, name, None)
        if before is not None and after is not None and same(old, new):
            continue
        if field.secret:
            found[name] = {"from": sorted(old or ()), "to": sorted(new or ())}
        elif field.item is not None and before is not None and after is not None and "id" in fields_of(field.item):
            found[name] = _item_differences(old or (), new or ())
        else:
            found[name] = _ends(before, after, old, new)
    return found


def same(old: object, new: object) -> bool:
    """Whether two values are one JSON value. Numbers compare as numbers, but true is not 1."""
    return old is new or (old == new and _booleans(old) == _booleans(new))


def _booleans(value: object) -> object:
    """Where a value holds booleans, which Python takes for equal to 0 and 1."""
    if isinstance(value, Mapping):
        return {key: _booleans(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [_booleans(each) for each in value]
    if attrs.has(type(value)):
        return [_booleans(each) for each in vars(value).values()]
    return isinstance(value, bool)


def _ends(before: object | None, after: object | None, old: object, new: object) -> Mapping[str, object]:
    ends = {}
    if before is not None:
        ends["from"] = old
    if after is not None:
        ends["to"] = new
    return ends


def _item_differences(old: Iterable[object], new: Iterable[object]) -> Mapping[str, object]:
    """Items are told apart by their id; one that only moved within the list has not changed."""
    before, after = list(old), list(new)
    # A thousand items stay the very objects that they were when one of them changes.
    kept = {id(item) for item in before} & {id(item) for item in after}
    olds = {getattr(item, "id", None): item for item in before if id(item) not in kept}
    news = {getattr(item, "id", None): item for item in after if id(item) not in kept}
    return {
        "added": [item for key, item in news.items() if key not in olds],
        "removed": [item for key, item in olds.items() if key not in news],
        "changed": [{"from": olds[k], "to": item} for k, item in news.items() if k in olds and olds[k] != item],
    }
