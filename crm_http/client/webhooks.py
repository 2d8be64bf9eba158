"""The operations of webhooks: those of all records, and secrets, dry runs and the delivery log."""

import datetime as dt
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import attrs
import httpx

from crm_core.model.events import EventKind
from crm_core.webhooks import entity
from crm_core.webhooks.deliveries import DeliveryState
from crm_http.client.answers import decode
from crm_http.client.operations import D_co, ListPage, Operation, listing, operation
from crm_http.client.records import RecordOperations, below, body_of, page_at


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


@attrs.define(slots=False, eq=False)
class WebhookOperations(RecordOperations[D_co, WebhookWithSecret]):
    """The operations of webhooks."""

    @operation
    def rotate_secret(self, id_: UUID | str, /) -> Operation[str]:
        """Replace the secret and return the new one; for a day requests are signed with both."""
        return Operation(method="POST", path=below(self.place, id_, "rotate-secret"), read=_read_secret)

    @operation
    def dry_run(
        self, id_: UUID | str, /, *, record: UUID | str, event: EventKind = "updated"
    ) -> Operation[DryRunResult]:
        """Return whether the webhook would fire for a record, and the request it would send; nothing is sent."""
        return Operation(
            method="POST",
            path=below(self.place, id_, "dry-run"),
            read=lambda response: decode(response, DryRunResult),
            repeat="safe",
            options=body_of({"record": record, "event": event}),
        )

    @listing
    def deliveries(
        self, id_: UUID | str, /, *, page_size: int = 100, **filters: object
    ) -> Operation[ListPage[DeliveryReport]]:
        """Yield the deliveries of a webhook, newest first; ``state=`` filters them."""
        return page_at(below(self.place, id_, "deliveries"), DeliveryReport, {**filters, "limit": page_size})

    @operation
    def delivery(self, id_: UUID | str, delivery_id: UUID | str, /) -> Operation[DeliveryReport]:
        """Return one delivery with its request and the receiver's answer."""
        return Operation(method="GET", path=below(self.place, id_, "deliveries", delivery_id), read=_read_delivery)

    @operation
    def cancel_delivery(self, id_: UUID | str, delivery_id: UUID | str, /) -> Operation[None]:
        """Cancel a delivery that waits."""
        path = below(self.place, id_, "deliveries", delivery_id)
        return Operation(method="DELETE", path=path, read=lambda _: None)

    @operation
    def redeliver(self, id_: UUID | str, delivery_id: UUID | str, /) -> Operation[DeliveryReport]:
        """Send a delivery again; return it."""
        path = below(self.place, id_, "deliveries", delivery_id, "redeliver")
        return Operation(method="POST", path=path, read=_read_delivery)

    @operation
    def recover(self, id_: UUID | str, /, *, since: dt.datetime | dt.date | str) -> Operation[int]:
        """Send all deliveries again that died since a time; return how many."""
        path = below(self.place, id_, "recover")
        return Operation(method="POST", path=path, read=_read_recovered, options=body_of({"since": since}))


def _read_delivery(response: httpx.Response) -> DeliveryReport:
    return decode(response, DeliveryReport)


def _read_secret(response: httpx.Response) -> str:
    return decode(response, dict[str, str])["secret"]


def _read_recovered(response: httpx.Response) -> int:
    return decode(response, dict[str, int])["recovered"]
