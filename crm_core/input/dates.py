"""Reads dates and times from plain JSON values, and writes times as ISO 8601."""

import re
from datetime import UTC, date, datetime, time
from typing import Final

from crm_core.errors import NOT_A_DATE
from crm_core.input.readers import RefusedError, refuse

#: A date as RFC 3339 has it, ``full-date``.
FULL_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_LOOSE_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")


def read_date(value: object) -> date:
    """Read a date, ``YYYY-MM-DD``; leading zeros are optional."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            if loose := _LOOSE_DATE.fullmatch(value):
                try:
                    return date(*map(int, loose.groups()))
                except ValueError:
                    pass
    raise RefusedError((NOT_A_DATE,))


def read_full_date(value: str) -> date:
    """Read a date that is written as ``YYYY-MM-DD`` and in no other form (RFC 3339, full-date)."""
    try:
        return date.fromisoformat(value if FULL_DATE.fullmatch(value) else "")
    except ValueError:
        raise refuse("invalid", "Enter a valid date.") from None


def read_datetime(value: object) -> datetime:
    """Read an ISO 8601 date and time, and return it in UTC.

    A date alone means its midnight, and a time without a zone is in UTC. A time outside the years 1 to 9999 in UTC is
    refused.

    >>> read_datetime("2026-01-31T10:00+01:00").isoformat()
    '2026-01-31T09:00:00+00:00'
    """
    parsed = value
    if isinstance(value, str):
        try:
            parsed = datetime.fromisoformat(value)
        except ValueError:
            parsed = _midnight(value)
    if not isinstance(parsed, datetime):
        raise refuse(
            "invalid",
            "Datetime has wrong format. Use one of these formats instead: "
            "YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].",
        )
    try:
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except OverflowError:
        raise refuse("overflow", "Datetime value out of range.") from None


def _midnight(value: str) -> datetime | None:
    try:
        return datetime.combine(read_date(value), time())
    except RefusedError:
        return None


def iso(value: datetime) -> str:
    """Return a UTC time as ISO 8601 text that ends with ``Z``, with microseconds only if there are any."""
    return value.isoformat().replace("+00:00", "Z")
