"""Readers: functions that turn one plain JSON value into a checked value or raise RefusedError.

Conversions and messages are those of Django REST Framework, for which ``api.md`` was written.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any, Final
from uuid import UUID

import attrs

from crm_core.errors import (
    NOT_A_BOOLEAN,
    NOT_A_DATE,
    NOT_A_STRING,
    InvalidError,
    Problem,
    Problems,
    not_a_choice,
    too_many_elements,
)

_MAX_BIGINT: Final = 2**63 - 1
_MIN_BIGINT: Final = -(2**63)
#: Levels of nesting in a JSON value.
MAX_DEPTH: Final = 32
#: The largest finite number of IEEE 754 binary64, which every JSON parser can read.
MAX_NUMBER: Final = 1.7976931348623157e308
_UUID = re.compile(
    r"(?:urn:uuid:)?\{?(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\}?", re.ASCII | re.IGNORECASE
)
#: A date as RFC 3339 has it, ``full-date``.
FULL_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_LOOSE_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_TRAILING_ZEROS = re.compile(r"\.0*\s*$")
#: The words that forms send for booleans, in any case.
TRUE: Final = frozenset({"t", "y", "yes", "true", "on", "1"})
FALSE: Final = frozenset({"f", "n", "no", "false", "off", "0"})
_MAX_NUMERAL_LENGTH: Final = 1_000


class RefusedError(Exception):
    """A value cannot be read; carries its problems, which the caller files under the field's name."""

    def __init__(self, problems: Problems) -> None:
        super().__init__(problems)
        self.problems = problems


def refuse(code: str, message: str) -> RefusedError:
    """Return the error for a value with a single problem."""
    return RefusedError((Problem(code, message),))


@attrs.frozen
class ReadContext:
    """What readers need besides the value.

    Attributes:
        new_id: returns ids for new tasks, notes and stages.
        strict: refuse unknown and output-only keys instead of ignoring them (decision 4).
    """

    new_id: Callable[[], UUID]
    strict: bool = False


#: Reads one value; raises RefusedError.
Reader = Callable[[object, ReadContext], object]


def read_nothing(_: object, __: ReadContext) -> object:
    """Raise AssertionError: the reader of fields that are never read alone (output-only fields and lists of items)."""
    raise AssertionError("this field is not read by itself")


def read_text(value: object) -> str:
    """Return a text as it is, or a number as text; raise RefusedError for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise RefusedError((NOT_A_STRING,))
    try:
        return str(value)
    except ValueError:  # an integer with more digits than Python converts (sys.int_info)
        raise RefusedError((NOT_A_STRING,)) from None


def text_problems(value: str, max_length: int) -> list[Problem]:
    """Return why a text cannot be stored: longer than ``max_length`` characters, U+0000, or a lone surrogate."""
    problems = []
    if len(value) > max_length:
        problems.append(Problem("max_length", f"Ensure this field has no more than {max_length} characters."))
    if "\x00" in value:
        problems.append(Problem("null_characters_not_allowed", "Null characters are not allowed."))
    if not value.isascii() and (lone := next((c for c in value if "\ud800" <= c <= "\udfff"), "")):
        code = f"U+{ord(lone):X}"
        problems.append(Problem("surrogate_characters_not_allowed", f"Surrogate characters are not allowed: {code}."))
    return problems


def read_boolean(value: object) -> bool:
    """Read a JSON boolean, 0 or 1, or a word that HTML forms send.

    >>> read_boolean("Yes"), read_boolean(0)
    (True, False)
    """
    if value in (True, False) and isinstance(value, bool | int | float):
        return bool(value)
    if isinstance(value, str):
        word = value.strip().lower()
        if word in TRUE:
            return True
        if word in FALSE:
            return False
    raise RefusedError((NOT_A_BOOLEAN,))


def read_integer(value: object) -> int:
    """Read an integer of 64 bits, also as text and with a fraction of zero.

    >>> read_integer("5.0")
    5
    """
    if isinstance(value, str) and len(value) > _MAX_NUMERAL_LENGTH:
        raise refuse("max_string_length", "String value too large.")
    number = _as_integer(value)
    if number is None:
        raise refuse("invalid", "A valid integer is required.")
    if number > _MAX_BIGINT:
        raise refuse("max_value", f"Ensure this value is less than or equal to {_MAX_BIGINT}.")
    if number < _MIN_BIGINT:
        raise refuse("min_value", f"Ensure this value is greater than or equal to {_MIN_BIGINT}.")
    return number


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


def read_uuid(value: object) -> UUID:
    """Read a UUID: 32 hexadecimal digits with or without hyphens, braces or ``urn:uuid:``; or an integer."""
    if isinstance(value, UUID):
        return value
    # uuid.UUID alone would also accept signs, white space and digits of other scripts.
    if isinstance(value, str) and _UUID.fullmatch(value):
        return UUID(value)
    # JSON has one kind of number: 5.0 is 5.
    number = _as_integer(value) if isinstance(value, int | float) else None
    if number is not None and 0 <= number < 1 << 128:
        return UUID(int=number)
    raise refuse("invalid", "Must be a valid UUID.")


def read_key(value: object) -> UUID | None:
    """Read the id of a record; return None for an empty text."""
    if isinstance(value, bool):
        raise refuse("incorrect_type", "Incorrect type. Expected pk value, received bool.")
    if value == "":
        return None
    try:
        return read_uuid(value)
    except RefusedError:
        raise refuse("invalid", f"“{abbreviated(value)}” is not a valid UUID.") from None


def read_user(value: object) -> int | None:
    """Read the id of a user; return None for an empty text. The look-up of the user checks the range."""
    if value == "":
        return None
    number = _as_integer(value)
    if number is None:
        raise refuse("incorrect_type", f"Incorrect type. Expected pk value, received {type(value).__name__}.")
    return number


def read_list(value: object, max_items: int) -> Sequence[object]:
    """Read a list of at most ``max_items`` items; the items are not read."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Sequence):
        raise refuse("not_a_list", f'Expected a list of items but got type "{type(value).__name__}".')
    if len(value) > max_items:
        raise RefusedError((too_many_elements(max_items),))
    return value


