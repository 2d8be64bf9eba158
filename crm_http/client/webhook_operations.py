"""The operations of webhooks: those of all records, and secrets, dry runs and the delivery log."""

import datetime as dt
from typing import Unpack
from uuid import UUID

import attrs
import httpx

from crm_core.arguments.deliveries import DeliveryFilters
from crm_core.embedding.listings import PAGE_SIZE
from crm_core.model.events import EventKind
from crm_core.webhooks.reports import DeliveryReport, DryRunResult
from crm_http.client.listings import ListQuery, listing
from crm_http.client.operations import D_co, Operation, operation
from crm_http.client.request_parts import below, body_of
from crm_http.client.resources.webhooks import WebhookRecordOperations
from crm_http.client.responses import decode


@attrs.define(slots=False, eq=False)
class WebhookOperations(WebhookRecordOperations[D_co]):
    """The operations of webhooks: those of all records, and those of their secrets and deliveries."""

    @operation
    def rotate_secret(self, id_: UUID | str, /) -> Operation[str]:
        """Replace the secret and return the new one; for a day requests are signed with both."""
        return Operation(method="POST", path=below(self.place, id_, "rotate-secret"), read=_read_secret)

    @operation
    def dry_run(
        self, id_: UUID | str, /, *, record: UUID | str, event: EventKind = "updated"
    ) -> Operation[DryRunResult]:
        """Return whether the webhook would fire for a record, and the request it would send; nothing is sent.

        Args:
            id_: the id of the webhook.
            record: the id of a record of the webhook's model.
            event: the change to assume; an update changes no field.
        """
        return Operation(
            method="POST",
            path=below(self.place, id_, "dry-run"),
            read=lambda response: decode(response, DryRunResult),
            repeat="safe",
            options=body_of({"record": record, "event": event}),
        )

    @listing
    def deliveries(
        self,
        id_: UUID | str,
        /,
        *,
        limit: int | None = None,
        page_size: int = PAGE_SIZE,
        **filters: Unpack[DeliveryFilters],
    ) -> ListQuery[DeliveryReport]:
        """Return the deliveries of a webhook, newest first."""
        path = below(self.place, id_, "deliveries")
        return ListQuery(path=path, item=DeliveryReport, limit=limit, page_size=page_size, filters=filters)

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
        """Send all deliveries again that died since a time; return how many.

        Args:
            id_: the id of the webhook.
            since: the time; without a zone it is UTC.
        """
        path = below(self.place, id_, "recover")
        return Operation(method="POST", path=path, read=_read_recovered, options=body_of({"since": since}))


def _read_delivery(response: httpx.Response) -> DeliveryReport:
    return decode(response, DeliveryReport)


def _read_secret(response: httpx.Response) -> str:
    return decode(response, dict[str, str])["secret"]


def _read_recovered(response: httpx.Response) -> int:
    return decode(response, dict[str, int])["recovered"]
