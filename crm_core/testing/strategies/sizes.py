"""Strategies for the values of fields that lists compare by size: whole numbers, decimals and times."""

import math
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from crm_core.input.decimals import FixedPoint
from crm_core.input.fields import Field
from crm_core.input.numbers import MAX_BIGINT, MIN_BIGINT


def integers(field: Field) -> SearchStrategy[object]:
    """Return a strategy for whole numbers, also as texts; some of them are few, so that they meet."""
    least, most = field.limits.get("minimum", MIN_BIGINT), field.limits.get("maximum", MAX_BIGINT)
    few = st.integers(max(least, -3), min(most, 3)) if least <= 3 and most >= -3 else st.nothing()
    return few | st.integers(least, most) | few.map(str)


def spelt_decimals(field: Field) -> SearchStrategy[object]:
    """Return a strategy for the values of a decimal field as clients spell them: texts, numbers, with exponents."""
    return decimals(field).flatmap(lambda number: st.sampled_from([str(number), Decimal(number), f" {number:e} "]))


def decimals(field: Field) -> SearchStrategy[FixedPoint]:
    """Return a strategy for the values of a decimal field; some of them are few, so that they meet."""
    precision = field.precision
    assert precision is not None
    unit, most = 10**precision.decimal_places, 10**precision.max_digits - 1
    least = -most if precision.minimum is None else max(-most, math.ceil(Fraction(precision.minimum) * unit))
    most = most if precision.maximum is None else min(most, math.floor(Fraction(precision.maximum) * unit))
    few = [units for units in (0, 1, -1, 9, 10, unit, 2 * unit, 10 * unit, -2 * unit) if least <= units <= most]
    units = st.integers(least, most) | (st.sampled_from(few) if few else st.nothing())
    return units.map(lambda number: precision.read(f"{number}e-{precision.decimal_places}"))


def spelt_times() -> SearchStrategy[str]:
    """Return a strategy for times in ISO 8601, in several time zones."""
    zones = st.sampled_from(["Z", "", "+05:30", "-11:00"])
    # In some time zones the first and last days are outside the years 1 to 9999 in UTC.
    inside: SearchStrategy[Any] = st.datetimes().filter(_is_inside)
    return st.builds(lambda time, zone: time.isoformat() + zone, inside, zones)


def _is_inside(time: datetime) -> bool:
    return 1 < time.year < 9999