def read_mapping(value: object) -> Mapping[str, object]:
    """Read an object; its values are not read."""
    if not isinstance(value, Mapping):
        raise refuse("not_a_dict", f'Expected a dictionary of items but got type "{type(value).__name__}".')
    if not all(isinstance(name, str) for name in value):
        raise refuse("invalid", "Value must be valid JSON.")
    return value


def read_items(items: Sequence[object], read_one: Callable[[object], Any]) -> tuple[Any, ...]:
    """Read every item; raise RefusedError with the problems of all bad ones by index. Null is refused."""
    problems: dict[str, Problems] = {}
    values = []
    for index, item in enumerate(items):
        try:
            if item is None:
                raise refuse("null", "This field may not be null.")
            values.append(read_one(item))
        except RefusedError as error:
            problems[str(index)] = error.problems
        except InvalidError as error:
            problems[str(index)] = error.problems
    if problems:
        raise RefusedError(problems)
    return tuple(values)


def iso(value: datetime) -> str:
    """Return a UTC time as ISO 8601 text that ends with ``Z``, with microseconds only if there are any."""
    return value.isoformat().replace("+00:00", "Z")


def plain_text(value: object, max_length: int, options: Sequence[str] = ()) -> str:
    """Return a text as it is: at most ``max_length`` characters, and one of ``options`` if any are given."""
    if not isinstance(value, str):
        raise RefusedError((NOT_A_STRING,))
    if problems := text_problems(value, max_length):
        raise RefusedError(problems)
    if options and value not in options:
        raise RefusedError((not_a_choice(value),))
    return value


def _midnight(value: str) -> datetime | None:
    try:
        return datetime.combine(read_date(value), time())
    except RefusedError:
        return None


def _as_integer(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return int(value)
    if isinstance(value, str) and len(value) <= _MAX_NUMERAL_LENGTH:
        try:
            return int(_TRAILING_ZEROS.sub("", value))
        except ValueError:
            return None
    return None


def abbreviated(value: object) -> str:
    """Return a refused value as text for a message, cut to 100 characters."""
    try:
        return str(value)[:100]
    except (ValueError, RecursionError):  # an integer or a nesting beyond what Python converts
        return f"{type(value).__name__} too large to show"


def read_plain(value: object) -> object:
    """Return any JSON value that has at most ``MAX_DEPTH`` levels, finite numbers and storable texts."""
    level: Sequence[object] = [value]
    for _ in range(MAX_DEPTH):
        for part in level:
            _check_plain(part)
        level = [inner for part in level for inner in _parts_of(part)]
        if not level:
            return value
    raise refuse("invalid", "Value must be valid JSON.")


def _check_plain(value: object) -> None:
    if isinstance(value, str):
        if problems := text_problems(value, len(value)):
            raise RefusedError(problems)
    elif isinstance(value, int | float):
        # The comparison is exact for integers of any size, and false for numbers that are not finite.
        if not abs(value) <= MAX_NUMBER:
            raise refuse("invalid", "Value must be valid JSON.")
    elif isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            raise refuse("invalid", "Value must be valid JSON.")
    elif value is not None and not isinstance(value, list | tuple):
        raise refuse("invalid", "Value must be valid JSON.")


def _parts_of(value: object) -> Sequence[object]:
    if isinstance(value, Mapping):
        return [*value.keys(), *value.values()]
    return value if isinstance(value, list | tuple) else ()
