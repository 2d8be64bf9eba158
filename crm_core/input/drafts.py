"""Drafts: a plain mapping is read field by field, and all problems are reported at once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import attrs

from crm_core.errors import ACROSS_FIELDS, IS_REQUIRED, InvalidError, Problem, Problems
from crm_core.input.fields import REQUIRED, Field, fields_of
from crm_core.input.readers import ReadContext, RefusedError, json_type, read_items, read_list
from crm_core.input.texts import is_blank

_NOT_NULL: Final = Problem("null", "This field may not be null.")


@attrs.frozen
class Draft:
    """The input for one record after reading.

    Attributes:
        values: checked values of the valid fields that were sent.
        problems: the problems of the other fields, by field.
        merges: the fields whose objects change only the members that they name (RFC 7396).
        sent: what was read.
        items: what was read of lists whose items have ids, by field.
        restored_with: for values from the history of the record, the keys of the records that come back in the same
            commit; None for values that were sent.
        parts: what was read of other lists and objects that have problems, by field (``RefusedError.parts``).
    """

    values: Mapping[str, object]
    problems: Mapping[str, Problems] = attrs.field(factory=dict)
    merges: frozenset[str] = frozenset()
    sent: Mapping[str, object] = attrs.field(factory=dict)
    items: Mapping[str, "Sequence[ItemDraft]"] = attrs.field(factory=dict)
    parts: Mapping[str, Sequence[object] | Mapping[str, object]] = attrs.field(factory=dict)
    restored_with: frozenset[object] | None = None


@attrs.frozen
class ItemDraft:
    """The input for one item of a list after reading; it gets its id before any decision, which may run twice.

    Attributes:
        values: checked values of the valid fields that were sent, and an id.
        problems: the problems of the others, as of a new item.
        sent: what was read.
        is_new: whether no id was sent.
    """

    values: Mapping[str, object]
    problems: Problems = ()
    sent: Mapping[str, object] = attrs.field(factory=dict)
    is_new: bool = False


_NULL_ITEM: Final = ItemDraft({}, (_NOT_NULL,))

#: An edit of a record: returns new values of some fields of the record. Pure; raises NotFoundError, InvalidError.
Edit: TypeAlias = Callable[[Any], Draft]


def read_draft(entity: type, data: object, context: ReadContext, *, require_all: bool, merge: bool = False) -> Draft:
    """Read ``data`` by the fields of ``entity``; problems are collected, not raised.

    >>> from uuid import uuid4
    >>> from crm_core.model.entities import Cohort
    >>> sent = {"name_cohort": " Spring ", "start_date": "soon"}
    >>> draft = read_draft(Cohort, sent, ReadContext(uuid4), require_all=True)
    >>> dict(draft.values)
    {'name_cohort': 'Spring'}
    >>> draft.problems["start_date"][0].code
    'invalid'

    Args:
        entity: the class whose fields describe the data.
        data: the input, plain JSON values.
        context: where new ids come from, and whether unknown keys are refused.
        require_all: report required fields that are missing, as for a new record.
        merge: the data is a merge patch (RFC 7396), where null resets a field to its initial value.
    """
    if not isinstance(data, Mapping):
        return Draft({}, {ACROSS_FIELDS: (_not_a_mapping(data),)})
    values: dict[str, object] = {}
    problems: dict[str, Problems] = _unexpected(entity, data) if context.strict else {}
    items: dict[str, Sequence[ItemDraft]] = {}
    parts: dict[str, Sequence[object] | Mapping[str, object]] = {}
    for name, field in fields_of(entity).items():
        if field.output_only:
            continue
        if name not in data:
            if require_all and field.required:
                problems[name] = (IS_REQUIRED,)
            continue
        try:
            if field.item is not None and _are_given_ids(field.item) and data[name] is not None:
                items[name] = _read_item_drafts(field, field.item, data[name], context)
                values[name] = _items_of(field.item, items[name])
            else:
                values[name] = _read_merged(field, data[name], context) if merge else _read(field, data[name], context)
        except RefusedError as error:
            problems[name] = error.problems
            if error.parts is not None:
                parts[name] = error.parts
    merges = frozenset(name for name in (values | parts) if isinstance(data[name], Mapping)) if merge else frozenset()
    return Draft(values, problems, merges, data, items, parts)


def _are_given_ids(item: type) -> bool:
    own = fields_of(item).get("id")
    return own is not None and not own.required


def _read_item_drafts(field: Field, entity: type, sent: object, context: ReadContext) -> Sequence[ItemDraft]:
    def read_one(item: object) -> ItemDraft:
        draft = read_draft(entity, item, context, require_all=True)
        is_new = "id" not in draft.problems and draft.values.get("id") is None
        values = {**draft.values, "id": context.new_id()} if is_new else draft.values
        return ItemDraft(values, draft.problems, draft.sent, is_new)

    return [_NULL_ITEM if item is None else read_one(item) for item in read_list(sent, field.limits["maxItems"])]


def _items_of(entity: type, drafts: Sequence[ItemDraft]) -> tuple[Any, ...]:
    """Return new items; raise RefusedError with the problems of all bad ones by index."""
    if problems := {str(index): draft.problems for index, draft in enumerate(drafts) if draft.problems}:
        raise RefusedError(problems)
    return tuple(entity(**draft.values) for draft in drafts)


def read_payload(entity: type, data: object, context: ReadContext) -> Mapping[str, Any]:
    """Return all values of an object that is no record, with defaults; raise InvalidError with every problem."""
    draft = read_draft(entity, data, context, require_all=True)
    if draft.problems:
        raise InvalidError(draft.problems)
    return with_defaults(entity, draft.values)


def read_parameters(entity: type, params: Mapping[str, str], context: ReadContext) -> Mapping[str, Any]:
    """Return the values of query parameters as ``read_payload`` does; a blank one is as if it was not sent."""
    return read_payload(entity, {name: value for name, value in params.items() if not is_blank(value)}, context)


def read_entities(entity: type, value: object, max_items: int, context: ReadContext) -> tuple[Any, ...]:
    """Read a list of at most ``max_items`` objects of class ``entity``; problems are keyed by the item's index."""
    return read_items(read_list(value, max_items), lambda item: read_item(entity, item, context))


