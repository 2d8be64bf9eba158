"""The decision to undo one change of a run, as far as nobody has built on it since (decision 120)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import attrs

from crm_core.engine import decisions
from crm_core.engine.changes import Changes
from crm_core.engine.restorations import Returning, bring_back
from crm_core.engine.writing import RecordChange, changes_of
from crm_core.imports.runs import RowProblem
from crm_core.input.drafts import Draft
from crm_core.model.accounts import Caller
from crm_core.model.entities import ATTRIBUTE_PREFIX, Attribute
from crm_core.model.events import Event, same
from crm_core.model.plain_values import plain, typed
from crm_core.model.records import Key, Record
from crm_core.resources import Resource, referring
from crm_core.rules.needs import Needs, Search, Steps, catalog_of

#: The kind of each action that undoes a change, by the kind of the change.
OPPOSITES: Final[Mapping[str, str]] = {"add": "delete", "change": "change", "delete": "add"}

_NO_DEFINITIONS: Final[Mapping[str, Attribute]] = {}
_DELETED: Final = RowProblem("", "deleted", "The record was deleted since.")
_ERASED: Final = RowProblem("", "erased", "The record was erased since.")
_FOLDED: Final = RowProblem("", "folded", "The history of this change is no longer kept.")
_EXISTS: Final = RowProblem("", "exists", "The record is there again.")


@attrs.frozen(kw_only=True)
class PastChange:
    """A change of a run that is to be undone.

    Attributes:
        event: its event.
        ends: the plain values of the fields that it changed, before and after it; attributes by the names that they had
            then, and of lists the whole lists.
        is_folded: these are not known any more (decision 106).
        returning: for a deleted record, what it was; None if it was erased since.
        even_edited: delete a record that the run created also if others have edited it since.
    """

    event: Event
    ends: Mapping[str, tuple[Any, Any]]
    is_folded: bool = False
    returning: Returning | None = None
    even_edited: bool = False

    @property
    def key(self) -> Key:
        """Return the key of its record."""
        return Key(self.event.resource, self.event.record)


@attrs.frozen(kw_only=True)
class Undone(Changes):
    """The changes that undo a change of a run.

    Attributes:
        kept: why it is not undone, or not all of it; empty if it is.
    """

    kept: tuple[RowProblem, ...] = ()


def undo(resource: Resource, who: Caller, change: PastChange) -> Steps[Undone]:
    """Decide to undo a change.

    A record that was created is deleted unless others have edited it, or others refer to it. Of one that was changed
    the fields get the values from before which still have those that the change gave them. One that was deleted comes
    back. What others have built on stays, with the reason.

    Args:
        resource: the resource of the record.
        who: the caller.
        change: the change.

    Raises InvalidError if a rule does not allow it any more.
    """
    kind = change.event.kind
    if kind not in _UNDO or change.is_folded:
        return Undone(kept=(_FOLDED,))
    return (yield from _UNDO[kind](resource, who, change))


def ends_of(resource: Resource, event: Event) -> Mapping[str, tuple[Any, Any]]:
    """Return the values before and after an event of the fields that clients can set (``PastChange.ends``).

    Of lists of items these are the items that changed; what was erased is left out.
    """
    changes: Mapping[str, Any] = event.changes
    return {name: (change.get("from"), change.get("to")) for name, change in changes.items() if _is_set(resource, name)}


def _is_set(resource: Resource, name: str) -> bool:
    field = resource.fields.get("attributes" if _is_attribute(name) else name)
    return field is not None and not field.output_only and field.redact is None and name not in resource.copies.values()


def _uncreated(resource: Resource, who: Caller, change: PastChange) -> Steps[Undone]:
    record, definitions = yield from _now(resource, who, change)
    if record is None:
        return Undone(kept=(_DELETED,))
    if record.version != change.event.version and not change.even_edited:
        edited = [_edited(name) for name, _ in _changed_since(record, change, definitions)]
        if edited:
            return Undone(kept=tuple(edited))
    referring_ = yield from _referring(resource, record.key)
    if referring_:
        text = f"The record is referred to by {' and '.join(referring_)}."
        return Undone(kept=(RowProblem("", "referred_to", text),))
    return _undone((yield from changes_of(who, RecordChange(record.key, record, None))))


def _unchanged(resource: Resource, who: Caller, change: PastChange) -> Steps[Undone]:
    record, definitions = yield from _now(resource, who, change)
    if record is None:
        return Undone(kept=(_DELETED,))
    back, kept = dict[str, Any](), list[RowProblem]()
    changed = dict(_changed_since(record, change, definitions))
    for name, (before, _) in change.ends.items():
        if name not in changed:
            back[name] = before
        elif not same(changed[name], before):  # otherwise others have undone it
            kept.append(_edited(name))
    if not back:
        return Undone(kept=tuple(kept))
    draft = _draft(resource, record, change, back, definitions)
    return _undone((yield from decisions.change(resource, who, record.key, lambda _: draft, None, None)), kept)


def _undeleted(resource: Resource, who: Caller, change: PastChange) -> Steps[Undone]:
    record, _ = yield from _now(resource, who, change)
    if record is not None:
        return Undone(kept=(_EXISTS,))
    if change.returning is None:
        return Undone(kept=(_ERASED,))
    return _undone((yield from bring_back(who, change.returning, ())))


_Undo = Callable[[Resource, Caller, PastChange], Steps[Undone]]
_UNDO: Final[Mapping[str, _Undo]] = {"created": _uncreated, "updated": _unchanged, "deleted": _undeleted}


def _now(resource: Resource, who: Caller, change: PastChange) -> Steps[tuple[Record | None, Mapping[str, Attribute]]]:
    """Return the record as it is, and the attributes that are defined."""
    needs = Needs(records=frozenset({change.key}))
    if not resource.has_catalog:
        return (yield needs).records[change.key], _NO_DEFINITIONS
    known = yield needs | catalog_of(resource.name, who)
    return known.records[change.key], known.catalogs[resource.name].definitions


def _changed_since(
    record: Record, change: PastChange, definitions: Mapping[str, Attribute]
) -> Iterator[tuple[str, Any]]:
    """Yield each field that has not the value that the change gave it, with its value now.

    Of a record that was created, these are also the attributes that were set since.
    """
    attributes = getattr(record.value, "attributes", {})
    names = {name: _attribute_now(name, change.event, definitions) for name in change.ends if _is_attribute(name)}
    for name, (_, after) in change.ends.items():
        value = attributes.get(names[name]) if name in names else plain(getattr(record.value, name))
        if not same(value, after) and not (value is None and after is None):
            yield name, value
    if change.event.kind == "created":
        for name in attributes.keys() - set(names.values()):
            yield f"{ATTRIBUTE_PREFIX}{name}", attributes[name]


def _is_attribute(name: str) -> bool:
    return name.startswith(ATTRIBUTE_PREFIX)


def _attribute_now(name: str, event: Event, definitions: Mapping[str, Attribute]) -> str:
    """Return the name that an attribute has by now: it may have been renamed since the event."""
    change: Any = event.changes[name]
    id_ = str(change.get("attribute", ""))
    found = (each.name for each in definitions.values() if id_ == str(each.id))
    return next(found, name.removeprefix(ATTRIBUTE_PREFIX))


def _draft(
    resource: Resource,
    record: Record,
    change: PastChange,
    back: Mapping[str, Any],
    definitions: Mapping[str, Attribute],
) -> Draft:
    """Return the values from before the change as the input for a record."""
    values: dict[str, Any] = {
        name: typed(resource.fields[name], value) for name, value in back.items() if not _is_attribute(name)
    }
    attributes = {
        _attribute_now(name, change.event, definitions): value for name, value in back.items() if _is_attribute(name)
    }
    if attributes:
        whole = {**record.value.attributes, **attributes}
        values["attributes"] = {name: value for name, value in whole.items() if value is not None}
    return Draft(values, restored_with=frozenset())


def _referring(resource: Resource, key: Key) -> Steps[Sequence[str]]:
    """Return how many records of each kind refer to a record, in words."""
    pairs = sorted((*referring(resource, owned=True), *referring(resource, owned=False)), key=lambda each: each[0].name)
    searches = {
        other: Search(other.name, tuple((name, key.id) for _, name in each), any_field=True)
        for other, each in groupby(pairs, key=itemgetter(0))
    }
    known = yield Needs(counts=frozenset(searches.values()))
    counts = {other: known.counts[search] for other, search in searches.items()}
    return [f"{count} {other.label[count != 1]}" for other, count in counts.items() if count]


def _edited(name: str) -> RowProblem:
    return RowProblem(name, "edited", "It was changed since.")


def _undone(changes: Changes, kept: Sequence[RowProblem] = ()) -> Undone:
    return Undone(writes=changes.writes, deliveries=changes.deliveries, kept=tuple(kept))
