"""Strategies for schemas, the attributes that are defined for an entity, and for sets of values for them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from crm_core.errors import (
    BLANK,
    EMPTY_LIST,
    IS_REQUIRED,
    NOT_A_BOOLEAN,
    NOT_A_DATE,
    NOT_A_NUMBER,
    NOT_A_STRING,
    NOT_A_URL,
    Problem,
    Problems,
    not_a_choice,
)
from crm_core.input.texts import normal
from crm_core.model.entities import ATTRIBUTE_TYPES, Attribute
from crm_core.testing.strategies.attributes import attribute_names, attribute_values
from crm_core.testing.strategies.texts import texts

#: The attributes of an entity by name.
Schema = Mapping[str, Attribute]

_MAX_ATTRIBUTES: Final = 4
_NOT_DEFINED: Final = Problem("unknown", "This attribute is not defined.")
_NOT_A_LIST: Final = Problem("not_a_list", 'Expected a list of items but got type "int".')
_REPEATED: Final = Problem("duplicate", "The items of this list must be distinct.")


class InvalidAttributes(NamedTuple):
    """Values that are refused.

    Attributes:
        values: the values by name, as they are sent.
        problems: all problems that they have, by name.
    """

    values: Mapping[str, object]
    problems: Mapping[str, Problems]


@st.composite
def definitions(draw: st.DrawFn, entity: str = "client", types: Sequence[str] = ATTRIBUTE_TYPES) -> Attribute:
    """Return a strategy for definitions of attributes, with sound names in the form in which names are kept (NFC).

    Args:
        draw: is Hypothesis's own.
        entity: the entity that has the attribute.
        types: the types that it may have.
    """
    type_ = draw(st.sampled_from(types))
    allowed = st.lists(texts(8).map(_as_kept).filter(bool), max_size=3, unique=True) if type_ == "list" else st.just([])
    return Attribute(
        id=draw(st.uuids(version=4)),
        name=normal(draw(attribute_names())),
        label=draw(texts(20)),
        type=type_,
        entity=entity,
        is_required=draw(st.booleans()),
        list_values=tuple(draw(allowed)),
    )


def _as_kept(text: str) -> str:
    return normal(text).strip()


def schemas(
    entity: str = "client", *, types: Sequence[str] = ATTRIBUTE_TYPES, max_size: int = _MAX_ATTRIBUTES
) -> SearchStrategy[Schema]:
    """Return a strategy for the attributes of an entity by name; no two have the same name.

    Args:
        entity: the entity.
        types: the types that the attributes may have.
        max_size: the most attributes.
    """
    every = st.lists(definitions(entity, types), max_size=max_size, unique_by=lambda each: each.name)
    return every.map(lambda found: {each.name: each for each in found})


def attribute_sets(schema: Schema) -> SearchStrategy[dict[str, object]]:
    """Return a strategy for values that a schema allows: of all required attributes, and of some others or null."""
    values = {name: attribute_values(definition) for name, definition in schema.items()}
    needed = {name: value for name, value in values.items() if schema[name].is_required}
    return st.fixed_dictionaries(
        needed, optional={name: value | st.none() for name, value in values.items() if name not in needed}
    )


@st.composite
def invalid_attribute_sets(draw: st.DrawFn, schema: Schema) -> InvalidAttributes:
    """Return a strategy for values that a new record cannot have, together with all their problems.

    Args:
        draw: is Hypothesis's own.
        schema: the attributes of the entity by name; without any, only undefined names are wrong.
    """
    values: dict[str, object] = dict(draw(attribute_sets(schema)))
    wrong = draw(st.lists(st.sampled_from([*schema, "not defined"]), min_size=1, unique=True))
    problems: dict[str, Problems] = {}
    for name in wrong:
        value, problem = draw(st.sampled_from(_wrong_values(schema[name]))) if name in schema else (1, _NOT_DEFINED)
        values[name], problems[name] = value, problem if isinstance(problem, Mapping) else (problem,)
    return InvalidAttributes(values, problems)


def _wrong_values(definition: Attribute) -> list[tuple[Any, Any]]:
    """Return values that an attribute cannot have, each with its problem, or problems by index."""
    found = list(_WRONG[definition.type])
    if definition.is_required:
        found.append((None, IS_REQUIRED))
    if definition.is_required and definition.type == "text":
        found += [("", BLANK), (" \u200b", BLANK)]
    if definition.is_required and definition.type == "list":
        found += [([], EMPTY_LIST), ("", EMPTY_LIST)]
    if definition.list_values and definition.type == "list":
        missing = f"not {definition.list_values[0]}"
        found += [(missing, not_a_choice(missing)), ([missing], {"0": (not_a_choice(missing),)})]
        found.append(([definition.list_values[0]] * 2, _REPEATED))
    return found


#: Values that attributes of a type cannot have, whatever their definition says.
_WRONG: Final[Mapping[str, Sequence[tuple[object, Problem | Mapping[str, Problems]]]]] = {
    "text": [(1, NOT_A_STRING), (["a"], NOT_A_STRING), (True, NOT_A_STRING)],
    "number": [("1", NOT_A_NUMBER), (True, NOT_A_NUMBER), ([], NOT_A_NUMBER)],
    "date": [("2026-02-30", NOT_A_DATE), ("20260101", NOT_A_DATE), ("", NOT_A_DATE), (2026, NOT_A_DATE)],
    "boolean": [("true", NOT_A_BOOLEAN), (1, NOT_A_BOOLEAN), (0, NOT_A_BOOLEAN)],
    "list": [(1, _NOT_A_LIST), ([1], {"0": (NOT_A_STRING,)})],
    "file": [("ftp://example.com/a", NOT_A_URL), ("a.pdf", NOT_A_URL), (1, NOT_A_STRING)],
}
