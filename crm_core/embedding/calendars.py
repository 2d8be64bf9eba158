"""The calls of a user's own calendars."""

from uuid import UUID

import attrs

from crm_core.arguments.values import sendable
from crm_core.embedding.calls import CallGroup, R_co, call
from crm_core.engine.decisions import id_of
from crm_core.model.calendars import Calendar, CalendarWithSecret
from crm_core.use_cases import calendars


@attrs.define(slots=False, eq=False)
class CalendarCalls(CallGroup[R_co]):
    """The calls of the user's own calendars, which a session with some of the user's permissions may not use."""

    @call
    async def create(self, /, *, name: str = "") -> CalendarWithSecret:
        """Make a calendar of the user's own tasks; its secret is shown only this once. ``Crm.read_calendar`` reads it.

        Args:
            name: a name for it, such as that of the device.
        """
        accounts, sent = self.context.accounts, sendable({"name": name})
        made, secret = await calendars.create(accounts, self.context.caller(), None, sent, strict=True)
        return CalendarWithSecret(**attrs.asdict(made), secret=secret)

    @call
    async def list(self, /) -> tuple[Calendar, ...]:
        """Return the calendars, the newest first."""
        return tuple(await calendars.find(self.context.accounts, self.context.caller(), None))

    @call
    async def revoke(self, id_: UUID | str, /) -> None:
        """Revoke a calendar: it cannot be read any more.

        Args:
            id_: the id of the calendar.
        """
        await calendars.revoke(self.context.accounts, self.context.caller(), None, id_of(id_))
