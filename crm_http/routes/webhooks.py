"""What webhooks have beside the answers of every resource: they can be tried."""

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from crm_core.ports import Database
from crm_core.resources import WEBHOOKS
from crm_core.use_cases import deliveries, records
from crm_http.auth import caller
from crm_http.bodies import JSON, AnyRequest, is_strict
from crm_http.routes.records import body_or
from crm_http.routing import mount, path_id, rights


def mount_webhooks(db: Database) -> HTTPRouteHandler:
    """``POST /api/webhooks/<id>/dry-run/``: would it fire for a record, and what would be sent?"""

    async def dry_run(request: AnyRequest) -> ASGIResponse:
        id_ = path_id(request)
        data = await body_or(request, lambda: records.look_up(db, WEBHOOKS, id_))
        would_fire, delivery = await deliveries.dry_run(db, caller(request), id_, data, strict=is_strict(request))
        shown = {
            "would_fire": would_fire,
            "request": {
                "method": delivery.method,
                "url": delivery.url,
                "headers": delivery.headers,
                "body": delivery.body,
            },
            "error": delivery.error or None,
        }
        return ASGIResponse(body=msgspec.json.encode(shown), media_type=JSON)

    access = rights(WEBHOOKS.noun) | {"POST": WEBHOOKS.permission("change")}
    return mount("/api/webhooks/{id:str}/dry-run", {"POST": dry_run}, access)
