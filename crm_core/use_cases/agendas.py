"""The agenda: the tasks of clients, services and leads in one list, by their dates (decisions 136 and 137)."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import attrs

from crm_core.engine.agendas import TASK_RESOURCES, AgendaQuery, read_place, write_place
from crm_core.engine.query_strings import page_limit, refuse_missing
from crm_core.input.declarations import boolean, choice_of, date_value, integer, text
from crm_core.input.drafts import read_parameters
from crm_core.input.readers import ReadContext
from crm_core.model.accounts import Actor, Caller, require
from crm_core.model.agenda import AgendaPage, AgendaTask
from crm_core.model.records import Key
from crm_core.ports import Database
from crm_core.resources import RESOURCES
from crm_core.rules.needs import Needs

_PER_PAGE: Final = 50
_USERS: Final = ("responsible", "user_id")


@attrs.frozen
class Listing:
    """The query parameters of the agenda.

    Attributes:
        responsible: only tasks of leads for which the user with this id is responsible.
        user_id: only tasks that the user with this id created.
        completed: only tasks that are done, or with `false` those that are not.
        due_before: only tasks whose date is before this day.
        due_after: only tasks whose date is after this day.
        resource: only tasks of this resource.
        limit: the number of tasks on a page.
        cursor: the beginning of a page, as the ``Link`` header of another page has it.
    """

    responsible: int | None = integer(default=None)
    user_id: int | None = integer(default=None)
    completed: bool | None = boolean(default=None)
    due_before: dt.date | None = date_value()
    due_after: dt.date | None = date_value()
    resource: str | None = choice_of(TASK_RESOURCES, default=None)
    limit: int = page_limit(_PER_PAGE)
    cursor: str = text(default="")


class Agenda(NamedTuple):
    """A page of the agenda, and the cursor of the next page if there is one."""

    tasks: Sequence[AgendaTask]
    next: str | None


async def find(db: Database, who: Caller, params: Mapping[str, str], *, strict: bool = True) -> Agenda:
    """Return tasks of all records that the caller may view, by date, then by id; those without a date come last.

    Args:
        db: the store of records.
        who: the caller.
        params: the parameters of ``Listing``.
        strict: whether unknown parameters are problems.

    Raises InvalidError for bad parameters and unknown users, and PermissionDeniedError for a resource that is named
    and may not be viewed.
    """
    values = read_parameters(Listing, params, ReadContext(who.new_id, strict))
    query = _query(who.actor, values)
    await _check_users(db, values)
    page = await read(db, who, query)
    return Agenda(page.tasks, write_place(page.tasks[-1].place) if page.more else None)


async def read(db: Database, who: Caller, query: AgendaQuery) -> AgendaPage:
    """Return a page of the agenda for a query whose resources the caller may view."""
    return await db.agenda(query, reader=who.actor.user.id) if query.resources else AgendaPage((), more=False)


def visible_resources(actor: Actor) -> frozenset[str]:
    """Return the names of the resources whose tasks a user may view."""
    return frozenset(name for name in TASK_RESOURCES if actor.may(RESOURCES[name].permission("view")))


def _query(actor: Actor, values: Mapping[str, Any]) -> AgendaQuery:
    asked = {name: value for name, value in values.items() if name not in {"resource", "limit", "cursor"}}
    resource, cursor = values["resource"], values["cursor"]
    if resource is not None:
        require(actor, RESOURCES[resource].permission("view"))
    return AgendaQuery(
        **asked,
        resources=visible_resources(actor) if resource is None else frozenset({resource}),
        after=read_place(cursor) if cursor else None,
        limit=values["limit"],
    )


async def _check_users(db: Database, values: Mapping[str, Any]) -> None:
    """Raise InvalidError for users who do not exist, as lists do (decision 9)."""
    users = {name: Key("user", values[name]) for name in _USERS if values[name] is not None}
    if users:
        known = await db.known(Needs(references=frozenset(users.values())))
        refuse_missing(users, known.exists)
