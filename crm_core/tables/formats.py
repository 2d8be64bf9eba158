"""Numbers and dates as foreign tables write them, by stated formats; never a guess (facts: 03/04 may be either)."""

import re
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Final

import attrs

from crm_core.input.numbers import exact_number, parse_decimal
from crm_core.input.readers import RefusedError, refuse

#: The signs that part thousands; a blank may be any of those that spreadsheets write.
THOUSANDS: Final = ("", ",", ".", "'", " ")
DECIMALS: Final = (".", ",")
ISO_DATES: Final = "YYYY-MM-DD"
#: The formats that messages try, the most common first.
_COMMON_DATES: Final = (ISO_DATES, "DD.MM.YYYY", "DD/MM/YYYY", "MM/DD/YYYY", "YYYY/MM/DD", "DD-MM-YYYY")

_PARTS: Final = {"YYYY": r"(?P<year>\d{4})", "MM": r"(?P<month>\d{1,2})", "DD": r"(?P<day>\d{1,2})"}
_TIME: Final = r"(?:[ T]+(?P<time>\d{1,2}:\d{2}(?::\d{2})?))?"
_BLANKS: Final = re.compile("[ \u00a0\u2009\u202f]")
_PLAIN_NUMBER: Final = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)


def _check_dates(_: object, __: object, pattern: str) -> None:
    if sorted(re.findall("[A-Z]+", pattern)) != ["DD", "MM", "YYYY"] or re.search(r"\d", pattern):
        raise ValueError(f"dates have YYYY, MM and DD once each, such as DD.MM.YYYY, not {pattern!r}")


def _check_differs(formats: "Formats", _: object, thousands: str) -> None:
    if thousands == formats.decimal:
        raise ValueError("thousands and decimal must be different signs")


@attrs.frozen
class Formats:
    """How a table writes numbers and dates.

    Attributes:
        decimal: the sign before the fraction of a number, ``.`` or ``,``.
        thousands: the sign between thousands, one of THOUSANDS.
        dates: YYYY, MM and DD in their order, with what is between them. ISO dates are read too.
    """

    decimal: str = attrs.field(default=".", validator=attrs.validators.in_(DECIMALS))
    thousands: str = attrs.field(default="", validator=[attrs.validators.in_(THOUSANDS), _check_differs])
    dates: str = attrs.field(default=ISO_DATES, validator=_check_dates)


def read_number(text: str, formats: Formats) -> int | Decimal:
    """Return the number that a text is; raise RefusedError, which says what it would be in other formats.

    >>> read_number("1.234,50", Formats(decimal=",", thousands="."))
    Decimal('1234.50')
    """
    number = _number(text, formats.decimal, formats.thousands)
    if number is None:
        raise _refused(text, f"a number with the decimal sign {formats.decimal}", _other_numbers(text, formats))
    return number


def read_day(text: str, formats: Formats) -> str:
    """Return a date as ``YYYY-MM-DD``; raise RefusedError, which says what it would be in other formats.

    >>> read_day("3.4.2026", Formats(dates="DD.MM.YYYY"))
    '2026-04-03'
    """
    moment, time = _moment(text, formats.dates) or _moment(text, ISO_DATES) or (None, None)
    if moment is None or time is not None:
        raise _refused(text, f"a date as {formats.dates}", _other_dates(text, formats))
    return moment.date().isoformat()


def read_moment(text: str, formats: Formats) -> str:
    """Return a date, or a date with a time, in ISO 8601; raise RefusedError. What is in ISO 8601 already stays."""
    if is_iso(text):
        return text
    moment, time = _moment(text, formats.dates) or (None, None)
    if moment is None:
        raise _refused(text, f"a date as {formats.dates}, with a time or without", _other_dates(text, formats))
    return moment.date().isoformat() if time is None else moment.isoformat()


def is_iso(text: str) -> bool:
    """Return whether a text is a date or a date with a time in ISO 8601."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _number(text: str, decimal: str, thousands: str) -> int | Decimal | None:
    plain = _BLANKS.sub(" ", text.strip())
    whole, sign, fraction = plain.partition(decimal)
    if thousands and thousands in whole:
        if not re.fullmatch(rf"[+-]?\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+", whole, re.ASCII):
            return None
        whole = whole.replace(thousands, "")
    plain = f"{whole}.{fraction}" if sign else whole
    if not _PLAIN_NUMBER.fullmatch(plain):
        return None
    try:
        return exact_number(int(plain)) if plain.lstrip("+-").isdigit() else parse_decimal(plain.lstrip("+"))
    except ValueError:  # it has too many digits
        return None


def _moment(text: str, pattern: str) -> tuple[datetime, str | None] | None:
    found = _shape(pattern).fullmatch(text.strip())
    if found is None:
        return None
    time = found["time"]
    try:
        day = date(int(found["year"]), int(found["month"]), int(found["day"]))
        hours, colon, rest = (time or "00:00").partition(":")
        return datetime.fromisoformat(f"{day}T{hours:0>2}{colon}{rest}"), time
    except ValueError:
        return None


@cache
def _shape(pattern: str) -> re.Pattern[str]:
    parts = re.split("(YYYY|MM|DD)", pattern)
    return re.compile("".join(_PARTS.get(part) or re.escape(part) for part in parts) + _TIME, re.ASCII)


def _refused(text: str, expected: str, others: Iterator[str]) -> RefusedError:
    would_be = "; ".join(others)
    return refuse("invalid", f'"{text[:100]}" is not {expected}{f": {would_be}" if would_be else ""}.')


def _other_numbers(text: str, formats: Formats) -> Iterator[str]:
    seen = set()
    for decimal in DECIMALS:
        for thousands in THOUSANDS:
            is_other = decimal != thousands and (decimal, thousands) != (formats.decimal, formats.thousands)
            number = _number(text, decimal, thousands) if is_other else None
            if number is not None and number not in seen:
                seen.add(number)
                parted = f" and thousands {thousands!r}" if thousands else ""
                yield f"with decimal {decimal!r}{parted} it would be {number}"


def _other_dates(text: str, formats: Formats) -> Iterator[str]:
    for pattern in _COMMON_DATES:
        if pattern != formats.dates and (found := _moment(text, pattern)):
            yield f"with dates {pattern} it would be {found[0].date()}"
