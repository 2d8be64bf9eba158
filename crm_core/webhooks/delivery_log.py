"""What the log tells of deliveries."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import attrs


@attrs.frozen(kw_only=True)
class LoggedDelivery:
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


class DeliveryDetail(NamedTuple):
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
