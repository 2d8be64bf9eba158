"""The endpoints of webhooks: the six of every resource, the dry run, the secret, and the log of deliveries."""

from collections.abc import Iterator
from functools import partial
from http import HTTPStatus
from typing import Final

import attrs
from litestar.response.base import ASGIResponse

from crm_core.ports import Database, DeliveryLog
from crm_core.resources import WEBHOOKS
from crm_core.use_cases import records, webhooks
from crm_core.webhooks.delivery_log import LoggedDelivery
from crm_http.api.auth import caller
from crm_http.api.endpoints import Endpoint, Reply
from crm_http.api.requests import JSON, AnyRequest, is_strict, read_query
from crm_http.api.responses import json_response, link_to_next
from crm_http.api.routes.erasures import erasure_endpoints
from crm_http.api.routes.history import history_endpoints
from crm_http.api.routes.records import RecordRoutes, body_or, record_endpoints, tag_of
from crm_http.api.routing import path_id, rights
from crm_http.payloads.bodies import DryRunResult, Recovered, WebhookSecret
from crm_http.payloads.record_examples import example_id
from crm_http.payloads.shapes import Input, array

_PATH: Final = "/api/webhooks"
_ONE: Final = f"{_PATH}/{{id}}"


@attrs.frozen
class WebhookRoutes:
    """The handlers of webhooks and their deliveries.

    Attributes:
        db: where webhooks are stored.
        log: where their deliveries are stored.
    """

    db: Database
    log: DeliveryLog

    async def dry_run(self, request: AnyRequest) -> ASGIResponse:
        """Answer whether a webhook would fire for a record, and with the request. Nothing is sent."""
        data = await self._body(request)
        would_fire, delivery = await webhooks.dry_run(
            self.db, caller(request), path_id(request), data, strict=is_strict(request)
        )
        sent = {name: getattr(delivery, name) for name in ("method", "url", "headers", "body")}
        if delivery.method == "GET":
            sent["body"] = None
        return json_response({"would_fire": would_fire, "request": sent, "error": delivery.error or None})

    async def find(self, request: AnyRequest) -> ASGIResponse:
        """Answer with a page of the log and a link to the next."""
        id_, params = path_id(request), read_query(request)
        page = await webhooks.find(self.db, self.log, caller(request), id_, params, strict=is_strict(request))
        link = link_to_next(request, f"{_PATH}/{id_}/deliveries", params, page.next)
        return json_response(page.deliveries, headers=link)

    async def retrieve(self, request: AnyRequest) -> ASGIResponse:
        """Answer with one delivery."""
        ids = path_id(request), path_id(request, "delivery")
        return json_response(await webhooks.get(self.db, self.log, caller(request), *ids))

    async def cancel(self, request: AnyRequest) -> ASGIResponse:
        """Cancel a delivery that waits."""
        ids = path_id(request), path_id(request, "delivery")
        await webhooks.cancel(self.db, self.log, caller(request), *ids)
        return ASGIResponse(status_code=HTTPStatus.NO_CONTENT)

    async def redeliver(self, request: AnyRequest) -> ASGIResponse:
        """Send a delivery again; answer with it."""
        ids = path_id(request), path_id(request, "delivery")
        return json_response(await webhooks.redeliver(self.db, self.log, caller(request), *ids), HTTPStatus.ACCEPTED)

    async def recover(self, request: AnyRequest) -> ASGIResponse:
        """Send failed deliveries again; answer how many."""
        data = await self._body(request)
        recovered = await webhooks.recover(
            self.db, self.log, caller(request), path_id(request), data, strict=is_strict(request)
        )
        return json_response({"recovered": recovered}, HTTPStatus.ACCEPTED)

    async def rotate_secret(self, request: AnyRequest) -> ASGIResponse:
        """Replace the secret; answer with the new one."""
        return json_response(
            {"secret": await webhooks.rotate_secret(self.db, self.log, caller(request), path_id(request))}
        )

    async def _body(self, request: AnyRequest) -> object:
        id_ = path_id(request)
        return await body_or(request, lambda: records.look_up(self.db, WEBHOOKS, id_))


def webhook_endpoints(db: Database, log: DeliveryLog) -> Iterator[Endpoint]:
    """Return the endpoints of webhooks; a new webhook is shown with its secret."""
    with_secret = partial(webhooks.with_secret, log)
    records_of = RecordRoutes(WEBHOOKS, db, _PATH, shown_once=with_secret, created="WebhookCreated")
    yield from record_endpoints(records_of)
    yield from history_endpoints(records_of)
    yield from erasure_endpoints(records_of)
    routes = WebhookRoutes(db, log)
    access = rights(WEBHOOKS.model_name, POST="change", DELETE="change")
    declare = partial(Endpoint, access=access, tag=tag_of(WEBHOOKS))
    yield declare(
        *("POST", f"{_ONE}/dry-run", routes.dry_run),
        id="webhooks_dry_run",
        summary="Show whether a webhook would fire for a record, and the request; nothing is sent",
        description="The record is taken as it is now. An update is assumed to change nothing.",
        body={JSON: Input(webhooks.DryRunRequest, "DryRun")},
        working_example={"record": example_id("leads"), "event": "updated"},
        replies={200: Reply("Whether the webhook would fire, and the request that it would send.", DryRunResult)},
    )
    yield declare(
        *("POST", f"{_ONE}/rotate-secret", routes.rotate_secret),
        id="webhooks_rotate_secret",
        summary="Replace the secret of a webhook",
        description="For a day, calls are signed with the previous secret too, so that receivers can change over.",
        replies={200: Reply("The new secret. It is shown only this once.", WebhookSecret)},
    )
    yield declare(
        *("POST", f"{_ONE}/recover", routes.recover),
        id="webhooks_recover",
        summary="Send the deliveries of a webhook again that failed for good",
        description="They are sent again from their first attempt, under the same ids.",
        body={JSON: Input(webhooks.Recovery, "Recovery", required=("since",))},
        working_example={"since": "2026-01-01T00:00:00Z"},
        replies={202: Reply("How many deliveries will be sent again.", Recovered)},
    )
    yield declare(
        *("GET", f"{_ONE}/deliveries", routes.find),
        id="webhooks_deliveries",
        summary="List the deliveries of a webhook, newest first",
        description="Those that succeeded are kept for 7 days, those that failed for good for 30. The `Link` header "
        "names the next page.",
        query=webhooks.Listing,
        replies={200: Reply("The deliveries.", array(LoggedDelivery), headers=("Link",))},
    )
    yield declare(
        *("GET", f"{_ONE}/deliveries/{{delivery}}", routes.retrieve),
        id="webhooks_delivery",
        summary="Retrieve a delivery",
        description="With its request and the answer to it, for callers who may change webhooks.",
        replies={200: Reply("The delivery, with its request and the answer to it.", "Delivery")},
    )
    yield declare(
        *("DELETE", f"{_ONE}/deliveries/{{delivery}}", routes.cancel),
        id="webhooks_cancel_delivery",
        summary="Cancel a delivery that waits",
        description="It is not sent. One that is being sent, or has ended, cannot be cancelled.",
        replies={204: Reply("The delivery is cancelled. It stays in the log.")},
        errors=frozenset({409}),
    )
    yield declare(
        *("POST", f"{_ONE}/deliveries/{{delivery}}/redeliver", routes.redeliver),
        id="webhooks_redeliver",
        summary="Send a delivery again",
        description="It is sent again from its first attempt, under the same id.",
        replies={202: Reply("The delivery, which will be sent again.", "Delivery")},
    )
