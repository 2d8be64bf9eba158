"""Completes the draft of a change by the record: values that are sent back unchanged are kept, and are no problem."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from crm_core.errors import Problems
from crm_core.input.drafts import Draft, ItemDraft
from crm_core.input.fields import Field, fields_of
from crm_core.model.events import same
from crm_core.model.members import with_members
from crm_core.model.plain_values import plain

#: A value, and the problems for which it is refused.
_Read: TypeAlias = tuple[object, Problems]


def completed_draft(draft: Draft, before: object) -> Draft:
    """Return the draft of a change of a record, without problems of unchanged values, and with its lists of items.

    - What a field holds already is no problem when it is sent back, whatever the field takes today. This also goes for
      single items of a list and single members of an object.
    - An item of a list with the id of one that is there keeps the fields that are not sent. Where the field says so
      (``Field.item_name``), an item without an id is the one of its name, if no other is sent with that id.
    """
    if not (draft.problems or draft.items):
        return draft
    values, problems = dict(draft.values), dict(draft.problems)
    for name, field in fields_of(type(before)).items():
        if field.output_only or name not in draft.sent or name not in problems.keys() | draft.items.keys():
            continue
        old = getattr(before, name)
        values[name], problems[name] = _field(draft, name, field, old)
        if problems[name]:
            del values[name]
        else:
            del problems[name]
    return attrs.evolve(draft, values=values, problems=problems)


def _field(draft: Draft, name: str, field: Field, old: object) -> _Read:
    sent, problems = draft.sent[name], draft.problems.get(name, ())
    if name in draft.items and isinstance(old, tuple) and field.item is not None:
        return _items(draft.items[name], field.item, field.item_name, old)
    if same(plain(old), sent):
        return old, ()
    parts = draft.parts.get(name)
    if isinstance(parts, Mapping) and isinstance(old, Mapping) and isinstance(sent, Mapping):
        return _members(parts, problems, old, sent)
    if isinstance(parts, Sequence) and isinstance(old, Sequence) and isinstance(sent, Sequence):
        return _parts(parts, problems, old, sent)
    return None, problems


def _members(
    parts: Mapping[str, object], problems: Problems, old: Mapping[str, object], sent: Mapping[str, object]
) -> _Read:
    left = {name: problem for name, problem in _by_name(problems) if name not in sent or not _is_in(old, name, sent)}
    # A merge patch removes by null, which was not read.
    removed = {name: None for name, value in sent.items() if value is None}
    return {**removed, **parts}, left


def _is_in(old: Mapping[str, object], name: str, sent: Mapping[str, object]) -> bool:
    return name in old and same(old[name], sent[name])


def _parts(parts: Sequence[object], problems: Problems, old: Sequence[object], sent: Sequence[object]) -> _Read:
    shown = [(plain(item), item) for item in old]
    values, left = list(parts), dict(_by_name(problems))
    for index in map(int, tuple(left)):
        for known, item in shown:
            if same(known, sent[index]):
                values[index] = item
                del left[str(index)]
                break
    return tuple(values), left


def _by_name(problems: Problems) -> Sequence[tuple[str, Problems]]:
    return list(problems.items()) if isinstance(problems, Mapping) else []


def _items(drafts: Sequence[ItemDraft], entity: type, item_name: str, old: Sequence[Any]) -> _Read:
    known = _known(drafts, item_name, old)
    values: list[object] = []
    problems: dict[str, Problems] = {}
    for index, (draft, item) in enumerate(zip(drafts, known, strict=True)):
        left = draft.problems if item is None else _item_problems(draft, item)
        if left:
            problems[str(index)] = left
        elif item is None:
            values.append(entity(**draft.values))
        else:
            values.append(_changed(item, draft.values))
    return tuple(values), problems


def _changed(item: Any, values: Mapping[str, object]) -> object:
    """Return an item with other values; the item itself where they are the same, so that nobody compares it again."""
    members = vars(item)
    changes = {name: value for name, value in values.items() if name != "id" and members[name] != value}
    return with_members(item, changes) if changes else item


def _known(drafts: Sequence[ItemDraft], item_name: str, old: Sequence[Any]) -> Sequence[Any]:
    """Return for each draft the item that it changes; None for a new one."""
    by_id = {item.id: item for item in old}
    taken = {draft.values.get("id") for draft in drafts}
    by_name = {getattr(item, item_name): item for item in old if item.id not in taken} if item_name else {}
    # An item is given away once: a name that is sent twice is a problem, which is found later.
    return [
        by_name.pop(draft.values.get(item_name), None) if draft.is_new else by_id.get(draft.values.get("id"))
        for draft in drafts
    ]


def _item_problems(draft: ItemDraft, item: object) -> Problems:
    """Return the problems of the fields that are sent, and sent with another value than the item has.

    Names that are refused for themselves (decision 41) stay refused.
    """
    fields = fields_of(type(item))
    return {
        name: problem
        for name, problem in _by_name(draft.problems)
        if name in draft.sent
        and (name not in fields or fields[name].output_only or not same(plain(getattr(item, name)), draft.sent[name]))
    }
