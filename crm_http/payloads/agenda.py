"""The entries of the agenda, and calendars, as clients get them."""

import attrs

from crm_core.model import agenda, calendars


@attrs.frozen(kw_only=True, slots=False)
class AgendaEntry(agenda.AgendaEntry):
    """A task, and the record that it belongs to.

    Attributes:
        task: the task, as its record has it.
        resource: the name of the record's resource: ``client``, ``service`` or ``lead``.
        record: the id of the record.
        name: the name of the record.
        update_task: the path that takes changes of the task, as that it is done.
    """

    update_task: str


@attrs.frozen(kw_only=True, slots=False)
class CalendarWithSecret(calendars.CalendarWithSecret):
    """A new calendar, with what reads it.

    Attributes:
        id: the id of the calendar, by which it can be revoked.
        name: the name that its user gave it; may be empty.
        prefix: the first characters of the secret.
        created_at: when it was made.
        last_used_at: when it was last read, exact to a minute.
        secret: the secret, which is shown only this once.
        url: the URL for a calendar app, with the secret in it.
    """

    url: str
