"""Readers: functions that turn one plain JSON value into a checked value or raise RefusedError.

Conversions and messages are those of Django REST Framework, for which ``api.md`` was written.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import attrs

from crm_core.errors import (
    NOT_A_BOOLEAN,
    NOT_A_STRING,
    InvalidError,
    Problem,
    Problems,
    not_a_choice,
    too_many_elements,
)
from crm_core.input.numbers import MAX_BIGINT, MAX_NUMERAL_LENGTH, MIN_BIGINT, as_integer, exact_number
from crm_core.input.texts import normal

_UUID = re.compile(
    r"(?:urn:uuid:)?\{?(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\}?", re.ASCII | re.IGNORECASE
)
#: The words that forms send for booleans, in any case.
TRUE: Final = frozenset({"t", "y", "yes", "true", "on", "1"})
FALSE: Final = frozenset({"f", "n", "no", "false", "off", "0"})


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
    number = as_integer(value)
    if number is None:
        raise refuse("invalid", "A valid integer is required.")
    if number > maximum:
        raise refuse("max_value", f"Ensure this value is less than or equal to {maximum}.")
    if number < minimum:
        raise refuse("min_value", f"Ensure this value is greater than or equal to {minimum}.")
    return number


def read_uuid(value: object) -> UUID:
    """Read a UUID: 32 hexadecimal digits with or without hyphens, braces or ``urn:uuid:``; or an integer."""
    if isinstance(value, UUID):
        return value
    # uuid.UUID alone would also accept signs, white space and digits of other scripts.
    if isinstance(value, str) and _UUID.fullmatch(value):
        return _uuid_of(value)
    # JSON has one kind of number: 5.0 is 5.
    number = as_integer(value) if isinstance(value, int | float | Decimal) else None
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
    number = as_integer(value)
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


def abbreviated(value: object) -> str:
    """Return a refused value as text for a message, cut to 100 characters."""
    try:
        return str(value)[:100]
    except (ValueError, RecursionError):  # an integer or a nesting beyond what Python converts
        return f"{type(value).__name__} too large to show"
