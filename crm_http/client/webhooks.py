"""Webhooks: beside what all records have, their secret, trials, and what became of their deliveries."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID

import attrs
import httpx

from crm_core.webhooks import entity
from crm_http.client.answers import decode
from crm_http.client.operations import D_co, Operation, Page, listing, operation
from crm_http.client.records import Records, below, body_of, page_at


@attrs.frozen(kw_only=True, slots=False)
class Webhook(entity.Webhook):
    """A webhook as the API shows it; its ``secret`` is there when it has just been created, and never again."""

    secret: str | None = None


@attrs.frozen(kw_only=True)
class DryRunResult:
    """What would come of an event.

    Attributes:
        would_fire: whether the webhook would be sent anything.
        request: what that is: ``method``, ``url``, ``headers`` and ``body``.
        error: why it cannot be sent.
    """

    would_fire: bool
    request: Mapping[str, Any]
    error: str | None


@attrs.frozen(kw_only=True)
class Delivery:
    """A delivery in the log of a webhook; its fields are those of ``crm_core.LoggedDelivery``.

    Attributes:
        request: what is sent, for those who may change webhooks; None in lists.
        answer: the beginning of the receiver's last answer, likewise.
    """

    id: UUID
    record: UUID
    type: str
    state: Literal["pending", "sending", "delivered", "dead"]
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
class Webhooks(Records[D_co, Webhook]):
    """Webhooks and their deliveries."""

    @operation
    def rotate_secret(self, id_: UUID | str, /) -> Operation[str]:
        """A new secret; for a day both sign."""
        return Operation(method="POST", path=below(self.place, id_, "rotate-secret"), read=_read_secret)

    @operation
    def dry_run(self, id_: UUID | str, /, *, record: UUID | str, event: str = "updated") -> Operation[DryRunResult]:
        """Would it fire for a record, and what would be sent? Nothing is."""
        return Operation(
            method="POST",
            path=below(self.place, id_, "dry-run"),
            read=lambda response: decode(response, DryRunResult),
            repeat="safe",
            options=body_of({"record": record, "event": event}),
        )

    @listing
    def deliveries(self, id_: UUID | str, /, *, page_size: int = 100, **filters: object) -> Operation[Page[Delivery]]:
        """The log, the newest first; ``state`` filters it."""
        return page_at(below(self.place, id_, "deliveries"), Delivery, {**filters, "limit": page_size})

    @operation
    def delivery(self, id_: UUID | str, delivery_id: UUID | str, /) -> Operation[Delivery]:
        """One delivery, with its request and the receiver's answer."""
        return Operation(method="GET", path=below(self.place, id_, "deliveries", delivery_id), read=_read_delivery)

    @operation
    def redeliver(self, id_: UUID | str, delivery_id: UUID | str, /) -> Operation[Delivery]:
        """Have a delivery sent anew."""
        path = below(self.place, id_, "deliveries", delivery_id, "redeliver")
        return Operation(method="POST", path=path, read=_read_delivery)

    @operation
    def recover(self, id_: UUID | str, /, *, since: dt.datetime | dt.date | str) -> Operation[int]:
        """Have all deliveries sent anew that died since then; gives how many."""
        path = below(self.place, id_, "recover")
        return Operation(method="POST", path=path, read=_read_recovered, options=body_of({"since": since}))


def _read_delivery(response: httpx.Response) -> Delivery:
    return decode(response, Delivery)


def _read_secret(response: httpx.Response) -> str:
    return decode(response, dict[str, str])["secret"]


def _read_recovered(response: httpx.Response) -> int:
    return decode(response, dict[str, int])["recovered"]
