"""Writes calendars by the library icalendar (``crm_core.ports.CalendarWriter``, ``crm-core[calendars]``)."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from crm_adapters.extras import require
from crm_core.model.calendars import CalendarItem

if TYPE_CHECKING:
    from icalendar import Event, Todo

_Entry = TypeVar("_Entry", "Event", "Todo")
_PRODUCER: Final = "-//crm-core//Agenda//EN"


class IcsCalendarWriter:
    """Writes calendars in a thread: a thousand tasks take about a second of it."""

    def __init__(self) -> None:
        require("icalendar", "calendars")

    async def write(self, items: Sequence[CalendarItem], *, as_todo: bool) -> bytes:
        """Return a calendar of events of whole days, or of things to do. The same items give the same bytes."""
        return await asyncio.to_thread(_write, items, as_todo=as_todo)


def _write(items: Sequence[CalendarItem], *, as_todo: bool) -> bytes:
    from icalendar import Calendar  # noqa: PLC0415  # to import it takes most of a second, and few processes need it

    calendar = Calendar()
    calendar.add("prodid", _PRODUCER)
    calendar.add("version", "2.0")
    for item in items:
        calendar.add_component(_todo(item) if as_todo else _event(item))
    written: bytes = calendar.to_ical()
    return written


def _event(item: CalendarItem) -> "Event":
    """Return an event of a whole day (RFC 5545, 3.6.1: without an end it lasts the day), at which people are free."""
    from icalendar import Event  # noqa: PLC0415  # as above

    event = Event()
    event.add("dtstart", item.day)
    event.add("transp", "TRANSPARENT")
    return _described(event, item)


def _todo(item: CalendarItem) -> "Todo":
    from icalendar import Todo  # noqa: PLC0415  # as above

    todo = Todo()
    if item.day:
        todo.add("due", item.day)
    todo.add("status", "NEEDS-ACTION")
    return _described(todo, item)


def _described(component: _Entry, item: CalendarItem) -> _Entry:
    component.add("uid", str(item.uid))
    component.add("dtstamp", item.made_at)
    component.add("summary", item.summary)
    component.add("description", item.description)
    return component
