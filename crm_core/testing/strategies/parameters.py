"""Strategies for the query parameters of lists."""

from collections.abc import Callable, Mapping
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from crm_core.engine.parameters import filter_parameters, join_parts
from crm_core.input.fields import Field, FieldKind
from crm_core.model.entities import ATTRIBUTE_PREFIX, Attribute
from crm_core.resources import Resource
from crm_core.testing.strategies.attributes import attribute_values
from crm_core.testing.strategies.context import NO_CONTEXT, PayloadContext
from crm_core.testing.strategies.fields import references
from crm_core.testing.strategies.sizes import integers, spelt_decimals, spelt_times
from crm_core.testing.strategies.texts import NEAR_EQUAL, TRICKY_LETTERS, dates, hostile_texts


def list_parameters(resource: Resource, context: PayloadContext = NO_CONTEXT) -> SearchStrategy[dict[str, str]]:
    """Return a strategy for the query parameters of a list, except ``limit`` and ``cursor``."""
    named = {
        parameter: _PRESENCE if operator == "isnull" else _filter_values(resource.fields[name], context)
        for parameter, (name, operator) in filter_parameters(resource).items()
    }
    if resource.has_catalog:
        named |= {
            spelling.format(name, operator): _attribute_filter_values(definition, operator)
            for name, definition in context.definitions.items()
            for operator in _OPERATORS_OF_TYPE[definition.type]
            for spelling in _SPELLINGS
        }
    if resource.ordering:
        named["ordering"] = st.builds(str.__add__, st.sampled_from(["", "-"]), st.sampled_from(resource.ordering))
    named["search"] = _searches()
    good = st.fixed_dictionaries({}, optional=named)
    return good | st.dictionaries(st.sampled_from([*named, "x"]), _hostile_parameters()) if context.hostile else good


_SPELLINGS: Final = (ATTRIBUTE_PREFIX + "{}{}", "attributes[{}{}]")
_PRESENCE: Final = st.sampled_from(["true", "false"])
_OPERATORS_OF_TYPE: Final[Mapping[str, tuple[str, ...]]] = {
    "text": ("", "__in", "__contains", "__gt", "__lte", "__isnull"),
    "number": ("", "__in", "__gte", "__lt", "__isnull"),
    "date": ("", "__in", "__gte", "__lt", "__isnull"),
    "boolean": ("", "__isnull"),
    "list": ("", "__in", "__contains", "__isnull"),
    "file": ("", "__in", "__contains", "__isnull"),
}


#: The kinds of fields that lists compare by size.
_COMPARED: Final[Mapping[FieldKind, Callable[[Field], SearchStrategy[object]]]] = {
    "integer": integers,
    "decimal": spelt_decimals,
    "date": lambda _: dates(),
    "datetime": lambda _: spelt_times(),
}


def _filter_values(field: Field, context: PayloadContext) -> SearchStrategy[str]:
    if field.refers_to is not None:
        return references(field, context).map(str)
    if field.kind == "choice":
        return st.sampled_from(field.limits["enum"])
    if field.kind == "boolean":
        return st.sampled_from(["true", "false"])
    if field.kind in _COMPARED:
        return _COMPARED[field.kind](field).map(lambda value: str(value).strip())
    return _searches() | st.sampled_from([*context.stages, ""])


def _searches() -> SearchStrategy[str]:
    """Return a strategy for search terms of one or two characters, so that they match records."""
    return st.text(st.sampled_from(TRICKY_LETTERS), min_size=1, max_size=2) | st.sampled_from(NEAR_EQUAL)


def _attribute_filter_values(definition: Attribute, operator: str) -> SearchStrategy[str]:
    if operator == "__isnull":
        return _PRESENCE
    one = attribute_values(definition).filter(lambda value: not isinstance(value, list)).map(_parameter)
    return st.lists(one, max_size=2).map(join_parts) if operator == "__in" else one


def _parameter(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)[:100]


def _hostile_parameters() -> SearchStrategy[str]:
    return hostile_texts(255) | st.sampled_from(["-1", "nan", "1e999", '"', "%", "0001-01-01", "9" * 30])
