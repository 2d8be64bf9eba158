"""From an event and a webhook to the request that tells of it (decisions 26 to 29)."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any
from uuid import UUID, uuid5

import attrs

from crm_core.input.readers import iso
from crm_core.model.documents import plain
from crm_core.model.events import Event
from crm_core.webhooks.conditions import field_of, holds
from crm_core.webhooks.entity import Webhook
from crm_core.webhooks.templates import UnfillableError, fill_header, fill_url, placeholders


@attrs.frozen(kw_only=True)
class Delivery:
    """One request to one webhook, as composed when the change was decided.

    Attributes:
        id: the same for the same event and webhook, whoever composes it and however often: the receiver's key
            against duplicates (``webhook-id``).
        webhook: whose it is.
        record: the record that it tells of.
        version: the version that the change made: the order of a record's deliveries.
        type: what happened, such as ``lead.updated``.
        method: the HTTP method.
        url: where it goes; empty when there is none to go to, and ``error`` says why.
        headers: the webhook's own headers, filled.
        body: what its JSON body says; None for GET.
        error: why it cannot be sent.
    """

    id: UUID
    webhook: UUID
    record: UUID
    version: int
    type: str
    method: str
    url: str
    headers: Mapping[str, str]
    body: Mapping[str, object] | None
    error: str = ""


def plan(webhooks: Iterable[Webhook], event: Event, before: object | None, after: object | None) -> list[Delivery]:
    """The deliveries that follow from an event: one to each of the webhooks that wants to hear of it.

    Args:
        webhooks: the active webhooks of the record's model, or those that the event may concern.
        event: what happened.
        before: the record as it was; None when it is new.
        after: the record as it is; None when it is gone.
    """
    firing = [each for each in webhooks if fires(each, event, before, after)]
    if not firing:
        return []
    record = after if after is not None else before
    body = body_of(event, record)
    return [compose(each, event, record, body) for each in firing]


def fires(webhook: Webhook, event: Event, before: object | None, after: object | None) -> bool:
    """Whether a webhook wants to hear of an event."""
    if event.kind not in webhook.events:
        return False
    names = [each.field for each in webhook.conditions]
    was = None if before is None else _plain_fields(names, before)
    now = was or {} if after is None else _plain_fields(names, after)
    return holds(webhook.conditions, webhook.condition_logic, was, now)


def body_of(event: Event, record: object) -> Mapping[str, object]:
    """What every webhook is told of an event on a record as it is, or was when it is gone."""
    kind = f"{event.resource}.{event.kind}"
    return {"type": kind, "timestamp": iso(event.at), "data": record, "changes": event.changes}


def compose(webhook: Webhook, event: Event, record: object, body: Mapping[str, object]) -> Delivery:
    """The request that tells a webhook of an event on a record, with the body that all are told."""
    names = [name for template in (webhook.url, *webhook.headers.values()) for name in placeholders(template)]
    value_of = partial(field_of, _plain_fields(names, record))
    url, error = "", ""
    try:
        url = fill_url(webhook.url, value_of)
    except UnfillableError as unfillable:
        error = str(unfillable)
    return Delivery(
        id=uuid5(webhook.id, f"{event.record}/{event.version}"),
        webhook=webhook.id,
        record=event.record,
        version=event.version,
        type=f"{event.resource}.{event.kind}",
        method=webhook.method,
        url=url,
        headers={name: fill_header(value, value_of) for name, value in webhook.headers.items()},
        body=None if webhook.method == "GET" else body,
        error=error,
    )


def _plain_fields(names: Iterable[str], record: object) -> Mapping[str, Any]:
    """Plain values of those fields alone that are asked for: a record may hold thousands of notes."""
    tops = {name.partition(".")[0] for name in names}
    return {name: plain(getattr(record, name)) for name in tops if hasattr(record, name)}
