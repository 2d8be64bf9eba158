"""The agenda: the tasks of all records, as stores return them (decision 136)."""

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import attrs

from crm_core.model.entities import Task


class Place(NamedTuple):
    """The place of a task in the agenda: by its date, those without one last, then by its id and its record's."""

    date: dt.date | None
    task: UUID
    record: UUID


@attrs.frozen(kw_only=True)
class AgendaTask:
    """A task, and the record that it belongs to.

    Attributes:
        place: its date, its id and the record's id.
        resource: the name of the record's resource.
        name: the name of the record.
        task: the task as it is stored, compact JSON.
    """

    place: Place
    resource: str
    name: str
    task: bytes


class AgendaPage(NamedTuple):
    """A page of the agenda, and whether more tasks follow."""

    tasks: Sequence[AgendaTask]
    more: bool


@attrs.frozen(kw_only=True, slots=False)
class AgendaEntry:
    """A task, and the record that it belongs to, as callers get them.

    Attributes:
        task: the task, as its record has it.
        resource: the name of the record's resource: ``client``, ``service`` or ``lead``.
        record: the id of the record.
        name: the name of the record.
    """

    task: Task
    resource: str
    record: UUID
    name: str
