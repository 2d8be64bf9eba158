"""How the values of an attribute become values of another type (decision 132)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import attrs

from crm_core.errors import InvalidError, Problem
from crm_core.input.declarations import choice, text, texts
from crm_core.input.readers import RefusedError, abbreviated
from crm_core.input.texts import fold, is_blank
from crm_core.model.entities import ATTRIBUTE_TYPES, Attribute
from crm_core.model.plain_values import json_text, parse_json
from crm_core.rules.attributes import check_value
from crm_core.tables.formats import DECIMALS, ISO_DATES, Formats, read_day, read_number
from crm_core.tables.written_cells import cell_text, is_simple

_MAX_WORDS: Final = 50
#: What happens to values that cannot be converted: the conversion is refused, or the records lose them.
FAILING: Final = ("refuse", "clear")


@attrs.frozen(kw_only=True)
class Conversion:
    """The body of a conversion.

    Attributes:
        type: the type that the attribute is to have.
        failing: what happens if values cannot be converted: ``refuse``, or ``clear`` to take them from their records,
            whose history keeps them.
        decimal: the sign before the fraction of numbers in texts.
        format: how texts write dates: YYYY, MM and DD in their order, with what is between them. ISO dates are read
            too.
        true: the words for true; upper case, lower case and accents do not matter.
        false: the words for false.
    """

    type: str = choice(*ATTRIBUTE_TYPES)
    failing: str = choice(*FAILING, default="refuse")
    decimal: str = choice(*DECIMALS, default=".")
    format: str = text(max_length=20, default=ISO_DATES)
    true: tuple[str, ...] = texts(min_items=1, max_items=_MAX_WORDS, all_by_default=False)
    false: tuple[str, ...] = texts(min_items=1, max_items=_MAX_WORDS, all_by_default=False)

    @property
    def formats(self) -> Formats:
        """Return how texts write numbers and dates. Raises ValueError for a format that is none."""
        return Formats(decimal=self.decimal, dates=self.format)

    @property
    def words(self) -> Mapping[str, bool]:
        """Return the folded words for true and false."""
        return dict.fromkeys(_folded(self.true or ("true",)), True) | dict.fromkeys(self.words_for_false, False)

    @property
    def words_for_false(self) -> frozenset[str]:
        """Return the folded words for false."""
        return _folded(self.false or ("false",))

    @property
    def ambiguous_words(self) -> frozenset[str]:
        """Return the folded words for both true and false."""
        return _folded(self.true or ("true",)) & self.words_for_false


def _folded(words: Iterable[str]) -> frozenset[str]:
    return frozenset(fold(word).strip() for word in words)


class FailingValueError(Exception):
    """A value cannot be converted."""


#: Returns a value of another type for a value; raises FailingValueError or RefusedError.
_Convert: TypeAlias = Callable[[Any, Conversion], object]


def _number(value: Any, conversion: Conversion) -> object:
    return read_number(value, conversion.formats)


def _date(value: Any, conversion: Conversion) -> object:
    return read_day(value, conversion.formats)


def _boolean(value: Any, conversion: Conversion) -> object:
    found = conversion.words.get(fold(value).strip())
    if found is None:
        raise FailingValueError
    return found


def _list(value: Any, _: Conversion) -> object:
    """Return what ``_list_text`` wrote; of any other text the text itself, as the only choice."""
    if is_blank(value):
        raise FailingValueError
    if value.startswith(("[", '"')):
        try:
            return parse_json(value)
        except (ValueError, RecursionError):
            return value.strip()
    parts = value.split("; ")
    return parts if len(parts) > 1 and all(map(is_simple, parts)) else value.strip()


def _list_text(value: Any, _: Conversion) -> object:
    return cell_text("list", list(value) if isinstance(value, tuple) else value)


def _file(value: Any, _: Conversion) -> object:
    return value.strip()


def _text(value: Any, _: Conversion) -> object:
    return value if isinstance(value, str) else json_text(value)


#: The pairs of types that can be converted into each other, with the function that does.
_CONVERSIONS: Final[Mapping[tuple[str, str], _Convert]] = {
    ("text", "number"): _number,
    ("text", "date"): _date,
    ("text", "boolean"): _boolean,
    ("text", "list"): _list,
    ("text", "file"): _file,
    ("number", "text"): _text,
    ("date", "text"): _text,
    ("boolean", "text"): _text,
    ("list", "text"): _list_text,
    ("file", "text"): _text,
}


def check_conversion(definition: Attribute, conversion: Conversion) -> None:
    """Raise InvalidError for types that cannot be converted, a format of dates that is none, or ambiguous words."""
    problems: dict[str, Sequence[Problem]] = {}
    possible = [to for of, to in _CONVERSIONS if of == definition.type]
    if conversion.type not in possible:
        message = f"Attributes of type {definition.type} can be converted into: {', '.join(possible)}."
        problems["type"] = (Problem("invalid_choice", message),)
    try:
        conversion.formats  # noqa: B018  # it is checked when it is made
    except ValueError as error:
        problems["format"] = (Problem("invalid", f"{error}."),)
    if words := conversion.ambiguous_words:
        message = f"These words cannot mean both true and false: {', '.join(sorted(words))}."
        problems["false"] = (Problem("invalid", abbreviated(message)),)
    if problems:
        raise InvalidError(problems)


def converted(type_: str, after: Attribute, conversion: Conversion, value: object) -> object:
    """Return a value as the attribute holds it after the conversion. Raises FailingValueError.

    A value that the attribute can hold afterwards stays as it is: a conversion may be repeated.

    Args:
        type_: the type of the attribute before.
        after: the attribute after the conversion.
        conversion: how values are read.
        value: a value that a record holds.
    """
    if type(value) is not str and not check_value(after, value):
        return value
    convert = _CONVERSIONS[type_, after.type]
    try:
        if after.type != "text" and not isinstance(value, str):
            raise FailingValueError
        new = convert(value, conversion)
    except RefusedError:
        raise FailingValueError from None
    if check_value(after, new):
        raise FailingValueError
    return new
