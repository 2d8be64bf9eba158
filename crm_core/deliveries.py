"""From an event and a webhook to the request that tells of it (rulings 26 to 29)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid5

import attrs

from crm_core.conditions import field_of, holds
from crm_core.entities import Webhook
from crm_core.events import Event
from crm_core.readers import iso
from crm_core.templates import UnfillableError, fill_header, fill_url, placeholders
from crm_core.wire import plain

_LONGEST_TEXT: Final = 1_024
# Control characters but for tabs and line feeds, and halves of characters.
_NO_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


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


@attrs.frozen(kw_only=True)
class Attempt:
    """One try at sending a delivery: what a sender is handed.

    Attributes:
        delivery: the delivery's id, the same in every try (``webhook-id``).
        webhook: whose it is.
        number: which try it is, from 1.
        claim: tells this try from all others of the delivery, also when its tries are counted anew.
        method: the HTTP method.
        url: where it goes.
        headers: the webhook's own headers, filled.
        body: the exact bytes to send and sign; empty for GET.
        secrets: what to sign with, ``whsec_…``, the newest first.
    """

    delivery: UUID
    webhook: UUID
    number: int
    claim: int
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    secrets: tuple[str, ...]


def _storable(text: str) -> str:
    """A text that every store takes, of bounded length."""
    return _NO_TEXT.sub("", text[:_LONGEST_TEXT])


@attrs.frozen(kw_only=True)
class Outcome:
    """What came of an attempt. Its texts are freed of control characters and cut, whoever made them.

    Attributes:
        status: the receiver's HTTP status; None where there was no answer.
        error: why there was none, for people; empty where there was one.
        answer: the beginning of the receiver's answer.
        retry_after: seconds that the receiver asks to wait.
        timed_out: whether the receiver took too long.
        is_hopeless: whether the same request could never be sent, whatever changes at the receiver.
    """

    status: int | None = None
    error: str = attrs.field(default="", converter=_storable)
    answer: str = attrs.field(default="", converter=_storable)
    retry_after: float | None = None
    timed_out: bool = False
    is_hopeless: bool = False


class Claim(NamedTuple):
    """Attempts that were claimed, and whether it is worth asking for more at once."""

    attempts: Sequence[Attempt]
    more: bool


@attrs.frozen(kw_only=True)
class Logged:
    """A delivery as the log lists it.

    Attributes:
        id: the same in every try (``webhook-id``).
        record: the record that it tells of.
        type: what happened, such as ``lead.updated``.
        state: ``pending``, ``sending``, ``delivered`` or ``dead``.
        attempts: how many were begun.
        status: the receiver's HTTP status at the last attempt; None where there was no answer.
        error: why there was no answer to the last attempt, or why it cannot be sent; empty if neither.
        created_at: when the change was committed.
        attempted_at: when the last attempt ended.
        next_attempt_at: when the next one is due; None when it is finished.
        finished_at: when it was delivered or given up.
    """

    id: UUID
    record: UUID
    type: str
    state: str
    attempts: int
    status: int | None
    error: str
    created_at: datetime
    attempted_at: datetime | None
    next_attempt_at: datetime | None
    finished_at: datetime | None


class Exchange(NamedTuple):
    """What is sent, and the beginning of the receiver's last answer."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    answer: str


class LogQuery(NamedTuple):
    """Which deliveries of a webhook to list: at most ``limit``, of one state or all, older than a place."""

    limit: int
    state: str | None = None
    before: tuple[datetime, UUID] | None = None


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
