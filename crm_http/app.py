"""The app: every route mounted on its ports. It does not know which adapters stand behind them."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from uuid import UUID

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler

from crm_core.ports import Accounts, Database, DeliveryLog, Passwords
from crm_core.resources import ATTRIBUTES, FOLLOW_UPS, RESOURCES, WEBHOOKS, Resource
from crm_core.use_cases.uploads import Images, delete_images
from crm_http.api.auth import guard
from crm_http.api.errors import HANDLERS
from crm_http.api.limits import Limits
from crm_http.api.middleware import Edge, RequestObserver
from crm_http.api.requests import AnyRequest
from crm_http.api.routes.accounts import mount_accounts
from crm_http.api.routes.attributes import mount_attributes
from crm_http.api.routes.files import mount_files
from crm_http.api.routes.health import mount_health
from crm_http.api.routes.records import AfterDelete, Records, mount_records
from crm_http.api.routes.tasks_and_notes import mount_activity
from crm_http.api.routes.uploads import mount_uploads
from crm_http.api.routes.webhooks import mount_webhooks
from crm_http.api.routing import path_id
from crm_http.openapi.description_route import mount_schema
from crm_http.openapi.docs_page import mount_reference

__all__ = ["create_app"]

Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]


async def _always() -> bool:
    return True


def create_app(
    database: Database,
    accounts: Accounts,
    passwords: Passwords,
    log: DeliveryLog,
    images: Images,
    *,
    ready: Callable[[], Awaitable[bool]] = _always,
    lifespan: Sequence[Lifespan] = (),
    limits: Limits | None = None,
    observers: Sequence[RequestObserver] = (),
) -> Edge:
    """The ASGI app of the whole API.

    Args:
        database: where records are.
        accounts: where users and tokens are.
        passwords: what verifies passwords.
        log: where webhooks' deliveries are.
        images: where images are.
        ready: whether requests can be answered now.
        lifespan: what is opened before the first request and closed after the last.
        limits: what requests are held to.
        observers: are told of each request.
    """
    routes = [*_routes(database, accounts, passwords, log, images), *mount_health(ready), *mount_reference()]
    app = Litestar(
        route_handlers=[*routes, mount_schema(database, routes)],
        before_request=guard(accounts),
        exception_handlers=HANDLERS,  # type: ignore[arg-type]  # each takes the kind of error that it stands under
        lifespan=list(lifespan),
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    return Edge(app, limits, observers)


def _routes(
    database: Database, accounts: Accounts, passwords: Passwords, log: DeliveryLog, images: Images
) -> list[HTTPRouteHandler]:
    rows = [row for row in RESOURCES.values() if row not in (ATTRIBUTES, FOLLOW_UPS, WEBHOOKS)]
    ordinary = [Records(row, database, f"/api/{row.path}", after_delete=_tidy(row, images)) for row in rows]
    # Follow-ups are documented without /api, and expected with it (ruling 1).
    nested = [
        Records(FOLLOW_UPS, database, f"{prefix}/services/{{parent}}/{FOLLOW_UPS.path}", _parent)
        for prefix in ("", "/api")
    ]
    return [
        *(route for answers in (*ordinary, *nested) for route in mount_records(answers)),
        *(mount(row, database, images) for row in rows if row.has_images for mount in (mount_uploads, mount_files)),
        *(route for row in rows if row.has_tasks_and_notes for route in mount_activity(row, database)),
        mount_attributes(database),
        *mount_webhooks(database, log),
        *mount_accounts(accounts, passwords),
    ]


def _tidy(row: Resource, images: Images) -> AfterDelete | None:
    return partial(delete_images, images.files, row) if row.has_images else None


def _parent(request: AnyRequest) -> UUID:
    return path_id(request, "parent")
