"""The delivery log: deliveries as administrators see them, and how long they are kept."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

import attrs

from crm_core.webhooks.deliveries import DeliveryState
from crm_core.webhooks.requests import WebhookRequest

#: How long finished deliveries stay in the log, by state.
RETENTION: Final[Mapping[str, timedelta]] = {
    "delivered": timedelta(days=7),
    "dead": timedelta(days=30),
    "cancelled": timedelta(days=30),
}


@attrs.frozen(kw_only=True)
class LoggedDelivery:
    """A delivery as the log lists it.

    Attributes:
        id: the delivery's id, the same in every attempt (header ``webhook-id``).
        record: the id of the record that changed.
        type: the type of the event, such as ``lead.updated``.
        state: the state of the delivery.
        attempts: how many attempts were begun.
        status: the receiver's HTTP status at the last attempt; None if there was no answer.
        error: why there was no answer to the last attempt, or why it cannot be sent; empty if neither.
        created_at: when the change was committed.
        attempted_at: when the last attempt ended.
        next_attempt_at: when the next attempt is due; None if the delivery is finished.
        finished_at: when the delivery succeeded, died or was cancelled.
    """

    id: UUID
    record: UUID
    type: str
    state: DeliveryState
    attempts: int
    status: int | None
    error: str
    created_at: datetime
    attempted_at: datetime | None
    next_attempt_at: datetime | None
    finished_at: datetime | None


class DeliveryDetail(NamedTuple):
    """The request of a delivery, and the beginning of the receiver's last answer.

    Attributes:
        request: the request of the last attempt; before one, the request at the time of the change.
        body: the bytes of the body, even if the request does not send them; empty only for GET in release 0.1.0.
        answer: at most 1,024 characters; empty if there was no answer.
    """

    request: WebhookRequest
    body: bytes
    answer: str


class LogQuery(NamedTuple):
    """Which deliveries of a webhook to list, newest first.

    Attributes:
        limit: the most deliveries.
        state: only deliveries in this state; None for all.
        before: only deliveries older than this time and id, where the previous page ended.
    """

    limit: int
    state: DeliveryState | None = None
    before: tuple[datetime, UUID] | None = None
