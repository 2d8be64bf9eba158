"""Deliveries: an event and a webhook become the request to send (decisions 26 to 29)."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final, Literal, TypeAlias
from uuid import UUID, uuid5

import attrs

from crm_core.input.dates import iso
from crm_core.model.events import Event, differences
from crm_core.webhooks.conditions import field_of, holds, values_of
from crm_core.webhooks.entity import Webhook
from crm_core.webhooks.requests import ERASED, filled, placeholders_of

#: The priority of deliveries that follow from runs over many records: those with 0 to the same endpoint go first.
PRIORITY_OF_RUNS: Final = 1

#: The states of a delivery: it waits for an attempt, is in an attempt, was accepted, was given up, or was
#: cancelled before it was accepted.
DeliveryState: TypeAlias = Literal["pending", "sending", "delivered", "dead", "cancelled"]


@attrs.frozen
class ErasedRecord:
    """What webhooks are told of an erased record."""

    id: UUID


@attrs.frozen(kw_only=True)
class Delivery:
    """One request to one webhook, composed in the decision that makes the change.

    Attributes:
        id: derived from the webhook and the event, so that receivers can drop duplicates (header ``webhook-id``).
        webhook: the id of the webhook.
        record: the id of the record that changed.
        version: the version that the change made; a record's deliveries are sent in this order.
        type: the type of the event, such as ``lead.updated``.
        method: the HTTP method at the time of the change, as all of the request but the body; see ``requests``.
        url: the receiver's URL; empty if there is none, and ``error`` says why.
        headers: the webhook's own headers, with values filled in.
        body: the JSON body as plain values and entities. It is kept for GET, too, which does not send it: the
            templates of the webhook are filled from it.
        error: why the delivery cannot be sent; empty if it can.
        priority: deliveries with a lower number go first at each endpoint (decision 110).
    """

    id: UUID
    webhook: UUID
    record: UUID
    version: int
    type: str
    method: str
    url: str
    headers: Mapping[str, str]
    body: Mapping[str, object]
    error: str = ""
    priority: int = 0


def plan(
    webhooks: Iterable[Webhook], event: Event, before: object | None, after: object | None, priority: int = 0
) -> list[Delivery]:
    """Return the deliveries of an event: one for each webhook that fires.

    Args:
        webhooks: the active webhooks of the record's model, or the candidates among them.
        event: the event.
        before: the record before the event; None for a new record.
        after: the record after the event; None for a deleted record.
        priority: the priority of the deliveries.
    """
    firing = [webhook for webhook in webhooks if fires(webhook, event, before, after)]
    if not firing:
        return []
    record = after if after is not None else before
    body = body_of(event, before, after)
    return [compose(webhook, event, record, body, priority) for webhook in firing]


def plan_erasure(webhooks: Iterable[Webhook], event: Event) -> list[Delivery]:
    """Return the deliveries of an erasure: to every webhook that subscribed to deletions, whatever its conditions.

    They hold the record's id alone. Whoever has had the record must learn of it, and the conditions may have been met
    at any earlier time.
    """
    body = {"type": f"{event.resource}.{event.kind}", "timestamp": iso(event.at), "data": {"id": event.record}}
    told = [webhook for webhook in webhooks if "deleted" in webhook.events]
    return [compose(webhook, event, ErasedRecord(event.record), {**body, "changes": {}}) for webhook in told]


def fires(webhook: Webhook, event: Event, before: object | None, after: object | None) -> bool:
    """Return whether a webhook fires for an event: its kind is subscribed to and the conditions are met."""
    if event.kind not in webhook.events:
        return False
    names = [condition.field for condition in webhook.conditions]
    was = None if before is None else values_of(before, names)
    now = was or {} if after is None else values_of(after, names)
    return holds(webhook.conditions, webhook.condition_logic, was, now)


def body_of(event: Event, before: object | None, after: object | None) -> Mapping[str, object]:
    """Return the body that all webhooks get for an event, with the last value of a deleted record (decision 27)."""
    kind, record = f"{event.resource}.{event.kind}", before if after is None else after
    return {"type": kind, "timestamp": iso(event.at), "data": record, "changes": differences(before, after)}


def compose(webhook: Webhook, event: Event, record: object, body: Mapping[str, object], priority: int = 0) -> Delivery:
    """Return the delivery of an event to a webhook; ``body`` is what ``body_of`` returned."""
    value_of = partial(field_of, values_of(record, placeholders_of(webhook)))
    request, error = filled(webhook, value_of, is_erased=event.kind == ERASED)
    return Delivery(
        id=uuid5(webhook.id, f"{event.record}/{event.version}"),
        webhook=webhook.id,
        record=event.record,
        version=event.version,
        type=f"{event.resource}.{event.kind}",
        method=request.method,
        url=request.url,
        headers=request.headers,
        body=body,
        error=error,
        priority=priority,
    )
