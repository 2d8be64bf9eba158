"""The query of the agenda, its order and its cursors, and the agenda of records in plain Python (decision 136)."""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final
from uuid import UUID

import attrs

from crm_core.engine.cursors import pack, unpack
from crm_core.errors import invalid
from crm_core.input.dates import read_full_date
from crm_core.input.readers import RefusedError, read_uuid
from crm_core.model.agenda import AgendaPage, AgendaTask, Place
from crm_core.model.entities import Task
from crm_core.model.registered import DerivedNames, DerivedTable
from crm_core.resources import RESOURCES

#: The resources whose records have tasks, by name.
TASK_RESOURCES: Final = DerivedNames(
    lambda: [name for name, resource in RESOURCES.items() if resource.has_tasks_and_notes]
)


@attrs.frozen(kw_only=True)
class AgendaQuery:
    """The query of the agenda; None is no condition.

    Attributes:
        resources: the names of the resources whose tasks are meant.
        responsible: the id of the user who is responsible for the record; only leads have one.
        user_id: the id of the user who created the task.
        completed: whether the task is done.
        due_before: the day before which the task is due; then tasks without a date are left out.
        due_after: the day after which the task is due; then tasks without a date are left out.
        after: the last task of the page before.
        limit: the most tasks.
    """

    resources: frozenset[str]
    responsible: int | None = None
    user_id: int | None = None
    completed: bool | None = None
    due_before: dt.date | None = None
    due_after: dt.date | None = None
    after: Place | None = None
    limit: int


def agenda_page(query: AgendaQuery, records: Iterable[Any], encode: Callable[[Task], bytes]) -> AgendaPage:
    """Return a page of the agenda of all records. The pages of every adapter must be the same.

    Args:
        query: the query.
        records: the values of all records with tasks.
        encode: returns a task as compact JSON.
    """
    found = in_order(_tasks_of(query, records, encode))
    return AgendaPage(found[: query.limit], len(found) > query.limit)


def in_order(tasks: Iterable[AgendaTask]) -> Sequence[AgendaTask]:
    """Return tasks in the order of the agenda."""
    return sorted(tasks, key=lambda each: _sort_key(each.place))


def _tasks_of(query: AgendaQuery, records: Iterable[Any], encode: Callable[[Task], bytes]) -> Iterator[AgendaTask]:
    for record in records:
        resource = _RESOURCE_OF[type(record)]
        if resource in query.resources and query.responsible in (None, getattr(record, "responsible", None)):
            for task in record.list_of_tasks:
                place = Place(task.date, task.id, record.id)
                if _is_asked(query, task) and (query.after is None or _sort_key(place) > _sort_key(query.after)):
                    yield AgendaTask(place=place, resource=resource, name=record.name, task=encode(task))


_RESOURCE_OF: Final = DerivedTable(lambda: {RESOURCES[name].entity: name for name in TASK_RESOURCES})


def _is_asked(query: AgendaQuery, task: Task) -> bool:
    return (
        query.user_id in (None, task.user_id)
        and query.completed in (None, task.completed)
        and (query.due_before is None or (task.date is not None and task.date < query.due_before))
        and (query.due_after is None or (task.date is not None and task.date > query.due_after))
    )


def _sort_key(place: Place) -> tuple[bool, dt.date, UUID, UUID]:
    return place.date is None, place.date or dt.date.min, place.task, place.record


def write_place(place: Place) -> str:
    """Return the cursor after a task of the agenda, as an opaque text for URLs."""
    return pack(place.date.isoformat() if place.date else None, str(place.task), str(place.record))


def read_place(cursor: str) -> Place:
    """Return the place that ``write_place`` was given. Raises InvalidError."""
    try:
        date, task, record = unpack(cursor)
        return Place(None if date is None else read_full_date(date), read_uuid(task), read_uuid(record))
    except (ValueError, TypeError, RecursionError, RefusedError):
        raise invalid("cursor", "invalid", "Invalid cursor") from None
