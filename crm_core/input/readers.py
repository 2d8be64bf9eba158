"""Readers: functions that turn one plain JSON value into a checked value or raise RefusedError.

Conversions and messages are those of Django REST Framework, for which ``api.md`` was written.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final, Self
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
from crm_core.input.texts import normal

#: The greatest and the least integer of 64 bits.
MAX_BIGINT: Final = 2**63 - 1
MIN_BIGINT: Final = -(2**63)
#: Levels of nesting in a JSON value.
MAX_DEPTH: Final = 32
#: The largest finite number of IEEE 754 binary64, which every JSON parser can read.
MAX_NUMBER: Final = 1.7976931348623157e308
#: Significant digits of a number that is no whole number, and its digits after the point.
MAX_DIGITS: Final = 400
#: Characters of a number that can be kept for sure if it has no exponent.
_MAX_SHORT_LENGTH: Final = 100
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
#: Characters of a text that is read as a number.
MAX_NUMERAL_LENGTH: Final = 1_000


class RefusedError(Exception):
    """A value cannot be read; carries its problems, which the caller files under the field's name.

    Attributes:
        problems: of the value, or of its items by index or its members by name.
        parts: the items or members as they were read, where the problems are those of some of them; the others of
            these parts have no meaning.
    """

    def __init__(self, problems: Problems, parts: Sequence[object] | Mapping[str, object] | None = None) -> None:
        super().__init__(problems)
        self.problems = problems
        self.parts = parts


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


def no_id() -> UUID:
    """Raise AssertionError: the ``new_id`` of a context for values without items that get ids."""
    raise AssertionError("nothing that is read here gets an id")


class Number(Decimal):
    """A number with a point or an exponent that is written as it was read, such as ``1.10`` or ``1E2``.

    It compares by its value.

    >>> str(Number("1E2")), Number("1E2") == 100
    ('1E2', True)
    """

    __slots__ = ("_text",)

    def __new__(cls, text: str) -> Self:
        """Return the number that a JSON number is. Raises InvalidOperation."""
        number = super().__new__(cls, text)
        number._text = text
        return number

    _text: str

    def __str__(self) -> str:
        """Return the number as it was read."""
        return self._text

    def __copy__(self) -> Self:
        """Return the number itself, which never changes."""
        return self

    def __deepcopy__(self, _: object) -> Self:
        """Return the number itself, which never changes."""
        return self

    def __reduce__(self) -> tuple[type["Number"], tuple[str]]:
        """Return how it is made, for pickle."""
        return Number, (self._text,)


def exact_number(value: object) -> int | Decimal | None:
    """Return a number with all its digits; None for what is no number that can be kept.

    Kept are numbers up to MAX_NUMBER; those with a point or an exponent have at most MAX_DIGITS digits.

    >>> exact_number(1.1), exact_number(Decimal("1.10")), exact_number(float("nan")), exact_number(True)
    (Decimal('1.1'), Decimal('1.10'), None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    if isinstance(value, int):
        return value if abs(value) <= MAX_NUMBER else None
    number = _as_written(repr(value)) if isinstance(value, float) else value
    if number.is_finite() and len(text := str(number)) <= _MAX_SHORT_LENGTH and "E" not in text and "e" not in text:
        return number
    _, digits, exponent = number.as_tuple()
    # What is not finite has a letter for an exponent.
    is_kept = isinstance(exponent, int) and len(digits) <= MAX_DIGITS and exponent >= -MAX_DIGITS
    return number if is_kept and number.copy_abs() <= MAX_NUMBER else None


def _as_written(text: str) -> Decimal:
    """Return a number that is written as ``text``; Decimal alone does for most, and is quicker."""
    number = Decimal(text)
    return number if str(number) == text else Number(text)


def parse_decimal(text: str) -> Decimal:
    """Return the number that a JSON parser found, with all its digits. Raises ValueError where it cannot be kept."""
    if len(text) <= _MAX_SHORT_LENGTH and "e" not in text and "E" not in text:
        return _as_written(text)
    try:
        number = exact_number(_as_written(text))
    except InvalidOperation:  # the exponent is beyond what Decimal counts
        number = None
    if not isinstance(number, Decimal):
        raise ValueError("Number out of range")  # noqa: TRY004  # parsers turn a ValueError into their own error
    return number


def json_type(value: object) -> str:
    """Return the name of a plain value's type for messages, as Django REST Framework has it."""
    return "float" if isinstance(value, Decimal) else type(value).__name__


def read_text(value: object) -> str:
    """Return a text as it is, or a number as text with all its digits; raise RefusedError for anything else.

    >>> read_text(Decimal("1.10")), read_text(Decimal("1e-7"))
    ('1.10', '0.0000001')
    """
    if isinstance(value, str):
        return str.__str__(value)  # an enum that is a text has another str()
    number = exact_number(value)
    if number is None:
        raise RefusedError((NOT_A_STRING,))
    return f"{number:f}" if isinstance(number, Decimal) else str(number)


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
    if isinstance(value, bool) or exact_number(value) in (0, 1):
        return bool(value)
    if isinstance(value, str):
        word = value.strip().lower()
        if word in TRUE:
            return True
        if word in FALSE:
            return False
    raise RefusedError((NOT_A_BOOLEAN,))


def check_numeral(value: object) -> None:
    """Refuse a text that is too long to be read as a number. Raises RefusedError."""
    if isinstance(value, str) and len(value) > MAX_NUMERAL_LENGTH:
        raise refuse("max_string_length", "String value too large.")


def read_integer(value: object, *, minimum: int = MIN_BIGINT, maximum: int = MAX_BIGINT) -> int:
    """Read an integer of 64 bits, also as text and with a fraction of zero.

    >>> read_integer("5.0")
    5

    Args:
        value: the value.
        minimum: the least value.
        maximum: the greatest value.
    """
    check_numeral(value)
    number = _as_integer(value)
    if number is None:
        raise refuse("invalid", "A valid integer is required.")
    if number > maximum:
        raise refuse("max_value", f"Ensure this value is less than or equal to {maximum}.")
    if number < minimum:
        raise refuse("min_value", f"Ensure this value is greater than or equal to {minimum}.")
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
        return _uuid_of(value)
    # JSON has one kind of number: 5.0 is 5.
    number = _as_integer(value) if isinstance(value, int | float | Decimal) else None
    if number is not None and 0 <= number < 1 << 128:
        return UUID(int=number)
    raise refuse("invalid", "Must be a valid UUID.")


#: The guard, the handler and its decision each read the id in a path.
_uuid_of: Final = lru_cache(1_024)(UUID)


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
        raise refuse("incorrect_type", f"Incorrect type. Expected pk value, received {json_type(value)}.")
    return number


def not_a_list(value: object) -> Problem:
    """Return the problem of a value that is no list."""
    return Problem("not_a_list", f'Expected a list of items but got type "{json_type(value)}".')


def read_list(value: object, max_items: int) -> Sequence[object]:
    """Read a list of at most ``max_items`` items; the items are not read."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Sequence):
        raise RefusedError((not_a_list(value),))
    if len(value) > max_items:
        raise RefusedError((too_many_elements(max_items),))
    return value


def read_several(values: object, argument: str) -> Iterable[Any]:
    """Return a collection of any kind but a text, which is one of letters; its items are not read.

    Args:
        values: the collection.
        argument: its name in the problem.

    Raises InvalidError.
    """
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise InvalidError({argument: (not_a_list(values),)})
    return values


def read_mapping(value: object) -> Mapping[str, object]:
    """Read an object; its values are not read."""
    if not isinstance(value, Mapping):
        raise refuse("not_a_dict", f'Expected a dictionary of items but got type "{json_type(value)}".')
    if not all(isinstance(name, str) for name in value):
        raise refuse("invalid", "Value must be valid JSON.")
    return value


def read_items(items: Sequence[object], read_one: Callable[[object], Any]) -> tuple[Any, ...]:
    """Read every item; raise RefusedError with the problems of all bad ones by index. Null is refused."""
    problems: dict[str, Problems] = {}
    values: list[Any] = []
    for index, item in enumerate(items):
        try:
            if item is None:
                raise refuse("null", "This field may not be null.")
            values.append(read_one(item))
        except (RefusedError, InvalidError) as error:
            problems[str(index)] = error.problems
            values.append(None)
    if problems:
        raise RefusedError(problems, values)
    return tuple(values)


def iso(value: datetime) -> str:
    """Return a UTC time as ISO 8601 text that ends with ``Z``, with microseconds only if there are any."""
    return value.isoformat().replace("+00:00", "Z")


def plain_text(value: object, max_length: int, options: Collection[str] = ()) -> str:
    """Return a text in NFC: at most ``max_length`` characters, and one of ``options`` if any are given."""
    if not isinstance(value, str):
        raise RefusedError((NOT_A_STRING,))
    text = normal(value)
    if problems := text_problems(text, max_length):
        raise RefusedError(problems)
    if options and text not in options:
        raise RefusedError((not_a_choice(text),))
    return text


def _midnight(value: str) -> datetime | None:
    try:
        return datetime.combine(read_date(value), time())
    except RefusedError:
        return None


def _as_integer(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float | Decimal):
        number = exact_number(value)
        return int(number) if number is not None and number == int(number) else None
    if isinstance(value, str) and len(value) <= MAX_NUMERAL_LENGTH:
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
    """Return any JSON value that has at most ``MAX_DEPTH`` levels, numbers and texts that can be kept; texts in NFC."""
    for level in _levels(value):
        for part in level:
            _check_plain(part)
    return _as_kept(value)


def check_depth(value: object) -> None:
    """Refuse a value of more than ``MAX_DEPTH`` levels. Raises RefusedError."""
    for _ in _levels(value):
        pass


def _levels(value: object) -> Iterator[Sequence[object]]:
    """Yield the parts of a value, level by level. Raises RefusedError after ``MAX_DEPTH`` levels."""
    level: Sequence[object] = [value]
    for _ in range(MAX_DEPTH):
        yield level
        level = [inner for part in level for inner in _parts_of(part)]
        if not level:
            return
    raise refuse("invalid", "Value must be valid JSON.")


def _as_kept(value: object) -> object:
    """Return a JSON value with exact numbers, and all texts in NFC, names of members too."""
    if isinstance(value, str):
        return normal(value)
    if isinstance(value, float):
        return exact_number(value)
    if isinstance(value, Mapping):
        return {normal(name): _as_kept(member) for name, member in value.items()}
    return [_as_kept(item) for item in value] if isinstance(value, list | tuple) else value


def _check_plain(value: object) -> None:
    if isinstance(value, str):
        if problems := text_problems(value, len(value)):
            raise RefusedError(problems)
    elif isinstance(value, int | float | Decimal):
        if not isinstance(value, bool) and exact_number(value) is None:
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
