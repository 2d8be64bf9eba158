"""Strategies for attributes: their definitions, what records hold under them, and what is refused."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from crm_core.input.texts import normal
from crm_core.model.entities import Attribute
from crm_core.rules.attributes import is_sound_name
from crm_core.testing.strategies.texts import NEAR_EQUAL, dates, numbers, texts, urls


def attribute_names() -> SearchStrategy[str]:
    """Return a strategy for valid attribute names; they are few, so that names repeat."""
    return st.sampled_from(["industry", "size", "größe", "e\u0301tat", "a-b", "_x", "中", "n1"]).filter(is_sound_name)


def attribute_values(definition: Attribute) -> SearchStrategy[object]:
    """Return a strategy for the values of an attribute."""
    if definition.is_unique:
        return unique_values(definition.type)
    return _ATTRIBUTE_VALUES[definition.type](definition)


def unique_values(type_: str) -> SearchStrategy[object]:
    """Return a strategy for values of a unique attribute of a type; they are few, so that they meet."""
    if type_ == "number":
        return st.integers(-1, 1) | st.sampled_from(list(map(Decimal, ("1.0", "-0.0", "1E+2", "100"))))
    return st.sampled_from(NEAR_EQUAL) if type_ == "text" else st.dates(date(2026, 1, 1), date(2026, 1, 3)).map(str)


def _list_values(definition: Attribute) -> SearchStrategy[object]:
    required = int(definition.is_required)
    one = st.sampled_from(definition.list_values) if definition.list_values else texts(8, min_length=required)
    return one | st.lists(one, min_size=required, max_size=3, unique_by=normal)


_ATTRIBUTE_VALUES: Final[Mapping[str, Callable[[Attribute], SearchStrategy[object]]]] = {
    "text": lambda definition: texts(255, min_length=int(definition.is_required)),
    "number": lambda _: numbers(),
    "date": lambda _: dates(),
    "boolean": lambda _: st.booleans(),
    "list": _list_values,
    "file": lambda _: urls(),
}
