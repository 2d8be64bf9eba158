"""What webhooks have beside the answers of every resource: they can be tried, and what became of their deliveries."""

from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from urllib.parse import urlencode

import attrs
import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from crm_core.ports import Database, DeliveryLog
from crm_core.resources import WEBHOOKS
from crm_core.use_cases import records, webhooks
from crm_http.api.auth import caller
from crm_http.api.requests import JSON, AnyRequest, is_strict, read_query
from crm_http.api.routes.records import Records, body_or, mount_records
from crm_http.api.routing import mount, path_id, rights


@attrs.frozen
class Webhooks:
    """The answers about webhooks and their deliveries.

    Attributes:
        db: where webhooks are.
        log: where their deliveries are.
    """

    db: Database
    log: DeliveryLog

    async def dry_run(self, request: AnyRequest) -> ASGIResponse:
        """Would it fire for a record, and what would be sent?"""
        data = await self._body(request)
        would_fire, delivery = await webhooks.dry_run(
            self.db, caller(request), path_id(request), data, strict=is_strict(request)
        )
        sent = {name: getattr(delivery, name) for name in ("method", "url", "headers", "body")}
        return _shown({"would_fire": would_fire, "request": sent, "error": delivery.error or None})

    async def find(self, request: AnyRequest) -> ASGIResponse:
        """A page of the log, with a link to the next."""
        id_, params = path_id(request), read_query(request)
        page = await webhooks.find(self.db, self.log, caller(request), id_, params, strict=is_strict(request))
        headers = {}
        if page.next is not None:
            following = urlencode({**params, "cursor": page.next})
            headers = {"Link": f'</api/webhooks/{id_}/deliveries/?{following}>; rel="next"'}
        return _shown(page.deliveries, headers=headers)

    async def retrieve(self, request: AnyRequest) -> ASGIResponse:
        """One delivery."""
        ids = path_id(request), path_id(request, "delivery")
        return _shown(await webhooks.get(self.db, self.log, caller(request), *ids))

    async def redeliver(self, request: AnyRequest) -> ASGIResponse:
        """The delivery, which is sent anew."""
        ids = path_id(request), path_id(request, "delivery")
        return _shown(await webhooks.redeliver(self.db, self.log, caller(request), *ids), HTTPStatus.ACCEPTED)

    async def recover(self, request: AnyRequest) -> ASGIResponse:
        """How many deliveries are sent anew."""
        data = await self._body(request)
        recovered = await webhooks.recover(
            self.db, self.log, caller(request), path_id(request), data, strict=is_strict(request)
        )
        return _shown({"recovered": recovered}, HTTPStatus.ACCEPTED)

    async def rotate_secret(self, request: AnyRequest) -> ASGIResponse:
        """The new secret, this once."""
        return _shown({"secret": await webhooks.rotate_secret(self.db, self.log, caller(request), path_id(request))})

    async def _body(self, request: AnyRequest) -> object:
        id_ = path_id(request)
        return await body_or(request, lambda: records.look_up(self.db, WEBHOOKS, id_))


def mount_webhooks(db: Database, log: DeliveryLog) -> list[HTTPRouteHandler]:
    """The paths of webhooks; a new one is shown with its secret."""
    ordinary = Records(WEBHOOKS, db, "/api/webhooks", shown_once=partial(webhooks.with_secret, log))
    answers = Webhooks(db, log)
    access = rights(WEBHOOKS.noun) | {"POST": WEBHOOKS.permission("change")}
    paths = {
        "dry-run": {"POST": answers.dry_run},
        "rotate-secret": {"POST": answers.rotate_secret},
        "recover": {"POST": answers.recover},
        "deliveries": {"GET": answers.find},
        "deliveries/{delivery:str}": {"GET": answers.retrieve},
        "deliveries/{delivery:str}/redeliver": {"POST": answers.redeliver},
    }
    return mount_records(ordinary) + [
        mount(f"/api/webhooks/{{id:str}}/{path}", methods, access, lists=path == "deliveries")
        for path, methods in paths.items()
    ]


def _shown(value: object, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> ASGIResponse:
    return ASGIResponse(
        body=msgspec.json.encode(value), status_code=status, media_type=JSON, headers=dict(headers or {})
    )
