"""The items that lists in records hold, as they are sent.

Made by tests/generate_client.py from the entities; do not edit.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Literal, Required, TypeAlias, TypedDict
from uuid import UUID

#: What a filter by attribute compares with; several values for ``__in``.
FilterValue: TypeAlias = str | float | Decimal | dt.date | Sequence[str | float | Decimal | dt.date]


class TaskInput(TypedDict, total=False):
    """The fields of a task.

    Attributes:
        id: the id of the task; a task that is sent with a known id is that task, one without an id is new.
        task: what is to be done.
        date: the day on which it is due.
        completed: whether it is done. Default: ``False``.
        date_created: when the task was created.
    """

    id: UUID | str | None
    task: Required[str]
    date: dt.date | str | None
    completed: bool
    date_created: dt.datetime | str | None


class NoteInput(TypedDict, total=False):
    """The fields of a note.

    Attributes:
        id: the id of the note; a note that is sent with a known id is that note, one without an id is new.
        date: a date, or a date with a time, as it was sent; the time of creation if none was.
        note: the text.
    """

    id: UUID | str | None
    date: dt.date | dt.datetime | str | None
    note: Required[str]


class StageInput(TypedDict, total=False):
    """The fields of a stage.

    Attributes:
        id: the id of the stage; send it to keep the stage, for instance to rename it.
        name: the name, unique within the pipeline.
        color: the color in which to show the stage, such as ``#007bff``. Default: ``#6c6f73``.
        order: the position; stages are sorted by it. Default: ``0``.
    """

    id: UUID | str | None
    name: Required[str]
    color: str
    order: int


class TeachingAssistantInput(TypedDict, total=False):
    """The fields of a teaching assistant.

    Attributes:
        id: the id of the assistant, which need not be a user.
        name: the name, as it was sent.
    """

    id: Required[int]
    name: str | None


class ConditionInput(TypedDict, total=False):
    """The fields of a condition.

    Attributes:
        field: a field of the model, or ``attributes.`` and the name of an attribute.
        operator: how to compare; ``changed`` and ``changed_to`` compare with the record before the change.
        value: what to compare with: a text, number, boolean or None; a list for ``in``; left out for ``changed``.
    """

    field: Required[str]
    operator: Required[Literal["=", "!=", ">", "<", ">=", "<=", "in", "contains", "changed", "changed_to"]]
    value: object


class ImportInput(TypedDict, total=False):
    """What an import is asked for.

    Attributes:
        format: the format of the file.
        map: ``COLUMN=FIELD`` for each column that is not named like its field.
        ignore: the columns that are not read.
        upsert_by: ``id`` or a unique attribute: a row changes the record that has its value, or creates one if it has
            none or no record has it. Empty: all create.
        blank: what an empty cell of a row that changes a record means: ``keep`` or ``clear``. Default: ``keep``.
        lenient: rows that are refused are left out, and the others count. Default: ``False``.
        atomic: all rows are written in one commit. Default: ``False``.
        dry_run: only check all rows. Default: ``False``.
        no_webhooks: webhooks are not told; the change feed is. Default: ``False``.
        again: the same file may have been imported before. Default: ``False``.
        decimal: the sign before the fraction of a number. Default: ``.``.
        thousands: the sign between thousands.
        dates: YYYY, MM and DD in their order, with what is between them. ISO dates are read too. Default: ``YYYY-MM-
            DD``.
        encoding: of a CSV or JSONL file; empty for UTF-8.
        sheet: the name of the sheet of a workbook.
    """

    format: Literal["csv", "xlsx", "jsonl"]
    map: Mapping[str, str] | list[str] | tuple[str, ...]
    ignore: list[str] | tuple[str, ...]
    upsert_by: str
    blank: Literal["keep", "clear"]
    lenient: bool
    atomic: bool
    dry_run: bool
    no_webhooks: bool
    again: bool
    decimal: Literal[".", ","]
    thousands: Literal["", ",", ".", "'", " "]
    dates: str
    encoding: str
    sheet: str


class TaskChange(TypedDict, total=False):
    """The fields of a task that can be changed alone.

    Attributes:
        completed: whether it is done.
        task: what is to be done.
        date: the day on which it is due; None for none.
    """

    completed: bool
    task: str
    date: dt.date | str | None
