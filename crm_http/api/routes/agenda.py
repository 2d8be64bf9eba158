"""The agenda: the tasks of clients, services and leads in one list (decisions 136 and 137)."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

from litestar.response.base import ASGIResponse
from msgspec.json import encode

from crm_core.model.agenda import AgendaTask
from crm_core.ports import Database
from crm_core.resources import RESOURCES
from crm_core.use_cases import agendas
from crm_http.api.auth import Access, caller
from crm_http.api.endpoints import Endpoint, Reply
from crm_http.api.requests import AnyRequest, is_strict, read_query
from crm_http.api.responses import JsonResponse, link_to_next
from crm_http.api.routing import everybody
from crm_http.payloads.agenda import AgendaEntry
from crm_http.payloads.shapes import array
from crm_http.site import root_path

_PATH: Final = "/api/tasks"


def agenda_endpoints(db: Database) -> Iterator[Endpoint]:
    """Return the endpoint of the agenda."""

    async def find(request: AnyRequest) -> ASGIResponse:
        params = read_query(request)
        page = await agendas.find(db, caller(request), params, strict=is_strict(request))
        body = b"[%b]" % b",".join(_entry(each, root_path(request)) for each in page.tasks)
        return JsonResponse(body, headers=link_to_next(request, _PATH, params, page.next))

    yield Endpoint(
        *("GET", _PATH, find),
        access=everybody(Access.AUTHENTICATED),
        id="tasks_list",
        tag="Agenda",
        summary="List the tasks of clients, services and leads, by their dates",
        description="Those of records that the caller may view, by date, then by id; tasks without a date come last. "
        "`user_id` is who created a task, `responsible` who has to see to the lead. The `Link` header names the next "
        "page.",
        query=agendas.Listing,
        replies={200: Reply("The tasks, each with its record.", array(AgendaEntry), headers=("Link",))},
        errors=frozenset({HTTPStatus.FORBIDDEN}),
    )


def _entry(each: AgendaTask, root: str) -> bytes:
    """Return an entry as JSON; the task stays as it is stored."""
    record = each.place.record
    about = {
        "resource": each.resource,
        "record": str(record),
        "name": each.name,
        "update_task": f"{root}/api/{RESOURCES[each.resource].path}/{record}/update-task/",
    }
    return b'{"task":%b,%b' % (each.task, encode(about)[1:])
