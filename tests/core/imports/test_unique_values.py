from collections.abc import Mapping
from uuid import UUID

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from crm_core.errors import InvalidError
from crm_core.imports.options import read_options
from crm_core.imports.runs import RowProblem
from crm_core.imports.unique_values import Doubles, upsert_attribute, value_of
from crm_core.model.entities import Attribute
from crm_core.rules.needs import UniqueAttribute, UniqueValue
from crm_core.rules.uniqueness import is_same_value

TAG = Attribute(id=UUID(int=1), name="tag", label="Tag", type="text", entity="client", is_unique=True)
CITY = Attribute(id=UUID(int=2), name="city", label="City", type="text", entity="client")
DEFINITIONS = {"tag": TAG, "city": CITY}


@pytest.mark.parametrize("upsert_by", ["", "id"])
def test_rows_that_create_or_have_ids_look_for_no_value(upsert_by: str) -> None:
    assert upsert_attribute(DEFINITIONS, read_options({"format": "csv", "upsert_by": upsert_by})) is None


@pytest.mark.parametrize("upsert_by", ["tag", "attributes.tag"])
def test_a_unique_attribute_is_named_with_its_prefix_or_without(upsert_by: str) -> None:
    assert upsert_attribute(DEFINITIONS, read_options({"format": "csv", "upsert_by": upsert_by})) == TAG


@pytest.mark.parametrize("upsert_by", ["city", "name", "attributes.id"])
def test_records_are_found_by_unique_attributes_alone(upsert_by: str) -> None:
    with pytest.raises(InvalidError, match=f'"{upsert_by}" is neither id nor a unique attribute') as caught:
        upsert_attribute(DEFINITIONS, read_options({"format": "csv", "upsert_by": upsert_by}))
    assert list(caught.value.problems) == ["upsert_by"]


def test_a_unique_attribute_is_not_named_by_a_former_name() -> None:
    definitions = {"tag": evolve(TAG, former_names=("label",))}
    with pytest.raises(InvalidError, match="This attribute was renamed to `tag`"):
        upsert_attribute(definitions, read_options({"format": "csv", "upsert_by": "label"}))


def test_the_value_of_a_row_is_one_that_records_can_have() -> None:
    assert value_of(TAG, {"attributes": {"tag": "a"}}) == UniqueValue(UniqueAttribute("client", "tag", "text"), "a")
    refused: list[Mapping[str, object]] = [{}, {"attributes": None}, {"attributes": {"tag": None}}]
    refused += [{"attributes": {"tag": value}} for value in (7, " ", "x" * 201)]
    assert [value_of(TAG, data) for data in refused] == [None] * len(refused)


def test_values_of_attributes_that_are_not_unique_may_be_double() -> None:
    doubles = Doubles(DEFINITIONS)
    found = [list(doubles.problems(row, {"attributes": {"city": "Ulm"}}, {})) for row in (2, 3)]
    assert found == [[], []]


def test_a_double_is_placed_at_its_attribute_where_no_column_has_it() -> None:
    doubles = Doubles({"tag": TAG, "key": evolve(TAG, name="key")})
    assert list(doubles.problems(2, {"attributes": {"tag": "a", "key": "b"}}, {})) == []
    assert list(doubles.problems(3, {"attributes": {"tag": "b", "key": "a"}}, {})) == []
    text = "Row 2 has the same value, and this attribute is unique."
    assert list(doubles.problems(4, {"attributes": {"tag": "A", "key": "B"}}, {"attributes.key": "Key"})) == [
        RowProblem("attributes.tag", "unique", text),
        RowProblem("Key", "unique", text),
    ]


@given(st.text(max_size=10), st.text(max_size=10))
def test_rows_are_doubles_where_records_would_have_the_same_value(one: str, other: str) -> None:
    doubles = Doubles(DEFINITIONS)
    assert list(doubles.problems(2, {"attributes": {"tag": one}}, {})) == []
    is_double = bool(list(doubles.problems(3, {"attributes": {"tag": other}}, {})))
    both_are_read = all(value_of(TAG, {"attributes": {"tag": text}}) for text in (one, other))
    assert is_double == (both_are_read and is_same_value("text", one, other))
