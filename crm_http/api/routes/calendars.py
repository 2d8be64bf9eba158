"""Calendars of a user's own tasks: made, listed, revoked, and read by their secrets (decisions 139 to 142)."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

import attrs
from litestar.response.base import ASGIResponse

from crm_core.errors import NotFoundError
from crm_core.model.calendars import Calendar
from crm_core.ports import Accounts, CalendarWriter, Database
from crm_core.use_cases import calendars
from crm_core.use_cases.calendars import CalendarInput
from crm_http.api.auth import Access, caller, token_of
from crm_http.api.endpoints import Endpoint, Reply
from crm_http.api.preconditions import REVALIDATED, matches_etag
from crm_http.api.requests import JSON, AnyRequest, header, is_strict, read_json, read_query
from crm_http.api.responses import json_response
from crm_http.api.routing import everybody, path_id
from crm_http.headers.entity_tags import entity_tag
from crm_http.payloads.agenda import CalendarWithSecret
from crm_http.payloads.shapes import Input, array
from crm_http.site import site_url

ICALENDAR: Final = "text/calendar"
_PATH: Final = "/api/calendars"
_READ: Final = "/ical"
_ENDING: Final = ".ics"


@attrs.frozen
class CalendarRoutes:
    """The handlers of calendars.

    Attributes:
        accounts: where users and calendars are stored.
        db: the store of records.
        writer: writes calendars; without it there are none.
    """

    accounts: Accounts
    db: Database
    writer: CalendarWriter | None

    async def create(self, request: AnyRequest) -> ASGIResponse:
        """Make a calendar, and show its secret this once."""
        if self.writer is None:
            raise NotFoundError
        data, token = await read_json(request), token_of(request)
        made, secret = await calendars.create(self.accounts, caller(request), token, data, strict=is_strict(request))
        shown = CalendarWithSecret(
            **attrs.asdict(made), secret=secret, url=f"{site_url(request)}{_READ}/{secret}{_ENDING}"
        )
        return json_response(shown, HTTPStatus.CREATED)

    async def find(self, request: AnyRequest) -> ASGIResponse:
        """Answer with the caller's calendars."""
        return json_response(await calendars.find(self.accounts, caller(request), token_of(request)))

    async def revoke(self, request: AnyRequest) -> ASGIResponse:
        """Revoke one of the caller's calendars."""
        await calendars.revoke(self.accounts, caller(request), token_of(request), path_id(request))
        return ASGIResponse(status_code=HTTPStatus.NO_CONTENT)

    async def read(self, request: AnyRequest) -> ASGIResponse:
        """Answer with a calendar, unless the client has it as it is."""
        name, state = request.path_params["secret"], request.scope["state"]
        if self.writer is None or not name.endswith(_ENDING):
            raise NotFoundError
        contents = await calendars.read(
            self.accounts,
            self.db,
            name.removesuffix(_ENDING),
            read_query(request),
            request_id=state["request_id"],
            strict=is_strict(request),
        )
        state["who"] = contents.owner  # for the access log
        headers = {"ETag": entity_tag(contents.tag), "Cache-Control": REVALIDATED["Cache-Control"]}
        if matches_etag(header(request, b"if-none-match"), headers["ETag"]):
            return ASGIResponse(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        body = await self.writer.write(contents.items, as_todo=contents.as_todo)
        return ASGIResponse(body=body, media_type=ICALENDAR, headers=headers)


def calendar_endpoints(accounts: Accounts, db: Database, writer: CalendarWriter | None) -> Iterator[Endpoint]:
    """Return the endpoints of calendars."""
    routes = CalendarRoutes(accounts, db, writer)
    yield Endpoint(
        *("GET", _PATH, routes.find),
        access=everybody(Access.AUTHENTICATED),
        id="calendars_list",
        tag="Agenda",
        summary="List your own calendars, newest first",
        description="Without their secrets, which are not stored. A narrow token is refused.",
        replies={200: Reply("The calendars.", array(Calendar))},
        errors=frozenset({HTTPStatus.FORBIDDEN}),
    )
    yield Endpoint(
        *("POST", _PATH, routes.create),
        access=everybody(Access.AUTHENTICATED),
        id="calendars_create",
        tag="Agenda",
        summary="Make a calendar of your own tasks",
        description="By its URL everybody can read the open tasks of leads for which you are responsible, and those "
        "that you created, as far as you may view them at that moment. It expires when it is not read for some time. "
        "A narrow token is refused.",
        body={JSON: Input(CalendarInput, "CalendarInput")},
        working_example={"name": "Phone"},
        replies={201: Reply("The calendar. Its secret is shown only this once.", CalendarWithSecret)},
        errors=frozenset({HTTPStatus.FORBIDDEN}),
    )
    yield Endpoint(
        *("DELETE", f"{_PATH}/{{id}}", routes.revoke),
        access=everybody(Access.AUTHENTICATED),
        id="calendars_revoke",
        tag="Agenda",
        summary="Revoke one of your own calendars",
        description="It cannot be read any more. A narrow token is refused.",
        replies={204: Reply("The calendar is revoked.")},
        errors=frozenset({HTTPStatus.FORBIDDEN}),
    )
    yield Endpoint(
        *("GET", f"{_READ}/{{secret}}", routes.read),
        access=everybody(Access.OPEN),
        id="calendar",
        tag="Agenda",
        summary="Read a calendar, as calendar apps do",
        description="The URL is that of `POST /api/calendars/`, and needs no token. Tasks are events of whole days.",
        path_parameters={
            "secret": {"type": "string", "description": "The secret of the calendar, and the ending `.ics`."}
        },
        query=calendars.Reading,
        headers=("If-None-Match",),
        replies={
            200: Reply("The calendar.", str, ("ETag",), (ICALENDAR,)),
            304: Reply("The client has the calendar already as it is.", headers=("ETag",)),
        },
    )
