"""The app: all endpoints on the ports. It is independent of the adapters."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from uuid import UUID

import crm_http.needed  # first, so that what is missing is named
from crm_core.errors import RegistrationError
from crm_core.model.registered import registered, use_resources
from crm_core.ports import Accounts, CalendarWriter, Database, DeliveryLog, Feed, Passwords, WorkbookWriter
from crm_core.resources import (
    ATTRIBUTES,
    COHORTS,
    FOLLOW_UPS,
    PIPELINES,
    RESOURCES,
    TRANSFER_REQUESTS,
    WEBHOOKS,
    Resource,
)
from crm_core.use_cases.import_requests import Imports
from crm_core.use_cases.uploads import Images, delete_images
from crm_core.use_cases.waiters import Waiters
from crm_http.api.auth import guard
from crm_http.api.endpoints import Endpoint
from crm_http.api.errors import EXCEPTION_HANDLERS
from crm_http.api.requests import AnyRequest
from crm_http.api.routes.accounts import account_endpoints
from crm_http.api.routes.agenda import agenda_endpoints
from crm_http.api.routes.attributes import attribute_endpoints
from crm_http.api.routes.bulk import bulk_endpoints
from crm_http.api.routes.calendars import calendar_endpoints
from crm_http.api.routes.changes import change_endpoints
from crm_http.api.routes.duplicates import duplicate_endpoints
from crm_http.api.routes.erasures import erasure_endpoints
from crm_http.api.routes.exports import export_endpoint
from crm_http.api.routes.files import file_endpoint
from crm_http.api.routes.health import health_endpoints
from crm_http.api.routes.history import history_endpoints
from crm_http.api.routes.imports import import_endpoints
from crm_http.api.routes.merges import merge_endpoints
from crm_http.api.routes.records import RecordRoutes, record_endpoints
from crm_http.api.routes.root import root_endpoints
from crm_http.api.routes.rosters import roster_endpoint
from crm_http.api.routes.summaries import summary_endpoint
from crm_http.api.routes.tasks_and_notes import task_and_note_endpoints
from crm_http.api.routes.tokens import token_endpoints
from crm_http.api.routes.transfers import transfer_endpoints
from crm_http.api.routes.unique_values import unique_value_endpoints
from crm_http.api.routes.uploads import upload_endpoint
from crm_http.api.routes.webhooks import webhook_endpoints
from crm_http.api.routing import mount, path_id
from crm_http.middleware import Limits, RequestMiddleware, RequestObserver
from crm_http.openapi.components import refuse_clashes
from crm_http.openapi.description_route import description_endpoint
from crm_http.openapi.docs_page import page_endpoints
from crm_http.site import Site

Litestar = crm_http.needed.litestar.Litestar

__all__ = ["create_app"]

Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]


async def _always() -> bool:
    return True


def create_app(  # noqa: PLR0913  # the ports of the core, and how the app is served
    database: Database,
    accounts: Accounts,
    passwords: Passwords,
    log: DeliveryLog,
    feed: Feed,
    images: Images,
    *,
    waiters: Waiters | None = None,
    workbooks: WorkbookWriter | None = None,
    imports: Imports | None = None,
    calendars: CalendarWriter | None = None,
    ready: Callable[[], Awaitable[bool]] = _always,
    lifespan: Sequence[Lifespan] = (),
    limits: Limits | None = None,
    observers: Sequence[RequestObserver] = (),
    site: Site | None = None,
) -> RequestMiddleware:
    """Return the ASGI app of the whole API.

    Raises RegistrationError for a registered resource whose path is that of another endpoint, one of whose schemas has
    the name of another schema, or which the document cannot describe.

    Args:
        database: where records are stored.
        accounts: where users and tokens are stored.
        passwords: verifies passwords.
        log: where the deliveries of webhooks are stored.
        feed: where the events of changes are read.
        images: where images are stored.
        waiters: counts and ends the requests that wait for changes.
        workbooks: writes exports in XLSX; without it they are CSV and JSONL.
        imports: where files are taken to be imported; without it none are.
        calendars: writes calendars; without it none can be made or read.
        ready: returns whether requests can be answered now.
        lifespan: context managers that are open while the app runs.
        limits: the limits of requests.
        observers: functions that are called after each request.
        site: where the app is on the web, and which web pages may call it.
    """
    use_resources("an app")
    endpoints = [
        *account_endpoints(accounts, passwords),
        *token_endpoints(accounts),
        *(endpoint for row in RESOURCES.values() for endpoint in _resource_endpoints(row, database, log, images)),
        *bulk_endpoints(database),
        *agenda_endpoints(database),
        *calendar_endpoints(accounts, database, calendars),
        *change_endpoints(feed, accounts, waiters or Waiters()),
        *(export_endpoint(row, database, workbooks) for row in RESOURCES.values()),
        *(import_endpoints(imports) if imports else ()),
        *health_endpoints(ready),
        *page_endpoints(),
    ]
    endpoints += root_endpoints(endpoints)
    _refuse_doubles(endpoints)
    refuse_clashes(endpoints)
    app = Litestar(
        route_handlers=mount([*endpoints, description_endpoint(database, endpoints)]),
        before_request=guard(accounts),
        exception_handlers=EXCEPTION_HANDLERS,  # type: ignore[arg-type]  # each handler takes the class of its key
        lifespan=list(lifespan),
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    return RequestMiddleware(app, limits, observers, site=site)


def _refuse_doubles(endpoints: Sequence[Endpoint]) -> None:
    counts = Counter((endpoint.method, endpoint.path) for endpoint in endpoints)
    for row in registered():
        place = f"/api/{RESOURCES[row.name].path}"
        if doubled := [path for (_, path), count in counts.items() if count > 1 and path.startswith(place)]:
            raise RegistrationError(row.name, (f"another endpoint has the path {doubled[0]}",))


def _resource_endpoints(row: Resource, db: Database, log: DeliveryLog, images: Images) -> Iterator[Endpoint]:
    if row is ATTRIBUTES:
        yield from attribute_endpoints(db)
    elif row is WEBHOOKS:
        yield from webhook_endpoints(db, log)
    elif row is FOLLOW_UPS:
        yield from _follow_up_endpoints(db)
    else:
        deletes_images = row.has_images and not images.keeps_deleted
        after_delete = partial(delete_images, images.files, row) if deletes_images else None
        files = images.files if row.has_images else None
        routes = RecordRoutes(row, db, f"/api/{row.path}", after_delete=after_delete, files=files)
        yield from _record_and_history_endpoints(routes)
        if row.has_catalog:
            yield from unique_value_endpoints(routes)
    if row is PIPELINES:
        yield summary_endpoint(db)
    if row is COHORTS:
        yield roster_endpoint(db)
    if row is TRANSFER_REQUESTS:
        yield from transfer_endpoints(db)
    if row.has_tasks_and_notes:
        yield from task_and_note_endpoints(row, db)
    if row.has_images:
        yield from (upload_endpoint(row, db, images), file_endpoint(row, db, images))


def _record_and_history_endpoints(routes: RecordRoutes) -> Iterator[Endpoint]:
    yield from record_endpoints(routes)
    yield from history_endpoints(routes)
    yield from erasure_endpoints(routes)
    yield from merge_endpoints(routes)
    yield from duplicate_endpoints(routes)


def _follow_up_endpoints(db: Database) -> Iterator[Endpoint]:
    """Return the endpoints of follow-ups, documented without ``/api`` and expected with it (decision 1)."""
    for prefix, name in (("", "follow_ups"), ("/api", "api_follow_ups")):
        place = f"{prefix}/services/{{service}}/{FOLLOW_UPS.path}"
        routes = RecordRoutes(FOLLOW_UPS, db, place, _service_id, name=name, is_deprecated=bool(prefix))
        yield from _record_and_history_endpoints(routes)
        yield from unique_value_endpoints(routes)


def _service_id(request: AnyRequest) -> UUID:
    return path_id(request, "service")
