"""Readers: from a plain wire value to a checked one.

Conversions and texts are those of Django REST Framework, for which ``api.md`` was written.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any, Final
from uuid import UUID

import attrs

from crm_core.errors import InvalidError, Problem, Problems

_LARGEST_KEY: Final = 2**63 - 1
_SMALLEST_KEY: Final = -(2**63)
MAX_DEPTH: Final = 32
#: The largest number that every JSON parser can be expected to keep finite.
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
_NO_TEXT_IS_LONGER: Final = 1_000


class RefusedError(Exception):
    """A value that cannot be read; carries its problems to whoever knows the field's name."""

    def __init__(self, problems: Problems) -> None:
        super().__init__(problems)
        self.problems = problems


def refuse(code: str, message: str) -> RefusedError:
    """The refusal of one value for one reason."""
    return RefusedError((Problem(code, message),))


@attrs.frozen
class ReadContext:
    """What reading a value may draw on besides the value itself.

    Attributes:
        new_id: where the ids of new tasks, notes and stages come from.
        strict: refuse unknown and output-only keys instead of ignoring them (ruling 4).
    """

    new_id: Callable[[], UUID]
    strict: bool = False


#: Reads one value; raises RefusedError.
Reader = Callable[[object, ReadContext], object]


def read_nothing(_: object, __: ReadContext) -> object:
    """The reader of fields that are never read by themselves: output-only ones, and lists of items."""
    raise AssertionError("this field is not read by itself")


def read_text(value: object) -> str:
    """Texts as they are, numbers as their text; anything else is refused."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise refuse("invalid", "Not a valid string.")
    try:
        return str(value)
    except ValueError:  # a number with more digits than Python cares to write
        raise refuse("invalid", "Not a valid string.") from None


def text_problems(value: str, longest: int) -> list[Problem]:
    """What makes a text one that cannot be stored or is too long."""
    problems = []
    if len(value) > longest:
        problems.append(Problem("max_length", f"Ensure this field has no more than {longest} characters."))
    if "\x00" in value:
        problems.append(Problem("null_characters_not_allowed", "Null characters are not allowed."))
    if not value.isascii() and (lone := next((c for c in value if "\ud800" <= c <= "\udfff"), "")):
        shown = f"U+{ord(lone):X}"
        problems.append(Problem("surrogate_characters_not_allowed", f"Surrogate characters are not allowed: {shown}."))
    return problems


def read_boolean(value: object) -> bool:
    """JSON booleans, 0 and 1, and the words that forms send."""
    if value in (True, False) and isinstance(value, bool | int | float):
        return bool(value)
    if isinstance(value, str):
        word = value.strip().lower()
        if word in TRUE:
            return True
        if word in FALSE:
            return False
    raise refuse("invalid", "Must be a valid boolean.")


def read_integer(value: object) -> int:
    """TruncationCheck numbers, also as text and with a zero fraction."""
    if isinstance(value, str) and len(value) > _NO_TEXT_IS_LONGER:
        raise refuse("max_string_length", "String value too large.")
    number = _whole(value)
    if number is None:
        raise refuse("invalid", "A valid integer is required.")
    if number > _LARGEST_KEY:
        raise refuse("max_value", f"Ensure this value is less than or equal to {_LARGEST_KEY}.")
    if number < _SMALLEST_KEY:
        raise refuse("min_value", f"Ensure this value is greater than or equal to {_SMALLEST_KEY}.")
    return number


def read_day(value: object) -> date:
    """``YYYY-MM-DD``, leading zeros optional."""
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
    raise refuse("invalid", "Date has wrong format. Use one of these formats instead: YYYY-MM-DD.")


def read_full_date(value: str) -> date:
    """Return the day that a text names as ``YYYY-MM-DD`` and in no other form (RFC 3339, full-date)."""
    try:
        return date.fromisoformat(value if FULL_DATE.fullmatch(value) else "")
    except ValueError:
        raise refuse("invalid", "Enter a valid date.") from None


def read_moment(value: object) -> datetime:
    """ISO 8601 to UTC; a bare day is its midnight. What leaves the years 1 to 9999 in UTC is refused."""
    found = value
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            found = _midnight(value)
    if not isinstance(found, datetime):
        raise refuse(
            "invalid",
            "Datetime has wrong format. Use one of these formats instead: "
            "YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].",
        )
    try:
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except OverflowError:
        raise refuse("overflow", "Datetime value out of range.") from None


def read_uuid(value: object) -> UUID:
    """A UUID in any spelling of its 32 digits: with or without hyphens, braces, ``urn:uuid:``; or as a number."""
    if isinstance(value, UUID):
        return value
    # Python's own reader takes signs, blanks and foreign digits, too.
    if isinstance(value, str) and _UUID.fullmatch(value):
        return UUID(value)
    # JSON has one kind of number: 5.0 is 5.
    number = _whole(value) if isinstance(value, int | float) else None
    if number is not None and 0 <= number < 1 << 128:
        return UUID(int=number)
    raise refuse("invalid", "Must be a valid UUID.")


def read_key(value: object) -> UUID | None:
    """The id of a record; an empty text is none."""
    if isinstance(value, bool):
        raise refuse("incorrect_type", "Incorrect type. Expected pk value, received bool.")
    if value == "":
        return None
    try:
        return read_uuid(value)
    except RefusedError:
        raise refuse("invalid", f"“{shown(value)}” is not a valid UUID.") from None


def read_user(value: object) -> int | None:
    """The id of a user; an empty text is none. One that no user can have is left for the look-up to miss."""
    if value == "":
        return None
    number = _whole(value)
    if number is None:
        raise refuse("incorrect_type", f"Incorrect type. Expected pk value, received {type(value).__name__}.")
    return number


def read_list(value: object, most: int) -> Sequence[object]:
    """A list of at most ``most`` items."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Sequence):
        raise refuse("not_a_list", f'Expected a list of items but got type "{type(value).__name__}".')
    if len(value) > most:
        raise refuse("max_length", f"Ensure this field has no more than {most} elements.")
    return value


