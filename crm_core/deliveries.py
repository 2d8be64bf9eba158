"""From an event and a webhook to the request that tells of it (rulings 26 to 29)."""

from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID, uuid5

import attrs

from crm_core.conditions import field_of, holds
from crm_core.entities import Webhook
from crm_core.events import Event
from crm_core.readers import iso
from crm_core.templates import UnfillableError, fill_header, fill_url
from crm_core.wire import plain


@attrs.frozen(kw_only=True)
class Delivery:
    """One request to one webhook, as composed when the change was decided.

    Attributes:
        id: the same for the same event and webhook, whoever composes it and however often: the receiver's key
            against duplicates (``webhook-id``).
        webhook: whose it is.
        method: the HTTP method.
        url: where it goes; empty when there is none to go to, and ``error`` says why.
        headers: the webhook's own headers, filled.
        body: the plain values of its JSON body; None for GET.
        error: why it cannot be sent.
    """

    id: UUID
    webhook: UUID
    method: str
    url: str
    headers: Mapping[str, str]
    body: Mapping[str, Any] | None
    error: str = ""


def fires(webhook: Webhook, event: Event, was: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> bool:
    """Whether a webhook wants to hear of an event on a record with these plain values."""
    record = now if now is not None else was or {}
    return event.kind in webhook.events and holds(webhook.conditions, webhook.condition_logic, was, record)


def compose(webhook: Webhook, event: Event, was: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> Delivery:
    """The request that tells a webhook of an event."""
    record = now if now is not None else was or {}
    value_of = partial(field_of, record)
    url, error = "", ""
    try:
        url = fill_url(webhook.url, value_of)
    except UnfillableError as unfillable:
        error = str(unfillable)
    body = {
        "type": f"{event.resource}.{event.kind}",
        "timestamp": iso(event.at),
        "data": record,
        "changes": plain(event.changes),
    }
    return Delivery(
        id=uuid5(webhook.id, f"{event.record}/{event.version}"),
        webhook=webhook.id,
        method=webhook.method,
        url=url,
        headers={name: fill_header(value, value_of) for name, value in webhook.headers.items()},
        body=None if webhook.method == "GET" else body,
        error=error,
    )
