"""The tasks of a user's own as a calendar shows them (decision 141)."""

import datetime as dt
import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from crm_core.engine.agendas import AgendaQuery, in_order
from crm_core.input.dates import read_datetime
from crm_core.model.agenda import AgendaTask
from crm_core.model.calendars import CalendarItem
from crm_core.model.plain_values import parse_json

#: The most tasks in a calendar.
MAX_ITEMS: Final = 1_000
#: Tasks that were due longer ago are not events of a calendar.
_SHOWN_SINCE: Final = dt.timedelta(days=366)
#: The most characters of a task in a summary.
_MAX_SUMMARY: Final = 100
#: Changes with what calendars show of a task, so that those who have an earlier form get the new one.
_FORM: Final = b"1"
#: What a text of a calendar may not hold (RFC 5545, 3.3.11), but line feeds.
_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f]+")
_UNKNOWN: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def own_tasks(user: int, resources: frozenset[str], today: dt.date, *, as_todo: bool) -> Sequence[AgendaQuery]:
    """Return the queries that together find the open tasks of a user's own.

    These are the tasks of leads for which the user is responsible, and those that the user created. An event has a day;
    something to do need not.
    """
    since = None if as_todo else max(today, dt.date.min + _SHOWN_SINCE) - _SHOWN_SINCE
    asked: dict[str, Any] = {"resources": resources, "completed": False, "due_after": since, "limit": MAX_ITEMS}
    return AgendaQuery(responsible=user, **asked), AgendaQuery(user_id=user, **asked)


def together(pages: Iterable[Sequence[AgendaTask]]) -> Sequence[AgendaTask]:
    """Return the first tasks of some pages, each once, in the order of the agenda."""
    found = {each.place: each for page in pages for each in page}
    return in_order(found.values())[:MAX_ITEMS]


def digest(tasks: Iterable[AgendaTask], *, as_todo: bool) -> str:
    """Return a text that is another one as soon as a calendar of these tasks is."""
    parts = (_FORM, b"%d" % as_todo, *(part for each in tasks for part in (each.task, each.name.encode())))
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:32]


def item_of(each: AgendaTask) -> CalendarItem:
    """Return a task as a calendar shows it."""
    task = parse_json(each.task)
    text = _CONTROLS.sub(" ", task["task"])
    first_line, made = text.partition("\n")[0], task["date_created"]
    return CalendarItem(
        uid=UUID(task["id"]),
        day=each.place.date,
        made_at=read_datetime(made) if made else _UNKNOWN,
        summary=" ".join(f"{first_line[:_MAX_SUMMARY]} ({_CONTROLS.sub(' ', each.name)})".split()),
        description=text,
    )