def read_mapping(value: object) -> Mapping[str, object]:
    """An object."""
    if not isinstance(value, Mapping):
        raise refuse("not_a_dict", f'Expected a dictionary of items but got type "{type(value).__name__}".')
    if not all(isinstance(name, str) for name in value):
        raise refuse("invalid", "Value must be valid JSON.")
    return value


def read_each(found: Sequence[object], read_one: Callable[[object], Any]) -> tuple[Any, ...]:
    """Every item read, or the problems of all bad ones keyed by index."""
    problems: dict[str, Problems] = {}
    good = []
    for index, each in enumerate(found):
        try:
            if each is None:
                raise refuse("null", "This field may not be null.")
            good.append(read_one(each))
        except RefusedError as error:
            problems[str(index)] = error.problems
        except InvalidError as error:
            problems[str(index)] = error.problems
    if problems:
        raise RefusedError(problems)
    return tuple(good)


def iso(value: datetime) -> str:
    """A UTC time as the wire shows it: ISO 8601 with ``Z``, microseconds only if there are any."""
    return value.isoformat().replace("+00:00", "Z")


def plain_text(value: object, longest: int, options: Sequence[str] = ()) -> str:
    """A text as it is, of bounded length, one of ``options`` if there are any."""
    if not isinstance(value, str):
        raise refuse("invalid", "Not a valid string.")
    if problems := text_problems(value, longest):
        raise RefusedError(problems)
    if options and value not in options:
        raise refuse("invalid_choice", f'"{value}" is not a valid choice.')
    return value


def _midnight(value: str) -> datetime | None:
    try:
        return datetime.combine(read_day(value), time())
    except RefusedError:
        return None


def _whole(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return int(value)
    if isinstance(value, str) and len(value) <= _NO_TEXT_IS_LONGER:
        try:
            return int(_TRAILING_ZEROS.sub("", value))
        except ValueError:
            return None
    return None


def shown(value: object) -> str:
    """A refused value inside a message; long ones are cut, as no client needs its own input whole."""
    try:
        return str(value)[:100]
    except (ValueError, RecursionError):  # a number or a nesting beyond what Python cares to write
        return f"{type(value).__name__} too large to show"


def read_plain(value: object) -> object:
    """Any JSON value of bounded depth, with finite numbers and storable texts."""
    level: Sequence[object] = [value]
    for _ in range(MAX_DEPTH):
        for each in level:
            _check_plain(each)
        level = [inner for each in level for inner in _within(each)]
        if not level:
            return value
    raise refuse("invalid", "Value must be valid JSON.")


def _check_plain(value: object) -> None:
    if isinstance(value, str):
        if problems := text_problems(value, len(value)):
            raise RefusedError(problems)
    elif isinstance(value, int | float):
        # Comparing is exact for whole numbers of any size, and false for what is not finite.
        if not abs(value) <= MAX_NUMBER:
            raise refuse("invalid", "Value must be valid JSON.")
    elif isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            raise refuse("invalid", "Value must be valid JSON.")
    elif value is not None and not isinstance(value, list | tuple):
        raise refuse("invalid", "Value must be valid JSON.")


def _within(value: object) -> Sequence[object]:
    if isinstance(value, Mapping):
        return [*value.keys(), *value.values()]
    return value if isinstance(value, list | tuple) else ()
