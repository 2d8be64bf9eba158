"""Strategies for what clients send: payloads that create a record, and those that change one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from hypothesis.strategies import SearchStrategy

from crm_core.resources import Resource
from crm_core.testing.strategies.context import NO_CONTEXT, Payload, PayloadContext
from crm_core.testing.strategies.fields import objects, trimmed


def payloads(resource: Resource, context: PayloadContext = NO_CONTEXT) -> SearchStrategy[Payload]:
    """Return a strategy for payloads that create a record."""
    return objects(resource.entity, context, require_all=True).map(lambda sent: _coherent(resource, context, sent))


def patches(resource: Resource, context: PayloadContext = NO_CONTEXT) -> SearchStrategy[Payload]:
    """Return a strategy for payloads that change a record: any of its fields.

    Whether a payload is accepted can depend on the record: its pipeline, its other date, its fixed name.
    """
    return objects(resource.entity, context, require_all=False).map(lambda sent: _coherent(resource, context, sent))


# Fields of one record that depend on each other


def _coherent(resource: Resource, context: PayloadContext, sent: Payload) -> Payload:
    if context.hostile:
        return sent
    for name, field in resource.fields.items():
        if field.kind == "items" and name in sent:
            sent = sent | {name: _distinct(sent[name])}
    make_coherent = _COHERENT.get(resource.name)
    return make_coherent(sent) if make_coherent else sent


def _distinct(entries: Sequence[Payload]) -> Sequence[Payload]:
    """Remove entries that repeat an id or the name of a stage."""
    kept: list[Payload] = []
    for entry in entries:
        if not any(_clash(entry, other, name) for other in kept for name in ("id", "name")):
            kept.append(entry)
    return kept


def _clash(one: Payload, other: Payload, name: str) -> bool:
    return one.get(name) is not None and trimmed(str(one[name])) == trimmed(str(other.get(name)))


def _in_order(sent: Payload) -> Payload:
    """Swap the dates of a cohort if it would end before it starts."""
    start, end = sent.get("start_date"), sent.get("end_date")
    return sent | {"start_date": min(start, end), "end_date": max(start, end)} if start and end else sent


def _without_foreign_stage(sent: Payload) -> Payload:
    """Remove the stage of a lead that is moved to a pipeline, which has stages of its own."""
    return {name: value for name, value in sent.items() if name != "stage"} if sent.get("pipeline") else sent


_COHERENT: Final[Mapping[str, Callable[[Payload], Payload]]] = {
    "cohort": _in_order,
    "lead": _without_foreign_stage,
}
