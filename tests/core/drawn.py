"""Values that Hypothesis draws for whatever type an entity declares."""

import datetime as dt
import types
import typing
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import attrs
from hypothesis import strategies as st

from crm_core.input.decimals import FixedPoint

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
SIMPLE: Mapping[Any, st.SearchStrategy[Any]] = {
    object: JSON,
    str: st.text(),
    int: st.integers(-(2**63), 2**63 - 1),
    bool: st.booleans(),
    FixedPoint: st.decimals(-(10**30), 10**30, places=3).map(FixedPoint),
    UUID: st.uuids(),
    dt.date: st.dates(),
    dt.datetime: st.datetimes(timezones=st.just(dt.UTC)),
    type(None): st.none(),
}


def values_of(annotation: Any) -> st.SearchStrategy[Any]:
    """What may stand where an entity declares this type."""
    if annotation in SIMPLE:
        return SIMPLE[annotation]
    arguments = typing.get_args(annotation)
    if attrs.has(annotation):
        hints = typing.get_type_hints(annotation)
        return st.builds(annotation, **{name: values_of(hint) for name, hint in hints.items()})
    if isinstance(annotation, types.UnionType):
        return st.one_of([values_of(each) for each in arguments])
    if typing.get_origin(annotation) is typing.Literal:
        return st.sampled_from(arguments)
    if typing.get_origin(annotation) is tuple:
        return st.lists(values_of(arguments[0]), max_size=2).map(tuple)
    return st.dictionaries(st.text(), values_of(arguments[1]), max_size=3)
