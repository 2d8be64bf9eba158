"""Numbers with all their digits, as JSON has them, and the limits of those that can be kept."""

import re
from decimal import Decimal, InvalidOperation
from typing import Final, Self

#: The greatest and the least integer of 64 bits.
MAX_BIGINT: Final = 2**63 - 1
MIN_BIGINT: Final = -(2**63)
#: The largest finite number of IEEE 754 binary64, which every JSON parser can read.
MAX_NUMBER: Final = 1.7976931348623157e308
#: Significant digits of a number that is no whole number, and its digits after the point.
MAX_DIGITS: Final = 400
#: Characters of a number that can be kept for sure if it has no exponent.
_MAX_SHORT_LENGTH: Final = 100
#: Characters of a text that is read as a number.
MAX_NUMERAL_LENGTH: Final = 1_000
_TRAILING_ZEROS = re.compile(r"\.0*\s*$")


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


def as_integer(value: object) -> int | None:
    """Return a number or a text as an integer, where its fraction is zero; None for anything else."""
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
