"""The items that lists in records hold, as they are sent.

Made by tests/generate_client.py from the entities; do not edit.
"""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal, Required, TypeAlias, TypedDict
from uuid import UUID

#: What a filter by attribute compares with; several values for ``__in``.
FilterValue: TypeAlias = str | float | Decimal | dt.date | Sequence[str | float | Decimal | dt.date]


class TaskInput(TypedDict, total=False):
    """The fields of a task."""

    id: UUID | str | None
    task: Required[str]
    date: dt.date | str | None
    completed: bool
    date_created: dt.datetime | str | None


class NoteInput(TypedDict, total=False):
    """The fields of a note."""

    id: UUID | str | None
    date: dt.date | dt.datetime | str | None
    note: Required[str]


class StageInput(TypedDict, total=False):
    """The fields of a stage."""

    id: UUID | str | None
    name: Required[str]
    color: str
    order: int


class TeachingAssistantInput(TypedDict, total=False):
    """The fields of a teaching assistant."""

    id: Required[int]
    name: str | None


class ConditionInput(TypedDict, total=False):
    """The fields of a condition."""

    field: Required[str]
    operator: Required[Literal["=", "!=", ">", "<", ">=", "<=", "in", "contains", "changed", "changed_to"]]
    value: object


class TaskChange(TypedDict, total=False):
    """The fields of a task that can be changed alone."""

    completed: bool
    task: str
    date: dt.date | str | None
