"""Strategies for what stores keep: records, and the events of their histories."""

import itertools
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from crm_core.engine.writing import RecordChange, event_of
from crm_core.input.drafts import read_draft, with_defaults
from crm_core.input.fields import Field
from crm_core.input.readers import ReadContext
from crm_core.model.accounts import Actor, Caller, User
from crm_core.model.entities import ENTITIES, Attribute
from crm_core.model.events import Event, differences
from crm_core.model.plain_values import json_text, parse_json, plain
from crm_core.model.recorded_changes import with_stamps, with_unchanged
from crm_core.model.records import Key, Record
from crm_core.resources import Resource
from crm_core.rules.attributes import validate_values
from crm_core.rules.conditions import read_conditions
from crm_core.testing.strategies.context import NO_CONTEXT, Payload, PayloadContext
from crm_core.testing.strategies.payloads import payloads
from crm_core.testing.strategies.texts import one_of_names, texts
from crm_core.webhooks.entity import Webhook

#: Fields that the server sets, by kind, or by name if the kind is not specific enough.
_SET_BY_SERVER: Final[Mapping[str, SearchStrategy[Any]]] = {
    "uuid": st.uuids(version=4),
    "datetime": st.datetimes(timezones=st.just(UTC)),
    "integer": st.integers(1, 2**31),
    "text": texts(),
    "texts": st.lists(texts(), max_size=2).map(tuple),
    "entity": one_of_names(lambda: ENTITIES),
}
_MAX_VERSIONS: Final = 4
_START: Final = datetime(2026, 1, 1, tzinfo=UTC)


def entities(resource: Resource, context: PayloadContext = NO_CONTEXT) -> SearchStrategy[Any]:
    """Return a strategy for entities as stores keep them: valid payloads after reading, and the server's own fields.

    Args:
        resource: the resource.
        context: what they can refer to, and the attributes that they can have.
    """
    names = {name for name, field in resource.fields.items() if field.output_only} | {*resource.defaults_to_now}
    set_by_server = {name: _set_by_server(name, resource.fields[name]) for name in sorted(names)}

    def drawn(draw: st.DrawFn) -> Any:
        sent = draw(payloads(resource, context))
        return _entity(resource, sent, draw(st.fixed_dictionaries(set_by_server)), context.definitions)

    return st.composite(drawn)()


def _set_by_server(name: str, field: Field) -> SearchStrategy[Any]:
    options = field.limits.get("enum")
    return st.sampled_from(options) if options else _SET_BY_SERVER[name if name in _SET_BY_SERVER else field.kind]


def _entity(resource: Resource, sent: Payload, set_by_server: Payload, schema: Mapping[str, Attribute]) -> Any:
    count = itertools.count()
    draft = read_draft(resource.entity, sent, ReadContext(lambda: UUID(int=next(count))), require_all=True)
    assert not draft.problems
    entity = resource.entity(**with_defaults(resource.entity, {**set_by_server, **draft.values}))
    if isinstance(entity, Attribute):
        return attrs.evolve(entity, list_values=tuple(value.strip() for value in entity.list_values))
    if isinstance(entity, Webhook):
        return attrs.evolve(entity, conditions=read_conditions(entity.model, {}, entity.conditions, ()))
    if "attributes" not in resource.fields:
        return entity
    values, problems = validate_values(schema, {}, entity.attributes)
    assert not problems
    return attrs.evolve(entity, attributes=values)


def histories(resource: Resource, context: PayloadContext = NO_CONTEXT) -> SearchStrategy[Sequence[Event]]:
    """Return a strategy for the events of one record as stores give them back, the oldest first.

    The record is created, changed a few times by two users, and maybe deleted. Values that change nothing make no
    event.

    Args:
        resource: the resource.
        context: what the record can refer to, and the attributes that it can have.
    """
    values = st.lists(entities(resource, context), min_size=1, max_size=_MAX_VERSIONS)

    def drawn(draw: st.DrawFn) -> Sequence[Event]:
        return _history(resource, draw(values), is_deleted=draw(st.booleans()))

    return st.composite(drawn)()


def _history(resource: Resource, values: Sequence[Any], *, is_deleted: bool) -> Sequence[Event]:
    key = Key(resource.name, values[0].id)
    events: list[Event] = []
    before: Record | None = None
    for value in (*values, *([None] * is_deleted)):
        after = value and _next_value(before, value, values[0].id)
        if before is None or after is None or differences(before.value, after):
            event = event_of(_caller(len(events)), RecordChange(key, before, after))
            events.append(attrs.evolve(event, changes=parse_json(json_text(plain(event.changes)))))
            before = None if after is None else Record(key, event.version, with_stamps(after, event))
    return events


def _next_value(before: Record | None, value: Any, id_: UUID) -> Any:
    value = attrs.evolve(value, id=id_)
    return value if before is None else with_unchanged(before.value, value)


def _caller(number: int) -> Caller:
    id_ = 1 + number % 2
    return Caller(
        actor=Actor(user=User(id=id_, username=f"user {id_}")),
        now=_START + timedelta(hours=number),
        new_id=lambda: UUID(int=number),
        request_id=f"request {number}",
    )