def read_item(entity: type, value: object, context: ReadContext) -> Any:
    """Read one object of class ``entity``; raise InvalidError with every problem."""
    values = dict(read_payload(entity, value, context))
    # An item without an id gets one here, before the decision, so that deciding again gives the same result.
    if "id" in values and values["id"] is None:
        values["id"] = context.new_id()
    return entity(**values)


def with_defaults(entity: type, values: Mapping[str, object]) -> dict[str, Any]:
    """Return the values of a new record: those sent, and the default of every other field that has one."""
    initial = {name: field.initial() for name, field in fields_of(entity).items() if field.default is not REQUIRED}
    return {**initial, **values}


def _read(field: Field, value: object, context: ReadContext) -> object:
    if value is not None and field.item is not None:
        return read_entities(field.item, value, field.limits["maxItems"], context)
    if value is not None:
        read = field.read(value, context)
        # An empty text in a reference means null, which the field may refuse.
        if read is not None or field.nullable:
            return read
    elif field.nullable:
        return None
    raise RefusedError((_NOT_NULL,))


def _read_merged(field: Field, value: object, context: ReadContext) -> object:
    if value is None and not field.nullable and not field.required and field.initial() is not None:
        return field.initial()
    if field.kind == "mapping" and isinstance(value, Mapping):
        members = {name: member for name, member in value.items() if member is not None}
        return dict.fromkeys(value) | _read_mapping(field, members, context)
    return _read(field, value, context)


def _read_mapping(field: Field, value: object, context: ReadContext) -> dict[str, object]:
    read = _read(field, value, context)
    return dict(read) if isinstance(read, Mapping) else {}


def merged(before: Mapping[str, object], patch: Mapping[str, object]) -> dict[str, object]:
    """Return an object after a merge patch (RFC 7396): members in the patch are replaced, or removed by null.

    >>> merged({"a": 1, "b": 2}, {"a": None, "c": 3})
    {'b': 2, 'c': 3}
    """
    return {name: value for name, value in {**before, **patch}.items() if value is not None}


def _not_a_mapping(data: object) -> Problem:
    if data is None:
        return Problem("null", "No data provided")
    return Problem("invalid", f"Invalid data. Expected a dictionary, but got {json_type(data)}.")


def _unexpected(entity: type, data: Mapping[str, object]) -> dict[str, Problems]:
    """Return a problem for every key that would be ignored (``Prefer: handling=strict``, RFC 7240)."""
    fields = fields_of(entity)
    ignored = [name for name in data if name not in fields or fields[name].output_only]
    if not ignored:
        return {}
    writable = ", ".join(name for name, field in fields.items() if not field.output_only)
    return {
        name: (Problem("output_only" if name in fields else "unknown", _why_ignored(name in fields, writable)),)
        for name in ignored
    }


def _why_ignored(exists: bool, writable: str) -> str:  # noqa: FBT001  # a private phrase-maker
    return f"This field is {'output only' if exists else 'not known'}. Fields that can be sent: {writable}."
