"""The form in which events record changes: exact, so that every version of a record can be built from its events.

- A field has ``from`` and ``to``; the event of a created record has ``to`` only, that of a deleted one ``from`` only.
- Each attribute is recorded on its own, as ``attributes.<name>``. Beside ``from`` and ``to``, where null stands for no
  value, ``attribute`` is the id of its definition, by which it is found after the name has changed; it is left out
  where there is no definition.
- A list whose items have distinct ids has ``added``, ``removed`` and ``changed`` items, and ``order``, the ids of all
  items, unless the order is that of the old items without the removed ones, and then the added ones.
- When and by whom a record was changed is not recorded, as the event itself says so.
- A secret value is recorded without what is secret in it (``Field.redact``).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from crm_core.input.fields import fields_of
from crm_core.model.entities import ATTRIBUTE_PREFIX, Attribute
from crm_core.model.events import Event, differences, ids_of, same
from crm_core.model.members import with_members

_NO_VALUES: Final[Mapping[str, object]] = {}


def record_changes(
    before: object | None, after: object | None, definitions: Mapping[str, Attribute]
) -> Mapping[str, object]:
    """Return the changes from one value of a record to the next, in the form described above.

    Args:
        before: the record before the change; None for a new record.
        after: the record after the change, as ``with_unchanged`` returns it; None for a deleted record.
        definitions: the attributes that are defined for the entity, by name.
    """
    fields = fields_of(type(before if after is None else after))
    changes: dict[str, object] = {}
    for name, change in differences(before, after).items():
        field = fields[name]
        if field.is_stamp:
            continue
        if field.kind == "attributes":
            changes |= _attribute_changes(getattr(before, name, None), getattr(after, name, None), definitions)
        elif "added" in change:
            changes[name] = _item_changes(change, getattr(before, name), getattr(after, name))
        else:
            changes[name] = change
    return changes


def with_unchanged(before: Any, after: Any) -> Any:
    """Return the new value of a record with what it held already in place of equal values (``with_values``)."""
    return with_values(before, {name: getattr(after, name) for name in fields_of(type(after))})


def with_values(before: Any, values: Mapping[str, Any]) -> Any:
    """Return a record with new values of some fields; the record itself if each is what the field holds already.

    Numbers keep their digits, and objects the order of their members, until they change; new members come last. So
    nothing changes that ``record_changes`` does not record. Times and users of changes stay (``with_stamps``).
    """
    fields, changed = fields_of(type(before)), {}
    for name, new in values.items():
        old = getattr(before, name)
        if not fields[name].is_stamp and not same(old, new):
            changed[name] = _with_unchanged_members(old, new) if fields[name].kind == "attributes" else new
    return with_members(before, changed) if changed else before


def with_stamps(value: Any, event: Event) -> Any:
    """Return the new value of a record with the time and the user of the event."""
    return with_members(value, {"updated_at": event.at, "updated_by": event.actor})


def _with_unchanged_members(old: Mapping[str, object], new: Mapping[str, object]) -> Mapping[str, object]:
    kept = {name: value if same(value, new[name]) else new[name] for name, value in old.items() if name in new}
    return {**kept, **{name: value for name, value in new.items() if name not in old}}


def _attribute_changes(
    before: Mapping[str, object] | None, after: Mapping[str, object] | None, definitions: Mapping[str, Attribute]
) -> Iterator[tuple[str, Mapping[str, object]]]:
    olds, news = before or _NO_VALUES, after or _NO_VALUES
    for name in {**olds, **news}:
        old, new = olds.get(name), news.get(name)
        if before is not None and after is not None and same(old, new):
            continue
        change: dict[str, object] = {}
        if before is not None:
            change["from"] = old
        if after is not None:
            change["to"] = new
        if name in definitions:
            change["attribute"] = definitions[name].id
        yield f"{ATTRIBUTE_PREFIX}{name}", change


def _item_changes(change: Mapping[str, Any], before: Sequence[Any], after: Sequence[Any]) -> Mapping[str, object]:
    old, new = ids_of(before), ids_of(after)
    if len(set(old)) < len(old) or len(set(new)) < len(new):
        return {"from": before, "to": after}
    removed = set(ids_of(change["removed"]))
    kept = [id_ for id_ in old if id_ not in removed] if removed else old
    expected = kept + ids_of(change["added"])
    return change if new == expected else {**change, "order": [item.id for item in after]}
