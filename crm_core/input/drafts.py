"""From a plain mapping to checked values, with every problem of every field at once."""

from collections.abc import Mapping
from typing import Any

import attrs

from crm_core.errors import ACROSS_FIELDS, IS_REQUIRED, InvalidError, Problem, Problems
from crm_core.input.fields import REQUIRED, Field, fields_of
from crm_core.input.readers import ReadContext, RefusedError, read_each, read_list


@attrs.frozen
class Draft:
    """What was sent for one record, read as far as it could be.

    Attributes:
        values: checked values of the fields that were sent and are good.
        problems: the problems of the others, by field.
        merges: the fields whose values, objects, change only the members that they mention (RFC 7396).
    """

    values: Mapping[str, object]
    problems: Mapping[str, Problems] = attrs.field(factory=dict)
    merges: frozenset[str] = frozenset()


def read_draft(entity: type, data: object, context: ReadContext, *, require_all: bool, merge: bool = False) -> Draft:
    """Read ``data`` by the fields of ``entity``.

    Args:
        entity: the class whose fields describe the data.
        data: what was sent, plain JSON values.
        context: where ids come from and how strict to be.
        require_all: required fields must be there, as for a new record.
        merge: the data is a merge patch (RFC 7396), where null removes: a field goes back to its initial value.
    """
    if not isinstance(data, Mapping):
        return Draft({}, {ACROSS_FIELDS: (_not_a_mapping(data),)})
    values: dict[str, object] = {}
    problems: dict[str, Problems] = _unexpected(entity, data) if context.strict else {}
    for name, field in fields_of(entity).items():
        if field.output_only:
            continue
        if name not in data:
            if require_all and field.required:
                problems[name] = (IS_REQUIRED,)
            continue
        try:
            values[name] = _read_merged(field, data[name], context) if merge else _read(field, data[name], context)
        except RefusedError as error:
            problems[name] = error.problems
    objects = (name for name in values if merge and isinstance(data[name], Mapping))
    return Draft(values, problems, frozenset(objects))


def read_payload(entity: type, data: object, context: ReadContext) -> Mapping[str, Any]:
    """The values of a payload that stands for itself; raises InvalidError with every problem."""
    draft = read_draft(entity, data, context, require_all=True)
    if draft.problems:
        raise InvalidError(draft.problems)
    return with_defaults(entity, draft.values)


def read_items(entity: type, value: object, most: int, context: ReadContext) -> tuple[Any, ...]:
    """A list of objects described by ``entity``; problems are keyed by the item's index."""
    return read_each(read_list(value, most), lambda each: read_item(entity, each, context))


def read_item(entity: type, value: object, context: ReadContext) -> Any:
    """One object described by ``entity``; raises InvalidError with every problem."""
    values = dict(read_payload(entity, value, context))
    # An item without an id gets one here, once, so that deciding twice decides the same.
    if "id" in values and values["id"] is None:
        values["id"] = context.new_id()
    return entity(**values)


def with_defaults(entity: type, values: Mapping[str, object]) -> dict[str, Any]:
    """The values of a new record: what was sent, and the initial value of every other field that has one."""
    initial = {name: field.initial() for name, field in fields_of(entity).items() if field.default is not REQUIRED}
    return initial | dict(values)


def _read(field: Field, value: object, context: ReadContext) -> object:
    if value is not None and field.item is not None:
        return read_items(field.item, value, field.limits["maxItems"], context)
    if value is not None:
        found = field.read(value, context)
        # An empty text stands for "none" in references, which may or may not be allowed to be none.
        if found is not None or field.nullable:
            return found
    elif field.nullable:
        return None
    raise RefusedError((Problem("null", "This field may not be null."),))


def _read_merged(field: Field, value: object, context: ReadContext) -> object:
    if value is None and not field.nullable and not field.required and field.initial() is not None:
        return field.initial()
    if field.kind == "mapping" and isinstance(value, Mapping):
        kept = {name: each for name, each in value.items() if each is not None}
        return dict.fromkeys(value) | _read_mapping(field, kept, context)
    return _read(field, value, context)


def _read_mapping(field: Field, value: object, context: ReadContext) -> dict[str, object]:
    found = _read(field, value, context)
    return dict(found) if isinstance(found, Mapping) else {}


def merged(before: Mapping[str, object], patch: Mapping[str, object]) -> dict[str, object]:
    """An object after a merge patch (RFC 7396): what the patch names is replaced, or with null removed."""
    return {name: value for name, value in {**before, **patch}.items() if value is not None}


def _not_a_mapping(data: object) -> Problem:
    if data is None:
        return Problem("null", "No data provided")
    return Problem("invalid", f"Invalid data. Expected a dictionary, but got {type(data).__name__}.")


def _unexpected(entity: type, data: Mapping[str, object]) -> dict[str, Problems]:
    """Strict handling (RFC 7240): a key that would be ignored is a problem that says what exists."""
    fields = fields_of(entity)
    writable = ", ".join(name for name, field in fields.items() if not field.output_only)
    return {
        name: (Problem("output_only" if name in fields else "unknown", _why_ignored(name in fields, writable)),)
        for name in data
        if name not in fields or fields[name].output_only
    }


def _why_ignored(exists: bool, writable: str) -> str:  # noqa: FBT001  # a private phrase-maker
    return f"This field is {'output only' if exists else 'not known'}. Fields that can be sent: {writable}."
