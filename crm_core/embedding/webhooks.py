"""The calls of webhooks: those of all records, and those of their secrets and deliveries."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Unpack
from uuid import UUID

import attrs

from crm_core.arguments.deliveries import DeliveryFilters
from crm_core.arguments.values import sendable
from crm_core.embedding.calls import R_co, call, needed
from crm_core.embedding.listings import PAGE_SIZE, ListQuery, listing
from crm_core.embedding.records import page_parameters
from crm_core.embedding.resources.webhooks import WebhookRecordCalls
from crm_core.engine.decisions import id_of
from crm_core.engine.parameters import parameter_texts
from crm_core.engine.receipts import Document
from crm_core.input.dates import read_datetime
from crm_core.model.events import EventKind
from crm_core.model.list_pages import ListPage
from crm_core.model.plain_values import entity_of, parse_json
from crm_core.model.read_versions import keep_version
from crm_core.ports import DeliveryLog
from crm_core.use_cases import webhooks
from crm_core.webhooks.reports import DeliveryReport, DryRunResult, WebhookWithSecret


@attrs.define(slots=False, eq=False)
class WebhookCalls(WebhookRecordCalls[R_co]):
    """The calls of webhooks: those of all records, and those of their secrets and deliveries."""

    @call
    async def rotate_secret(self, id_: UUID | str, /) -> str:
        """Replace the secret and return the new one; for a day requests are signed with both."""
        context = self.context
        return await webhooks.rotate_secret(context.db, self._log, context.caller(), id_of(id_))

    @call
    async def dry_run(self, id_: UUID | str, /, *, record: UUID | str, event: EventKind = "updated") -> DryRunResult:
        """Return whether the webhook would fire for a record, and the request it would send; nothing is sent.

        Args:
            id_: the id of the webhook.
            record: the id of a record of the webhook's model.
            event: the change to assume; an update changes no field.
        """
        context, sent = self.context, sendable({"record": record, "event": event})
        fires, delivery = await webhooks.dry_run(context.db, context.caller(), id_of(id_), sent, strict=True)
        request = {name: getattr(delivery, name) for name in ("method", "url", "headers", "body")}
        if delivery.method == "GET":
            request["body"] = None
        return DryRunResult(would_fire=fires, request=request, error=delivery.error or None)

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

        async def read(cursor: str, size: int) -> ListPage[DeliveryReport]:
            context = self.context
            params = {**parameter_texts(filters), **page_parameters(cursor, size)}
            page = await webhooks.find(context.db, self._log, context.caller(), id_of(id_), params, strict=True)
            return ListPage(tuple(map(_report, page.deliveries)), page.next or "")

        return ListQuery(read=read, page_size=page_size, limit=limit)

    @call
    async def delivery(self, id_: UUID | str, delivery_id: UUID | str, /) -> DeliveryReport:
        """Return one delivery with its request and the receiver's answer."""
        context = self.context
        return _report(await webhooks.get(context.db, self._log, context.caller(), id_of(id_), id_of(delivery_id)))

    @call
    async def cancel_delivery(self, id_: UUID | str, delivery_id: UUID | str, /) -> None:
        """Cancel a delivery that waits."""
        context = self.context
        await webhooks.cancel(context.db, self._log, context.caller(), id_of(id_), id_of(delivery_id))

    @call
    async def redeliver(self, id_: UUID | str, delivery_id: UUID | str, /) -> DeliveryReport:
        """Send a delivery again; return it."""
        context = self.context
        return _report(
            await webhooks.redeliver(context.db, self._log, context.caller(), id_of(id_), id_of(delivery_id))
        )

    @call
    async def recover(self, id_: UUID | str, /, *, since: dt.datetime | dt.date | str) -> int:
        """Send all deliveries again that died since a time; return how many.

        Args:
            id_: the id of the webhook.
            since: the time; without a zone it is UTC.
        """
        context, sent = self.context, sendable({"since": since})
        return await webhooks.recover(context.db, self._log, context.caller(), id_of(id_), sent, strict=True)

    @property
    def _log(self) -> DeliveryLog:
        return needed(self.context.deliveries, "deliveries")

    def _entity(self, document: Document) -> WebhookWithSecret:
        webhook: WebhookWithSecret = entity_of(WebhookWithSecret, parse_json(document.body))
        keep_version(webhook, document.version)
        return webhook

    async def _create(self, values: Mapping[str, object], key: str | None) -> WebhookWithSecret:
        log = self._log
        webhook = await super()._create(values, key)
        created = attrs.evolve(webhook, secret=await log.first_secret(webhook.id))
        keep_version(created, 1)
        return created


def _report(members: Mapping[str, Any]) -> DeliveryReport:
    ids = {name: UUID(str(members[name])) for name in ("id", "record")}
    times = ("created_at", "attempted_at", "next_attempt_at", "finished_at")
    read = {name: None if members[name] is None else read_datetime(members[name]) for name in times}
    return DeliveryReport(**{**members, **ids, **read})
