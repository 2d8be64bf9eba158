"""Strategies for webhooks: conditions and templates that fit a model and its schema, and what clients send."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from crm_core.input.fields import Field, fields_of
from crm_core.model.entities import ATTRIBUTE_PREFIX, Attribute
from crm_core.model.registered import DerivedNames
from crm_core.rules.conditions import COMPARISONS, WITHOUT_ORDER, WITHOUT_PARTS, read_conditions
from crm_core.testing.strategies.attributes import attribute_values
from crm_core.testing.strategies.context import Payload
from crm_core.testing.strategies.sizes import decimals
from crm_core.testing.strategies.texts import dates, json_values, junk, texts
from crm_core.webhooks.conditions import OPERATORS
from crm_core.webhooks.entity import MODELS, Condition

#: An operator and the value that it compares with.
_Comparison: TypeAlias = tuple[str, object]

_NO_SCHEMA: Final[Mapping[str, Attribute]] = {}
_TIMES: Final = st.datetimes().filter(lambda time: 1 < time.year < 9999).map(datetime.isoformat)
_IDS: Final = st.uuids(version=4).map(lambda id_: str(id_).upper())
#: Fields that all models of webhooks have.
_COMMON_FIELDS: Final = DerivedNames(
    lambda: sorted(set.intersection(*(set(fields_of(entity)) for _, entity in MODELS.values())))
)
#: What is compared with the fields of a kind; fields of other kinds can only be seen to change.
_VALUES: Final[Mapping[str, SearchStrategy[object]]] = {
    "text": texts(8),
    "boolean": st.booleans(),
    "date": dates(),
    "datetime": _TIMES,
    "uuid": _IDS,
}


def conditions(model: str, schema: Mapping[str, Attribute] = _NO_SCHEMA) -> SearchStrategy[Condition]:
    """Return a strategy for conditions of webhooks as they are kept, on fields of a model and on its attributes.

    Args:
        model: a key of ``crm_core.webhooks.entity.MODELS``, such as ``Lead``.
        schema: the attributes of the model's entity by name.
    """
    own = {name: _with_field(field) for name, field in fields_of(MODELS[model][1]).items()}
    others = {f"{ATTRIBUTE_PREFIX}{name}": _with_attribute(definition) for name, definition in schema.items()}

    def drawn(draw: st.DrawFn) -> Condition:
        name, comparisons = draw(st.sampled_from([*(own | others).items()]))
        operator, value = draw(comparisons)
        [read] = read_conditions(model, schema, [Condition(field=name, operator=operator, value=value)], ())  # type: ignore[arg-type]
        return read

    return st.composite(drawn)()


def _with_field(field: Field) -> SearchStrategy[_Comparison]:
    if field.precision is not None:
        return _comparisons(field.kind, decimals(field).map(str))
    is_read = field.kind in _VALUES and (not field.output_only or field.kind in {"uuid", "datetime"})
    return _comparisons(field.kind, _VALUES[field.kind]) if is_read else _changed()


def _with_attribute(definition: Attribute) -> SearchStrategy[_Comparison]:
    values = attribute_values(definition)
    if definition.type != "list":
        return _comparisons(definition.type, values)
    items = values.filter(lambda value: isinstance(value, str))
    return _comparisons(definition.type, values) | st.tuples(st.just("contains"), items)


def _comparisons(kind: str, values: SearchStrategy[object]) -> SearchStrategy[_Comparison]:
    optional = values | st.none()
    equal = st.tuples(st.sampled_from(["=", "!=", "changed_to"]), optional)
    among = st.tuples(st.just("in"), st.lists(optional, max_size=2))
    ordered = [] if kind in WITHOUT_ORDER else [st.tuples(st.sampled_from(sorted(COMPARISONS)), values)]
    parts = [] if kind in WITHOUT_PARTS | {"list"} else [st.tuples(st.just("contains"), texts(2))]
    return st.one_of(equal, among, _changed(), *ordered, *parts)


def _changed() -> SearchStrategy[_Comparison]:
    return st.tuples(st.just("changed"), json_values())


def templates(model: str, schema: Mapping[str, Attribute] = _NO_SCHEMA) -> SearchStrategy[str]:
    """Return a strategy for URLs of webhooks with placeholders for fields of a model and for its attributes.

    The arguments are those of ``conditions``. The URLs can be saved; whether one can be filled depends on the record.
    """
    names = [*fields_of(MODELS[model][1]), *(f"{ATTRIBUTE_PREFIX}{name}" for name in schema)]
    placeholders = st.sampled_from(names).map(lambda name: f"{{{name}}}")
    segments = st.lists(st.sampled_from(["a", "x-y"]) | placeholders, max_size=2).map("/".join)
    queries = st.lists(placeholders, max_size=2).map(lambda found: "&".join(f"p={each}" for each in found))
    hosts = st.sampled_from(["https://example.com", "http://[::1]:8080"])
    return st.tuples(hosts, segments, queries).map(lambda parts: "{}/{}?{}".format(*parts))


# What clients send, for any model


def sent_headers(*, hostile: bool) -> SearchStrategy[object]:
    """Return a strategy for headers; with ``hostile`` also for some that are refused."""
    good = st.dictionaries(st.sampled_from(["X-A", "Authorization"]), st.sampled_from(["", "{id}", "é\u202e"]))
    return good | st.dictionaries(st.sampled_from(["Host", "a b", ""]), junk()) if hostile else good


def sent_urls(*, hostile: bool) -> SearchStrategy[object]:
    """Return a strategy for URLs with placeholders of any model; with ``hostile`` also for some that are refused."""
    at = "created_at" if "created_at" in _COMMON_FIELDS else "updated_at"
    good = st.sampled_from(["https://example.com/", f"http://[::1]:8080/{{id}}?at={{{at}}}"])
    bad = st.sampled_from(["https://{id}/", "https://example.com/{nothing}", "ftp://example.com", "https://[", "{"])
    return good | bad if hostile else good


def sent_conditions(*, hostile: bool) -> SearchStrategy[object]:
    """Return a strategy for conditions on fields that all models have; values are such as the fields read."""
    common = {name: values for name, values in _COMMON_VALUES.items() if name in _COMMON_FIELDS}
    good = st.one_of([_conditions_on(name, values) for name, values in common.items()])
    bad = st.fixed_dictionaries(
        {
            "field": st.sampled_from([*_COMMON_FIELDS, "no such field"]),
            "operator": st.sampled_from(list(OPERATORS)),
            "value": json_values(),
        }
    )
    return st.lists(good | bad if hostile else good, max_size=3)


def _conditions_on(name: str, values: SearchStrategy[object]) -> SearchStrategy[Payload]:
    def of(operators: Iterable[str], value: SearchStrategy[object]) -> SearchStrategy[Payload]:
        parts = {"field": st.just(name), "operator": st.sampled_from(list(operators)), "value": value}
        return st.fixed_dictionaries(parts)

    values = values | st.none()
    equalities = of(("=", "!=", "changed_to"), values) | of(("in",), st.lists(values, max_size=2))
    return equalities | of(("changed",), json_values())


_COMMON_VALUES: Final[Mapping[str, SearchStrategy[object]]] = {
    "id": _IDS,
    "created_at": _TIMES,
    "attributes": st.dictionaries(texts(8), st.integers(-2, 2) | st.booleans(), max_size=2),
}
