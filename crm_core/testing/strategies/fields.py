"""From the fields of an entity to strategies for what is sent for them."""

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from crm_core.input.decimals import FixedPoint
from crm_core.input.fields import Field, FieldKind, fields_of
from crm_core.input.readers import MAX_BIGINT, MIN_BIGINT
from crm_core.input.texts import normal
from crm_core.testing.strategies.attributes import attribute_names
from crm_core.testing.strategies.context import Payload, PayloadContext
from crm_core.testing.strategies.schemas import attribute_sets
from crm_core.testing.strategies.texts import dates, hostile_texts, json_values, junk, texts, urls
from crm_core.testing.strategies.webhooks import sent_conditions, sent_headers, sent_urls


def objects(entity: type, context: PayloadContext, *, require_all: bool) -> SearchStrategy[Payload]:
    """Return a strategy for objects with the fields of an entity that can be sent: all required ones, or any."""
    fields = {name: field for name, field in fields_of(entity).items() if not field.output_only}
    values = {name: _values(entity, name, field, context) for name, field in fields.items()}
    needed = {name for name in values if require_all and _is_needed(name, fields[name], context)}
    good = st.fixed_dictionaries(
        {name: values[name] for name in needed},
        optional={name: value for name, value in values.items() if name not in needed},
    )
    return good | st.dictionaries(st.sampled_from([*fields_of(entity), "x"]), junk()) if context.hostile else good


def _is_needed(name: str, field: Field, context: PayloadContext) -> bool:
    return field.required or (
        name == "attributes" and any(definition.is_required for definition in context.definitions.values())
    )


def _values(entity: type, name: str, field: Field, context: PayloadContext) -> SearchStrategy[Any]:
    make = _OF_FIELD.get((entity.__name__, name)) or _OF_KIND[field.kind]
    good: SearchStrategy[Any] = make(field, context)
    if field.nullable:
        good |= st.none()
    return good | junk() if context.hostile else good


def _texts(field: Field, context: PayloadContext) -> SearchStrategy[str]:
    if "pattern" in field.limits:
        return st.from_regex(field.limits["pattern"].rstrip("$"), fullmatch=True)
    return texts(field.limits["maxLength"], min_length=field.limits.get("minLength", 0), hostile=context.hostile)


def _integers(field: Field, context: PayloadContext) -> SearchStrategy[object]:
    if field.refers_to is not None:
        return references(field, context)
    least, most = field.limits.get("minimum", MIN_BIGINT), field.limits.get("maximum", MAX_BIGINT)
    few = st.integers(max(least, -3), min(most, 3)) if least <= 3 and most >= -3 else st.nothing()
    return few | st.integers(least, most) | few.map(str)


def _decimals(field: Field, _: PayloadContext) -> SearchStrategy[object]:
    """Return a strategy for decimals in all of their spellings; some are few, so that they meet."""
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


def _uuids(field: Field, context: PayloadContext) -> SearchStrategy[object]:
    if field.refers_to is not None:
        return references(field, context)
    return st.sampled_from(context.entries).map(str) | _new_uuids() if context.entries else _new_uuids()


def _new_uuids() -> SearchStrategy[str]:
    return st.uuids(version=4).map(str)


def references(field: Field, context: PayloadContext) -> SearchStrategy[object]:
    """Return a strategy for references to existing records; in hostile contexts, or without any, to missing ones."""
    there = context.ids.get(field.refers_to or "", ())
    missing = st.just(MAX_BIGINT) if field.kind == "integer" else _new_uuids()
    if not there:
        return missing
    known = st.sampled_from(there).map(lambda id_: id_ if isinstance(id_, int) else str(id_))
    return known | missing if context.hostile else known


def compared_values(field: Field, context: PayloadContext) -> SearchStrategy[str] | None:
    """Return a strategy for the values that a list can be filtered from and up to; None for kinds without an order."""
    make = _COMPARED.get(field.kind)
    return make(field, context).map(lambda value: str(value).strip()) if make else None


def _datetimes(_: Field, __: PayloadContext) -> SearchStrategy[str]:
    zones = st.sampled_from(["Z", "", "+05:30", "-11:00"])
    # In some time zones the first and last days are outside the years 1 to 9999 in UTC.
    inside = st.datetimes().filter(lambda time: 1 < time.year < 9999)
    return st.builds(lambda time, zone: time.isoformat() + zone, inside, zones)


def _dates_or_datetimes(field: Field, context: PayloadContext) -> SearchStrategy[str]:
    return dates() | _datetimes(field, context)


def _items(field: Field, context: PayloadContext) -> SearchStrategy[Sequence[Payload]]:
    assert field.item is not None
    return st.lists(objects(field.item, context, require_all=True), max_size=3)


def _text_lists(field: Field, context: PayloadContext) -> SearchStrategy[Sequence[str]]:
    options = field.limits.get("enum")
    one = st.sampled_from(options) if options else texts(field.limits["maxLength"], hostile=context.hostile)
    # A selection of options must not be empty, and list values must differ.
    return st.lists(one, min_size=1 if options else 0, max_size=3, unique_by=None if options else trimmed)


def trimmed(text: str) -> str:
    """Return a text as those of lists are compared."""
    return normal(text).strip()


def _images(_: Field, __: PayloadContext) -> SearchStrategy[Sequence[str]]:
    return st.lists(urls() | st.just("/files/a/b.png"), max_size=3)


def _attributes(_: Field, context: PayloadContext) -> SearchStrategy[Mapping[str, object]]:
    good = attribute_sets(context.definitions)
    names = st.sampled_from([*context.definitions, "", "a\x00", "no such attribute"])
    return good | st.dictionaries(names, junk(), max_size=3) if context.hostile else good


_Make: TypeAlias = Callable[[Field, PayloadContext], SearchStrategy[Any]]

_OF_KIND: Final[Mapping[FieldKind, _Make]] = {
    "text": _texts,
    "boolean": lambda _, __: st.booleans() | st.sampled_from(["true", "0", 1]),
    "integer": _integers,
    "decimal": _decimals,
    "date": lambda _, __: dates(),
    "datetime": _datetimes,
    "date_or_datetime": _dates_or_datetimes,
    "choice": lambda field, _: st.sampled_from(field.limits["enum"]),
    "uuid": _uuids,
    "items": _items,
    "texts": _text_lists,
    "attributes": _attributes,
    "json": lambda _, __: json_values(),
}
#: The kinds of fields that lists compare in a range.
_COMPARED: Final[Mapping[FieldKind, _Make]] = {
    "integer": lambda _, __: st.integers(-3, 3),
    "decimal": _decimals,
    "date": lambda _, __: dates(),
    "datetime": _datetimes,
}
#: Fields whose kind is not specific enough.
_OF_FIELD: Final[Mapping[tuple[str, str], _Make]] = {
    ("Attribute", "name"): lambda _, context: (
        attribute_names() | (hostile_texts(100) if context.hostile else st.nothing())
    ),
    # The steps of a state machine make attributes unique one at a time, as stores need time for it.
    ("Attribute", "is_unique"): lambda _, __: st.just(False),  # noqa: FBT003  # a value
    ("Client", "list_of_images"): _images,
    ("Service", "list_of_images"): _images,
    ("Lead", "stage"): lambda field, context: _texts(field, context) | st.sampled_from([*context.stages, ""]),
    ("Webhook", "url"): lambda _, context: sent_urls(hostile=context.hostile),
    ("Webhook", "headers"): lambda _, context: sent_headers(hostile=context.hostile),
    ("Webhook", "conditions"): lambda _, context: sent_conditions(hostile=context.hostile),
}
