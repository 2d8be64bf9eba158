"""Calendars: the secrets by which calendar apps read a user's tasks, and what they are shown (decisions 139 to 142)."""

import datetime as dt
from uuid import UUID

import attrs


@attrs.frozen(kw_only=True)
class NewCalendar:
    """A calendar that is to be kept.

    Attributes:
        id: the id under which its user sees it.
        hash: the hash of its secret, 32 bytes; the secret itself is not stored.
        prefix: the first characters of the secret.
        name: a name for its user; may be empty.
    """

    id: UUID
    hash: bytes
    prefix: str
    name: str = ""


@attrs.frozen(kw_only=True, slots=False)
class Calendar:
    """A calendar as its user sees it.

    Attributes:
        id: the id of the calendar, by which it can be revoked.
        name: the name that its user gave it; may be empty.
        prefix: the first characters of the secret, which itself is not stored.
        created_at: when it was made.
        last_used_at: when it was last read, exact to a minute.
    """

    id: UUID
    name: str
    prefix: str
    created_at: dt.datetime
    last_used_at: dt.datetime


@attrs.frozen(kw_only=True, slots=False)
class CalendarWithSecret(Calendar):
    """A new calendar, with what opens it.

    Attributes:
        id: the id of the calendar, by which it can be revoked.
        name: the name that its user gave it; may be empty.
        prefix: the first characters of the secret.
        created_at: when it was made.
        last_used_at: when it was last read, exact to a minute.
        secret: the secret, which is shown only this once.
    """

    secret: str


@attrs.frozen(kw_only=True)
class CalendarItem:
    """A task as a calendar shows it.

    Attributes:
        uid: the id of the task.
        day: the day on which it is due; None for none.
        made_at: when the task was created, UTC.
        summary: its first line and the name of its record, on one line.
        description: the whole task.
    """

    uid: UUID
    day: dt.date | None
    made_at: dt.datetime
    summary: str
    description: str
