"""The decisions to give an attribute another name, one of its values another name, or its values another type.

Each changes the definition, the webhooks that name it, and all records that hold it, in one commit (decision 128).
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, cast
from uuid import UUID

import attrs

from crm_core.engine.changes import Changes, NewValues, Rewrite
from crm_core.engine.conversions import Conversion, FailingValueError, check_conversion, converted
from crm_core.engine.decisions import expected_record
from crm_core.engine.writing import NO_CAUSE, RecordChange, changes_of, receipt_of
from crm_core.errors import AttributeInUseError, InvalidError, Problem
from crm_core.model.accounts import Caller
from crm_core.model.entities import BUILDING, Attribute
from crm_core.model.events import Event
from crm_core.model.recorded_changes import with_unchanged
from crm_core.model.records import Key, Record, Versions
from crm_core.resources import ATTRIBUTES
from crm_core.rules.attributes import name_problems
from crm_core.rules.named_attributes import (
    ChangeWebhook,
    model_of,
    with_converted_values,
    with_renamed_attribute,
    with_renamed_value,
)
from crm_core.rules.needs import Needs, Search, Steps, catalog_of
from crm_core.rules.uniqueness import UNIQUE_TYPES

_ANY_ATTRIBUTE: Final = Attribute(id=UUID(int=0), name="any", label="any", type="text")


@attrs.frozen
class Evolution:
    """What changes with a definition.

    Attributes:
        after: the definition after the change.
        webhook: returns a webhook as it is then.
        new_values: returns what becomes of a value that a record holds.
        item: only records change that have this value in a list, or as the only one; None for all.
        cause: why, for the event of the definition.
        unlike: records that hold the same value under this name do not change.
    """

    after: Attribute
    webhook: ChangeWebhook
    new_values: NewValues
    item: str | None = None
    cause: Mapping[str, object] = NO_CAUSE
    unlike: str | None = None


def rename(who: Caller, key: Key, name: str, expected: Versions) -> Steps[Changes]:
    """Decide to rename an attribute. Raises InvalidError, NotFoundError, VersionConflictError, AttributeInUseError."""
    record = yield from expected_record(ATTRIBUTES, who, key, None, expected)
    before: Attribute = record.value
    if name == before.name:
        return Changes(answer=key, receipt=receipt_of(who))
    yield from _check_name(who, before, name)
    return (yield from _evolved(who, record, _renaming(before, name)))


def note_rename(who: Caller, key: Key, name: str | None) -> Steps[Changes]:
    """Decide that an attribute is being renamed in the background, or with None that it is not any longer.

    Raises InvalidError, NotFoundError, AttributeInUseError if it is being renamed to another name.
    """
    record = yield from expected_record(ATTRIBUTES, who, key, None, None)
    before: Attribute = record.value
    if name == before.renaming_to:
        return Changes(answer=key)
    if name is not None and before.renaming_to is not None:
        raise AttributeInUseError(f"The attribute is being renamed to `{before.renaming_to}` already.")
    if name is not None:
        yield from _check_name(who, before, name)
    after = attrs.evolve(before, renaming_to=name)
    return (yield from changes_of(who, RecordChange(key, record, after), answer=key))


def _check_name(who: Caller, before: Attribute, name: str) -> Steps[None]:
    """Raise InvalidError unless an attribute can be given a name."""
    known = yield catalog_of(before.entity, who)
    others = {other: each for other, each in known.catalogs[before.entity].definitions.items() if each.id != before.id}
    if problems := name_problems(name, others):
        raise InvalidError(problems)


def _renaming(before: Attribute, name: str) -> Evolution:
    """Return what changes when an attribute gets another name.

    In the background, records have the value under both names by now; the few that have not get it, and the old one is
    taken from them afterwards.
    """
    former = (*(each for each in before.former_names if each not in {name, before.name}), before.name)
    is_background = before.renaming_to is not None
    return Evolution(
        attrs.evolve(before, name=name, former_names=former),
        partial(with_renamed_attribute, old=before.name, new=name),
        lambda value: {name: value} if is_background else {before.name: None, name: value},
        unlike=name if is_background else None,
    )


def rename_value(who: Caller, key: Key, old: str, new: str, expected: Versions) -> Steps[Changes]:
    """Decide to rename a value of a list. Raises NotFoundError, VersionConflictError."""
    record = yield from expected_record(ATTRIBUTES, who, key, None, expected)
    return (yield from _evolved(who, record, renaming_value(record.value, old, new)))


def renaming_value(before: Attribute, old: str, new: str) -> Evolution:
    """Return what changes when a value of a list gets another name, which another value may have already."""
    named = tuple(new if value == old else value for value in before.list_values)
    added = named if new in named or not named else (*named, new)
    return Evolution(
        attrs.evolve(before, list_values=tuple(dict.fromkeys(added))),
        partial(with_renamed_value, attribute=before.name, old=old, new=new),
        lambda value: {before.name: renamed_value(value, old, new)},
        old,
        {"renamed_value": {"from": old, "to": new}},
    )


def renamed_value(value: object, old: str, new: str) -> object:
    """Return a value of a list attribute with another name of one of its items; no item stands in it twice.

    >>> renamed_value(["red", "blue"], "red", "blue"), renamed_value("red", "red", "blue")
    (['blue'], 'blue')
    """
    if isinstance(value, list | tuple):
        return list(dict.fromkeys(new if item == old else item for item in value)) if old in value else value
    return new if value == old else value


def remove_value(who: Caller, key: Key, value: str, expected: Versions) -> Steps[Changes]:
    """Decide to remove a value of a list, which no record may hold.

    Raises NotFoundError, VersionConflictError, AttributeInUseError.
    """
    record = yield from expected_record(ATTRIBUTES, who, key, None, expected)
    return (yield from _evolved(who, record, removing_value(record.value, value)))


def removing_value(before: Attribute, value: str) -> Evolution:
    """Return what changes when a value of a list is removed: the definition alone."""

    def refuse(_: object) -> Mapping[str, object]:
        raise AttributeInUseError(f'Records hold "{value}": give them another value by `replace_with`.')

    after = attrs.evolve(before, list_values=tuple(each for each in before.list_values if each != value))
    return Evolution(after, lambda webhook: webhook, refuse, value)


def convert(
    who: Caller, key: Key, conversion: Conversion, list_values: Sequence[str], expected: Versions
) -> Steps[Changes]:
    """Decide to convert the values of an attribute.

    Args:
        who: the caller.
        key: the key of the attribute.
        conversion: the conversion.
        list_values: the values that a list is to have.
        expected: the versions that the attribute may have; None for any.

    Raises InvalidError, NotFoundError, VersionConflictError, AttributeInUseError.
    """
    record = yield from expected_record(ATTRIBUTES, who, key, None, expected)
    return (yield from _evolved(who, record, converting(record.value, conversion, list_values)))


def converting(before: Attribute, conversion: Conversion, list_values: Sequence[str]) -> Evolution:
    """Return what changes when an attribute is converted. Raises InvalidError."""
    check_conversion(before, conversion)
    if before.is_unique and conversion.type not in UNIQUE_TYPES:
        message = f"The attribute is unique, which only these types can be: {', '.join(UNIQUE_TYPES)}."
        raise InvalidError({"type": (Problem("invalid", message),)})
    after = attrs.evolve(before, type=conversion.type, list_values=tuple(list_values) or before.list_values)

    def new_value(value: object) -> object:
        try:
            return converted(before.type, after, conversion, value)
        except FailingValueError:
            raise AttributeInUseError("A value cannot be converted.") from None

    def new_values(value: object) -> Mapping[str, object]:
        try:
            return {before.name: new_value(value)}
        except AttributeInUseError:
            if conversion.failing == "refuse" or before.is_required:
                raise
            return {before.name: None}

    cause = {"converted": {name: each for name, each in attrs.asdict(conversion).items() if each is not None}}
    return Evolution(after, partial(with_converted_values, after=after, convert=new_value), new_values, cause=cause)


def evolved_value(value: object, later: Iterable[Event]) -> object:
    """Return a value from an earlier version of a record as later changes of its attribute would have changed it.

    A value that one of them could not convert stays as it was.

    Args:
        value: the value.
        later: the events of the attribute since then, the oldest first, as stores return them.
    """
    for event in later:
        cause: Mapping[str, Any] = event.cause
        if renamed := cause.get("renamed_value"):
            value = renamed_value(value, renamed["from"], renamed["to"])
        if (recorded := cause.get("converted")) and (types := cast("Any", event.changes.get("type"))):
            conversion = Conversion(**recorded)
            after = attrs.evolve(_ANY_ATTRIBUTE, type=types["to"])
            with suppress(FailingValueError):
                value = converted(types["from"], after, conversion, value)
    return value


def _evolved(who: Caller, record: Record, evolution: Evolution) -> Steps[Changes]:
    before, after = record.value, evolution.after
    if before.is_unique == BUILDING or (before.renaming_to and before.renaming_to != after.name):
        raise AttributeInUseError("The attribute is still being changed in the background: try again when it is done.")
    search = webhooks_of(before.entity)
    known = yield Needs(children=frozenset({search}))
    webhooks = [(each, evolution.webhook(each.value)) for each in known.children[search]]
    changed = [(each, with_unchanged(each.value, value)) for each, value in webhooks if value != each.value]
    main = RecordChange(record.key, record, after, cause=evolution.cause)
    followers = [RecordChange(each.key, each, value) for each, value in changed]
    changes = yield from changes_of(who, main, after=followers, answer=record.key)
    cause = {"resource": record.key.resource, "record": record.key.id, "version": main.version}
    rewrite = Rewrite(
        name=before.name,
        new_values=evolution.new_values,
        before=before,
        after=after,
        who=who,
        cause=cause,
        item=evolution.item,
        unlike=evolution.unlike,
    )
    return attrs.evolve(changes, rewrite=rewrite)


def webhooks_of(entity: str) -> Search:
    """Return the search for all webhooks that watch an entity, active or not."""
    return Search("webhook", (("model", model_of(entity)),))
