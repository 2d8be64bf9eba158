"""Decimals with a fixed number of places, such as amounts of money: exact, and texts in JSON.

They are read as Django REST Framework's ``DecimalField`` reads them, with its messages.
"""

import re
from decimal import Context, Decimal, InvalidOperation
from typing import Final

import attrs

from crm_core.errors import NOT_A_NUMBER, Problem
from crm_core.input.numbers import MAX_DIGITS, MAX_NUMERAL_LENGTH, exact_number
from crm_core.input.readers import RefusedError, check_numeral

_NUMERAL: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
#: How decimals are written in JSON.
_WRITTEN: Final = re.compile(rf"-?\d{{1,{MAX_DIGITS}}}(?:\.\d{{1,{MAX_DIGITS}}})?", re.ASCII)
#: Rounds nothing that can be read.
_EXACT: Final = Context(prec=2 * MAX_DIGITS)


class FixedPoint(Decimal):
    """A decimal that is written with all of its places and without an exponent; in JSON it is a text.

    It compares and calculates as Decimal does. The annotation of a ``decimal`` field names this class.

    >>> str(FixedPoint("1E+2")), FixedPoint("0.50") == Decimal("0.5"), FixedPoint("0.0000000")
    ('100', True, FixedPoint('0.0000000'))
    """

    __slots__ = ()

    def __str__(self) -> str:
        """Return all of its digits, as it is in JSON."""
        return f"{self:f}"

    def __format__(self, specifier: str, /) -> str:  # type: ignore[override]  # nobody calls it with a context
        """Return it in a format; without one as ``str`` does."""
        return super().__format__(specifier or "f")

    def __repr__(self) -> str:
        """Return how it is made."""
        return f"FixedPoint('{self}')"


def fixed_point(kind: type, value: object) -> object:
    """Return what a decoder of JSON found where a class is declared that it does not know: a hook for such classes.

    That is a FixedPoint for a text where one is declared; any other value is returned as it is. Raises ValueError for
    what is no number, TypeError for what is no value of the class.
    """
    if kind is not FixedPoint:
        if not isinstance(value, kind):
            raise TypeError(f"Expected {kind.__name__}")
        return value
    if not isinstance(value, str) or not _NUMERAL.fullmatch(value):
        raise ValueError("Expected a decimal as a text")
    return FixedPoint(value)


def written_decimal(value: object) -> Decimal | None:
    """Return the number that a text is, as decimals are written in JSON; None for anything else."""
    return Decimal(value) if isinstance(value, str) and _WRITTEN.fullmatch(value) else None


def read_numeral(text: str) -> int | Decimal | None:
    """Return the number that somebody has written as a text; None for what is no number that can be kept.

    >>> read_numeral("+5"), read_numeral(" .50"), read_numeral("1e3"), read_numeral("5,0")
    (5, Decimal('0.50'), Decimal('1E+3'), None)
    """
    number = exact_number(_numeral(text)) if len(text) <= MAX_NUMERAL_LENGTH else None
    is_whole = isinstance(number, Decimal) and number.as_tuple().exponent == 0
    return int(number) if number is not None and is_whole else number


def _bound(value: Decimal | str | int | None) -> Decimal | None:
    return None if value is None else Decimal(value)


@attrs.frozen(kw_only=True)
class Precision:
    """Which decimals a field takes.

    Attributes:
        max_digits: the most digits, before and after the point together.
        decimal_places: the digits after the point.
        minimum: the least value; None for no bound.
        maximum: the greatest value; None for no bound.

    Raises ValueError for digits or bounds that no value has.
    """

    max_digits: int
    decimal_places: int
    minimum: Decimal | None = attrs.field(default=None, converter=_bound)
    maximum: Decimal | None = attrs.field(default=None, converter=_bound)

    def __attrs_post_init__(self) -> None:
        """Check that some value has these digits and is within these bounds."""
        if not 0 <= self.decimal_places <= self.max_digits <= MAX_DIGITS or self.max_digits < 1:
            raise ValueError(f"a decimal has 1 to {MAX_DIGITS} digits, and no more places than digits")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError("the minimum of a decimal is not above its maximum")

    @property
    def max_whole_digits(self) -> int:
        """Return the most digits before the point."""
        return self.max_digits - self.decimal_places

    @property
    def pattern(self) -> str:
        """Return the regular expression of the texts that stand for its values, for JSON Schemas."""
        sign = "" if self.minimum is not None and self.minimum >= 0 else "-?"
        fraction = f"([.][0-9]{{1,{self.decimal_places}}})?" if self.decimal_places else ""
        return f"^{sign}[0-9]{{1,{max(self.max_whole_digits, 1)}}}{fraction}$"

    def read(self, value: object) -> FixedPoint:
        """Return a number, or a text that is one, with all places; raise RefusedError.

        >>> Precision(max_digits=5, decimal_places=2).read("1.5")
        FixedPoint('1.50')
        """
        number = _read_number(value)
        if problem := self._digits_problem(number) or self._bounds_problem(number):
            raise RefusedError((problem,))
        fixed = number.quantize(Decimal((0, (1,), -self.decimal_places)), context=_EXACT)
        return FixedPoint(fixed or fixed.copy_abs())  # there is no negative zero

    def _digits_problem(self, number: Decimal) -> Problem | None:
        _, digits, exponent = number.as_tuple()
        assert isinstance(exponent, int)  # noqa: S101  # the number is finite
        places = max(-exponent, 0)
        whole = max(len(digits) + exponent, 0) if number else 0
        if whole + places > self.max_digits:
            return Problem("max_digits", f"Ensure that there are no more than {self.max_digits} digits in total.")
        if places > self.decimal_places:
            text = f"Ensure that there are no more than {self.decimal_places} decimal places."
            return Problem("max_decimal_places", text)
        if whole > self.max_whole_digits:
            text = f"Ensure that there are no more than {self.max_whole_digits} digits before the decimal point."
            return Problem("max_whole_digits", text)
        return None

    def _bounds_problem(self, number: Decimal) -> Problem | None:
        if self.maximum is not None and number > self.maximum:
            return Problem("max_value", f"Ensure this value is less than or equal to {self.maximum:f}.")
        if self.minimum is not None and number < self.minimum:
            return Problem("min_value", f"Ensure this value is greater than or equal to {self.minimum:f}.")
        return None


def _read_number(value: object) -> Decimal:
    check_numeral(value)
    number = read_numeral(value) if isinstance(value, str) else exact_number(value)
    if number is None:
        raise RefusedError((NOT_A_NUMBER,))
    return Decimal(number)


def _numeral(text: str) -> Decimal | None:
    try:
        return Decimal(text) if _NUMERAL.fullmatch(text := text.strip()) else None
    except InvalidOperation:  # the exponent is beyond what Decimal counts
        return None
