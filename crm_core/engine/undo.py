"""The decision to undo one change of a run, as far as nobody has built on it since (decision 106)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final, TypeAlias

import attrs

from crm_core.engine import decisions
from crm_core.engine.changes import Changes
from crm_core.engine.restorations import Returning, bring_back
from crm_core.engine.validation import catalog_needs
from crm_core.engine.writing import RecordChange, changes_of
from crm_core.imports.runs import RowProblem
from crm_core.input.drafts import Draft
from crm_core.model.accounts import Caller
from crm_core.model.entities import ATTRIBUTE_PREFIX, Attribute
from crm_core.model.events import Event, same
from crm_core.model.plain_values import plain, typed
from crm_core.model.records import Key, Record
from crm_core.resources import Resource, referring
from crm_core.rules.needs import Known, Needs, Search, Steps

#: The kind of each action that undoes a change, by the kind of the change.
OPPOSITES: Final[Mapping[str, str]] = {"add": "delete", "change": "change", "delete": "add"}

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
        is_folded: these are not known any more (decision 119).
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
        yield _needs_of(resource, who, change)  # for those who ask for the record
        return Undone(kept=(_FOLDED,))
    return (yield from _UNDO[kind](resource, who, change))


def ends_of(resource: Resource, event: Event) -> Mapping[str, tuple[Any, Any]]:
    """Return the values before and after an event of the fields that clients can set (``PastChange.ends``).

    Of lists of items these are the items that changed; what was erased is left out.
    """
    changes: Mapping[str, Any] = event.changes
    fields = _fields_to_undo(resource)
    return {
        name: (change.get("from"), change.get("to"))
        for name, change in changes.items()
        if ("attributes" if _is_attribute(name) else name) in fields
    }


@cache
def _fields_to_undo(resource: Resource) -> frozenset[str]:
    copies = resource.copies.values()
    fields = resource.fields.items()
    return frozenset(
        name for name, field in fields if not field.output_only and field.redact is None and name not in copies
    )


def _delete(resource: Resource, who: Caller, change: PastChange) -> Steps[Undone]:
    searches = _searches(resource, change.key)
    known = yield _needs_of(resource, who, change) | Needs(counts=frozenset(searches.values()))
    record, definitions = known.records[change.key], _definitions(resource, known)
    if record is None:
        return Undone(kept=(_DELETED,))
    if record.version != change.event.version and not change.even_edited:
        edited = [_edited(name) for name, _ in _changed_since(record, change, definitions)]
        if edited:
            return Undone(kept=tuple(edited))
    counts = {other: known.counts[search] for other, search in searches.items()}
    phrases = [f"{count} {other.label[count != 1]}" for other, count in counts.items() if count]
    if phrases:
        text = f"The record is referred to by {' and '.join(phrases)}."
        return Undone(kept=(RowProblem("", "referred_to", text),))
    return _undone((yield from changes_of(who, RecordChange(record.key, record, None))))


def _change_back(resource: Resource, who: Caller, change: PastChange) -> Steps[Undone]:
    known = yield _needs_of(resource, who, change)
    record, definitions = known.records[change.key], _definitions(resource, known)
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


def _create_again(resource: Resource, who: Caller, change: PastChange) -> Steps[Undone]:
    known = yield _needs_of(resource, who, change)
    if known.records[change.key] is not None:
        return Undone(kept=(_EXISTS,))
    if change.returning is None:
        return Undone(kept=(_ERASED,))
    return _undone((yield from bring_back(who, change.returning, ())))


_Undo: TypeAlias = Callable[[Resource, Caller, PastChange], Steps[Undone]]
#: What undoes a change, by its kind.
_UNDO: Final[Mapping[str, _Undo]] = {"created": _delete, "updated": _change_back, "deleted": _create_again}


def _needs_of(resource: Resource, who: Caller, change: PastChange) -> Needs:
    return Needs(records=frozenset({change.key})) | catalog_needs(resource, who)


def _definitions(resource: Resource, known: Known) -> Mapping[str, Attribute]:
    return known.catalogs[resource.name].definitions if resource.has_catalog else {}


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


def _searches(resource: Resource, key: Key) -> Mapping[Resource, Search]:
    """Return the searches for records that refer to a record, by their resources."""
    return {
        other: Search(other.name, tuple((name, key.id) for name in names), any_field=True)
        for other, names in _references_to(resource)
    }


@cache
def _references_to(resource: Resource) -> Sequence[tuple[Resource, Sequence[str]]]:
    found: dict[Resource, list[str]] = {}
    for other, name in (*referring(resource, owned=True), *referring(resource, owned=False)):
        found.setdefault(other, []).append(name)
    return tuple(found.items())


def _edited(name: str) -> RowProblem:
    return RowProblem(name, "edited", "It was changed since.")


def _undone(changes: Changes, kept: Sequence[RowProblem] = ()) -> Undone:
    return Undone(writes=changes.writes, deliveries=changes.deliveries, kept=tuple(kept))
