"""Strategies for texts, numbers and other JSON values, also for those that stores take for one another."""

import math
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from crm_core.input.texts import fold, is_blank, normal

#: Letters that change their number or kind with their case, wildcards, quotes, and what text may hide.
TRICKY_LETTERS: Final = "aAzZ09 %_\\'\"{}<>,.-äÄßẞİıſΣσςﬁ中́\u202e\u2028\U0001f600"
_PLAIN_CHARACTERS: Final = st.sampled_from(TRICKY_LETTERS) | st.characters(codec="utf-8", exclude_characters="\x00")
#: Texts that a store may take for one another: by case, accents, Unicode form, blanks, or letters like others. They are
#: few, so that they meet.
NEAR_EQUAL: Final = (
    *("a", "A", "\u00e9", "e\u0301", "e", "\u00c9", "a ", " a", "\u00a0a", "a  b", "a b", "a\u00a0b"),
    *("\u00df", "ss", "SS", "\u00f8", "o", "\u03c3", "\u03c2", "\u0131", "i", "\u0130", "\ufb01", "fi"),
)


def texts(max_length: int = 255, *, min_length: int = 1, hostile: bool = False) -> SearchStrategy[str]:
    """Return a strategy for valid texts; with ``hostile`` also for too long ones, U+0000 and lone surrogates."""
    brief = st.text(_PLAIN_CHARACTERS, max_size=min(max_length, 8))
    limit = st.sampled_from("xé中").map(lambda c: c * max_length)
    near = st.sampled_from(NEAR_EQUAL).filter(lambda text: len(text) <= max_length)
    good = st.one_of(brief, near, brief, limit).filter(lambda text: _fits(text, min_length, max_length))
    return good | hostile_texts(max_length) if hostile else good


def near_equal(text: str) -> Sequence[str]:
    """Return a text and others that a store may take for it: in other case or form, without accents, with blanks."""
    bare = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    others = (
        text.strip(),
        text.swapcase(),
        unicodedata.normalize("NFD", text),
        bare,
        f"{text} ",
        f" {text}",
        fold(text),
    )
    return tuple(dict.fromkeys((text, *others)))


def _fits(text: str, min_length: int, max_length: int) -> bool:
    return len(normal(text)) <= max_length and not (min_length and is_blank(text))


def hostile_texts(max_length: int) -> SearchStrategy[str]:
    """Return a strategy for texts that are refused, or that hide something."""
    return st.sampled_from(
        [
            "",
            "  ",
            "\x00",
            "a\x00b",
            "\ud800",
            "x\udfffy",
            "\u202e",
            "e\u0301",
            "a" * max_length,
            "a" * (max_length + 1),
        ]
    ) | st.text(max_size=4)


def junk() -> SearchStrategy[object]:
    """Return a strategy for values of all JSON types and some others, for fields that expect another type."""
    scalars = (
        st.none()
        | st.booleans()
        | st.sampled_from([0, -1, 2**31, 2**63, -(2**64), 10**30, 1.0, -0.0, 1e300, math.inf, math.nan])
        | hostile_texts(255)
        | st.sampled_from(["1", "true", "1.0", "1_0", "\u0661", "0001-01-01", "9999-12-31T23:59:59-23:59", "{}"])
        | st.uuids().map(str)
    )
    return scalars | st.lists(scalars, max_size=2) | st.dictionaries(st.sampled_from(["", "id", "\x00"]), scalars)


def json_values() -> SearchStrategy[object]:
    """Return a strategy for JSON values that stores must return unchanged."""
    scalars = st.none() | st.booleans() | numbers() | texts(8, min_length=0)
    return scalars | st.lists(scalars, max_size=2) | st.dictionaries(texts(8, min_length=0), scalars, max_size=2)


def numbers() -> SearchStrategy[object]:
    """Return a strategy for numbers that stores must return with all their digits."""
    floats = st.floats(allow_nan=False, allow_infinity=False)
    decimals = st.decimals(-(10**15), 10**15, places=5) | st.sampled_from(list(map(Decimal, _DIGITS)))
    return st.integers(-(2**53), 2**53) | st.integers(-2, 2) | floats | decimals


#: What comes out as another number, or with other digits, where binary fractions or sixteen digits are used.
_DIGITS: Final = ("123456789123456.12345", "1.10", "0.1", "-0.0", "1.0", "0.5", "1E+2", "1E-7", "1e-400", "1e308")


def one_of_names(names: Callable[[], Iterable[str]]) -> SearchStrategy[str]:
    """Return a strategy for one of some names, which are asked for when one is drawn: resources can be registered."""
    return st.just(None).flatmap(lambda _: st.sampled_from(list(names())))


def urls() -> SearchStrategy[str]:
    """Return a strategy for web URLs."""
    return st.sampled_from(["https://example.com", "http://example.com/a?b=c#d", "HTTPS://例え.example/%20"])


def dates() -> SearchStrategy[str]:
    """Return a strategy for dates as they are sent."""
    return st.dates().map(str)
