"""Histories of records as stores keep them, made of values that Hypothesis draws."""

from typing import Any

from attrs import evolve
from hypothesis import strategies as st

from crm_core.engine.writing import RecordChange, event_of
from crm_core.input.fields import fields_of
from crm_core.model.events import Event, differences
from crm_core.model.plain_values import json_text, parse_json, plain
from crm_core.model.recorded_changes import with_stamps, with_unchanged
from crm_core.model.records import Key, Record
from crm_core.resources import Resource
from tests.core.drawn import values_of
from tests.core.knowledge import ANN, BOB, calling, uid


def stored(event: Event) -> Event:
    """An event as stores give it back: its changes are what JSON holds of them."""
    return evolve(event, changes=parse_json(json_text(plain(event.changes))))


def kept(value: Any) -> Any:
    """A value as it is stored: an attribute without a value is absent."""
    if not hasattr(value, "attributes"):
        return value
    return evolve(value, attributes={name: each for name, each in value.attributes.items() if each is not None})


def history(resource: Resource, values: list[Any]) -> tuple[list[Event], list[Any]]:
    """The events of a record with these values one after the other, and what was stored at each version.

    None is a record that is deleted. A value that changes nothing makes no version.
    """
    events: list[Event] = []
    versions: list[Any] = []
    key = Key(resource.name, uid(1))
    before: Record | None = None
    for number, value in enumerate(map(kept, values)):
        old = before.value if before else None
        after = value if old is None or value is None else with_unchanged(old, evolve(value, id=uid(1)))
        after = evolve(after, id=uid(1)) if after is not None else None
        if (old is None and after is None) or (old is not None and after is not None and not differences(old, after)):
            continue
        event = event_of(calling(ANN if number % 2 else BOB), RecordChange(key, before, after))
        event = evolve(event, version=len(events) + 1)
        after = None if after is None else with_stamps(after, event)
        events.append(stored(event))
        versions.append(after)
        before = None if after is None else Record(key, event.version, after)
    return events, versions


def sequences(entity: type) -> st.SearchStrategy[list[Any]]:
    """Values of a record one after the other; some differ from another in the order or number of their items alone."""

    def varied(values: list[Any], chosen: st.DrawFn) -> list[Any]:
        result: list[Any] = []
        for value in values:
            result.append(value)
            if value is not None:
                lists = [n for n, field in fields_of(entity).items() if field.kind in {"items", "texts"}]
                moved = {n: tuple(chosen(st.permutations(getattr(value, n)))) for n in lists}
                result.append(evolve(value, **moved))
                result.append(evolve(value, **{n: moved[n][1:] * 2 for n in lists}))
        return result

    @st.composite
    def drawn(draw: st.DrawFn) -> list[Any]:
        return varied(draw(st.lists(st.none() | values_of(entity), min_size=1, max_size=4)), draw)

    return drawn()
