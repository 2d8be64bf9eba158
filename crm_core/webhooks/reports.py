"""What clients and embedders get about webhooks, beside the fields of webhooks."""

import datetime as dt
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import attrs

from crm_core.webhooks import entity
from crm_core.webhooks.deliveries import DeliveryState


@attrs.frozen(kw_only=True, slots=False)
class WebhookWithSecret(entity.Webhook):
    """A webhook; its ``secret`` is present only in the answer to ``create``, and only while it is the webhook's."""

    secret: str | None = None


@attrs.frozen(kw_only=True)
class DryRunResult:
    """The result of a dry run.

    Attributes:
        would_fire: the webhook would fire.
        request: the request that would be sent: ``method``, ``url``, ``headers`` and ``body``.
        error: why it could not be sent; None if it could.
    """

    would_fire: bool
    request: Mapping[str, Any]
    error: str | None


@attrs.frozen(kw_only=True)
class DeliveryReport:
    """A delivery in the log of a webhook; the other fields are those of ``crm_core.LoggedDelivery``.

    Attributes:
        request: the request, for users who may change webhooks; None in lists.
        answer: the beginning of the receiver's last answer, for the same users; None in lists.
    """

    id: UUID
    record: UUID
    type: str
    state: DeliveryState
    attempts: int
    status: int | None
    error: str | None
    created_at: dt.datetime
    attempted_at: dt.datetime | None
    next_attempt_at: dt.datetime | None
    finished_at: dt.datetime | None
    request: Mapping[str, Any] | None = None
    answer: str | None = None
