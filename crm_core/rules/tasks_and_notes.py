"""Tasks and notes of a record: whole lists of them, and the changes of single ones (decisions 16 and 17).

Every function takes a record's entries and returns new ones; nothing is changed in place.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

import attrs

from crm_core.errors import IS_REQUIRED, NOT_UNIQUE, InvalidError, NotFoundError, Problems, too_many_elements
from crm_core.input.dates import iso
from crm_core.input.declarations import boolean, date_value, text, uuid
from crm_core.input.drafts import Draft, Edit, read_draft, read_item, read_payload
from crm_core.input.readers import ReadContext
from crm_core.model.accounts import Caller
from crm_core.model.entities import MAX_ENTRIES, MAX_ENTRY_LENGTH, Note, Task
from crm_core.model.events import common_ends
from crm_core.model.members import with_members

Entry = TypeVar("Entry", Task, Note)


def assign_authors(before: Sequence[Entry], sent: Sequence[Entry], who: Caller) -> tuple[Entry, ...]:
    """Return a list that was sent as it is stored: known entries keep their author, new ones get the caller.

    Raises InvalidError, keyed by index, when an id comes twice.
    """
    if not sent:
        return ()
    numbers = [entry.id.int for entry in sent]  # Python computes the hash of a UUID, and C that of an integer
    if len(set(numbers)) < len(numbers):
        raise InvalidError(_repeated(numbers))
    start, end = common_ends(before, sent)
    known = {entry.id.int: entry for entry in before[start : len(before) - end]}
    middle = slice(start, len(sent) - end)
    filed = list(sent)
    filed[middle] = [
        entry if (old := known.get(number)) is entry else _filed(old, entry, who)
        for number, entry in zip(numbers[middle], sent[middle], strict=True)
    ]
    return tuple(filed)


def _repeated(numbers: Sequence[int]) -> Mapping[str, Problems]:
    places = {number: index for index, number in reversed(list(enumerate(numbers)))}
    return {str(index): {"id": (NOT_UNIQUE,)} for index, number in enumerate(numbers) if places[number] < index}


def _filed(known: Entry | None, entry: Entry, who: Caller) -> Entry:
    if known is not None:
        origin: dict[str, Any] = {"user_id": known.user_id, "user_name": known.user_name}
        if isinstance(known, Task):
            origin["date_created"] = known.date_created
        else:
            origin["date"] = known.date if entry.date is None else entry.date
    else:
        user = who.actor.user
        origin = {"user_id": user.id, "user_name": user.name}
        if isinstance(entry, Task):
            origin["date_created"] = entry.date_created or who.now
        else:
            origin["date"] = iso(who.now) if entry.date is None else entry.date
    return entry if vars(entry).items() >= origin.items() else with_members(entry, origin)


@attrs.frozen
class TaskUpdate:
    """The body of ``update-task``.

    Attributes:
        task_id: the id of the task to change.
        completed: whether it is done.
        task: what is to be done.
        date: the day on which it is due; null for none.
    """

    task_id: UUID = uuid()
    completed: bool = boolean()
    task: str = text(max_length=MAX_ENTRY_LENGTH)
    date: object = date_value()


@attrs.frozen
class EntryId:
    """The body of ``delete-task`` and ``delete-note``.

    Attributes:
        id: the id of the task or note.
    """

    id: UUID = uuid()


def update_task(data: object, context: ReadContext) -> Edit:
    """Return the edit that changes one task. Raises InvalidError when ``data`` does not say which, or what."""
    draft = read_draft(TaskUpdate, data, context, require_all=False)
    values: dict[str, Any] = dict(draft.values)
    problems = dict(draft.problems)
    sent = values.keys() | problems.keys()
    if isinstance(data, Mapping):
        required = ("task_id",) if sent & {"completed", "task", "date"} else ("task_id", "completed")
        problems |= {name: (IS_REQUIRED,) for name in required if name not in sent}
    if problems:
        raise InvalidError(problems)
    task_id = values.pop("task_id")

    def edit(record: Any) -> Draft:
        tasks = record.list_of_tasks
        index = _position(tasks, task_id, "Task not found.")
        return Draft({"list_of_tasks": (*tasks[:index], with_members(tasks[index], values), *tasks[index + 1 :])})

    return edit


def delete_task(data: object, context: ReadContext) -> Edit:
    """Return the edit that removes one task, which is named by ``id``, or by ``task_id`` as in ``update-task``."""
    if isinstance(data, Mapping) and "id" not in data and "task_id" in data:
        data = {"id" if name == "task_id" else name: value for name, value in data.items()}
    return _delete("list_of_tasks", "Task not found.", data, context)


def delete_note(data: object, context: ReadContext) -> Edit:
    """Return the edit that removes one note."""
    return _delete("list_of_notes", "Note not found.", data, context)


def add_task(data: object, context: ReadContext) -> Edit:
    """Return the edit that appends one task."""
    return _add("list_of_tasks", Task, data, context)


def add_note(data: object, context: ReadContext) -> Edit:
    """Return the edit that appends one note."""
    return _add("list_of_notes", Note, data, context)


#: The atomic operations by name.
OPERATIONS: Final[Mapping[str, Callable[[object, ReadContext], Edit]]] = {
    "update-task": update_task,
    "delete-task": delete_task,
    "delete-note": delete_note,
    "add-task": add_task,
    "add-note": add_note,
}


def _delete(field: str, missing: str, data: object, context: ReadContext) -> Edit:
    entry_id = read_payload(EntryId, data, context)["id"]

    def edit(record: Any) -> Draft:
        entries = getattr(record, field)
        index = _position(entries, entry_id, missing)
        return Draft({field: (*entries[:index], *entries[index + 1 :])})

    return edit


def _add(field: str, entity: type[Task] | type[Note], data: object, context: ReadContext) -> Edit:
    entry = read_item(entity, data, context)

    def edit(record: Any) -> Draft:
        entries = getattr(record, field)
        if any(other.id == entry.id for other in entries):
            raise InvalidError({"id": (NOT_UNIQUE,)})
        if len(entries) >= MAX_ENTRIES:
            raise InvalidError({field: (too_many_elements(MAX_ENTRIES),)})
        return Draft({field: (*entries, entry)})

    return edit


def _position(entries: Sequence[Task | Note], entry_id: UUID, missing: str) -> int:
    try:
        return [entry.id.int for entry in entries].index(entry_id.int)
    except ValueError:
        raise NotFoundError(missing) from None
