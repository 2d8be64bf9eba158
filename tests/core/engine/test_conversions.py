"""Values that are converted into another type, decision 132."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.engine.conversions import Conversion, FailingValueError, check_conversion, converted
from crm_core.model.entities import ATTRIBUTE_TYPES, Attribute
from tests.core.knowledge import refused, uid


def attribute(type_: str) -> Attribute:
    return Attribute(id=uid(1), name="n", label="l", type=type_, entity="client")


def convert(value: object, old: str, new: str, **options: Any) -> object:
    return converted(old, attribute(new), Conversion(type=new, **options), value)


@pytest.mark.parametrize(
    ("value", "old", "new", "options", "expected"),
    [
        ("1.50", "text", "number", {}, Decimal("1.50")),
        ("-1,5", "text", "number", {"decimal": ","}, Decimal("-1.5")),
        ("3.4.2026", "text", "date", {"format": "DD.MM.YYYY"}, "2026-04-03"),
        ("2026-04-03", "text", "date", {"format": "DD.MM.YYYY"}, "2026-04-03"),
        (" TRUE ", "text", "boolean", {}, True),
        ("nein", "text", "boolean", {"true": ("ja",), "false": ("nein",)}, False),
        (" red ", "text", "list", {}, "red"),
        ("red; blue", "text", "list", {}, ["red", "blue"]),
        ('["a; b"]', "text", "list", {}, ["a; b"]),
        ("[draft", "text", "list", {}, "[draft"),
        (" https://example.com/a ", "text", "file", {}, "https://example.com/a"),
        (5, "number", "text", {}, "5"),
        (True, "boolean", "text", {}, "true"),
        (("red", "blue"), "list", "text", {}, "red; blue"),
        ("a; b", "list", "text", {}, '"a; b"'),
    ],
)
def test_values_are_read_as_they_are_said_to_be_written(
    value: object, old: str, new: str, options: dict[str, Any], expected: object
) -> None:
    assert convert(value, old, new, **options) == expected
    assert type(convert(value, old, new, **options)) is type(expected)


@pytest.mark.parametrize(
    ("value", "old", "new"),
    [
        ("five", "text", "number"),
        ("", "text", "number"),
        ("3.4.2026", "text", "date"),
        ("maybe", "text", "boolean"),
        (" ", "text", "list"),
        ("[1]", "text", "list"),
        ("example", "text", "file"),
        (5, "text", "date"),
    ],
)
def test_what_cannot_be_read_fails(value: object, old: str, new: str) -> None:
    with pytest.raises(FailingValueError):
        convert(value, old, new)


def test_values_that_are_of_the_new_type_already_stay_as_they_are() -> None:
    for value, new in ((5, "number"), (True, "boolean"), (["red"], "list"), ("2026-01-31", "date")):
        assert convert(value, "text", new) == value


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1), unique=True))
def test_lists_become_texts_and_the_same_lists_again(items: list[str]) -> None:
    kept = [item for item in items if item.strip()]

    assert convert(convert(kept, "list", "text"), "text", "list") == kept


def test_only_some_pairs_of_types_are_converted() -> None:
    possible = {(old, new) for old in ATTRIBUTE_TYPES for new in ATTRIBUTE_TYPES if "text" in (old, new) and old != new}
    for old in ATTRIBUTE_TYPES:
        for new in ATTRIBUTE_TYPES:
            if (old, new) in possible:
                check_conversion(attribute(old), Conversion(type=new))
            else:
                assert list(refused(check_conversion, attribute(old), Conversion(type=new))) == ["type"]
    assert refused(check_conversion, attribute("number"), Conversion(type="date"))["type"] == [
        "Attributes of type number can be converted into: text."
    ]


@pytest.mark.parametrize("words", [{"true": ("Ja", "x"), "false": (" jÁ",)}, {"true": ("false", "ja")}])
def test_no_word_means_both_true_and_false(words: Any) -> None:
    problems = refused(check_conversion, attribute("text"), Conversion(type="boolean", **words))

    assert problems.keys() == {"false"}
    assert problems["false"][0].startswith("These words cannot mean both true and false: ")


def test_a_format_of_dates_that_is_none_is_refused() -> None:
    assert list(refused(check_conversion, attribute("text"), Conversion(type="date", format="soon"))) == ["format"]
