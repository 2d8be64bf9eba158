"""The calls of the agenda."""

import datetime as dt
from typing import Literal

import attrs

from crm_core.embedding.calls import CallGroup, R_co
from crm_core.embedding.listings import PAGE_SIZE, ListQuery, listing
from crm_core.embedding.records import page_parameters
from crm_core.engine.parameters import parameter_texts
from crm_core.model.agenda import AgendaEntry, AgendaTask
from crm_core.model.entities import Task
from crm_core.model.list_pages import ListPage
from crm_core.model.plain_values import entity_of, parse_json
from crm_core.use_cases import agendas


@attrs.define(slots=False, eq=False)
class AgendaCalls(CallGroup[R_co]):
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
        """Return tasks by date, those without one last; they are read page by page.

        Args:
            responsible: only tasks of leads for which the user with this id is responsible.
            user_id: only tasks that the user with this id created.
            completed: only tasks that are done, or that are not.
            due_before: only tasks whose date is before this day.
            due_after: only tasks whose date is after this day.
            resource: only tasks of this resource.
            limit: the most tasks in all.
            page_size: the tasks that are read at once, from 1 to 1,000.
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

        async def read(cursor: str, size: int) -> ListPage[AgendaEntry]:
            params = {**parameter_texts(filters), **page_parameters(cursor, size)}
            page = await agendas.find(self.context.db, self.context.caller(), params, strict=True)
            return ListPage(tuple(map(_entry, page.tasks)), page.next or "")

        return ListQuery(read=read, page_size=page_size, limit=limit)


def _entry(each: AgendaTask) -> AgendaEntry:
    task = entity_of(Task, parse_json(each.task))
    return AgendaEntry(task=task, resource=each.resource, record=each.place.record, name=each.name)
