"""The operations of the agenda, and of the user's own calendars."""

import datetime as dt
from typing import Final, Literal
from uuid import UUID

import attrs

from crm_core.embedding.listings import PAGE_SIZE
from crm_core.model.calendars import Calendar
from crm_http.client.listings import ListQuery, listing
from crm_http.client.operations import D_co, Operation, OperationGroup, operation
from crm_http.client.request_parts import below, body_of
from crm_http.client.responses import decode
from crm_http.payloads.agenda import AgendaEntry, CalendarWithSecret

_TASKS: Final = "/api/tasks"
_CALENDARS: Final = "/api/calendars"


@attrs.define(slots=False, eq=False)
class AgendaOperations(OperationGroup[D_co]):
    """The tasks of clients, services and leads in one list, as far as the user may view them."""

    @listing
    def list(
        self,
        /,
        *,
        responsible: int | None = None,
        user_id: int | None = None,
        completed: bool | None = None,
        due_before: dt.date | str | None = None,
        due_after: dt.date | str | None = None,
        resource: Literal["client", "service", "lead"] | None = None,
        limit: int | None = None,
        page_size: int = PAGE_SIZE,
    ) -> ListQuery[AgendaEntry]:
        """Return tasks by date, those without one last; they are requested page by page while they are read.

        Args:
            responsible: only tasks of leads for which the user with this id is responsible.
            user_id: only tasks that the user with this id created.
            completed: only tasks that are done, or that are not.
            due_before: only tasks whose date is before this day.
            due_after: only tasks whose date is after this day.
            resource: only tasks of this resource.
            limit: the most tasks in all.
            page_size: the tasks that are requested at once, from 1 to 1,000.
        """
        asked = {
            "responsible": responsible,
            "user_id": user_id,
            "completed": completed,
            "due_before": due_before,
            "due_after": due_after,
            "resource": resource,
        }
        filters = {name: value for name, value in asked.items() if value is not None}
        return ListQuery(path=f"{_TASKS}/", item=AgendaEntry, limit=limit, page_size=page_size, filters=filters)


@attrs.define(slots=False, eq=False)
class CalendarOperations(OperationGroup[D_co]):
    """The operations of the user's own calendars, which a narrow token may not use."""

    @operation
    def create(self, /, *, name: str = "") -> Operation[CalendarWithSecret]:
        """Make a calendar of the user's own tasks; its secret and its URL are shown only this once.

        Args:
            name: a name for it, such as that of the device.
        """
        return Operation(
            method="POST",
            path=f"{_CALENDARS}/",
            read=lambda response: decode(response, CalendarWithSecret),
            options=body_of({"name": name}),
        )

    @operation
    def list(self, /) -> Operation[tuple[Calendar, ...]]:
        """Return the calendars, the newest first."""
        return Operation(
            method="GET", path=f"{_CALENDARS}/", read=lambda response: decode(response, tuple[Calendar, ...])
        )

    @operation
    def revoke(self, id_: UUID | str, /) -> Operation[None]:
        """Revoke a calendar: it cannot be read any more.

        Args:
            id_: the id of the calendar.
        """
        return Operation(method="DELETE", path=below(_CALENDARS, id_), read=lambda _: None)
