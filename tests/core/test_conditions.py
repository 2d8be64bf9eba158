"""What a webhook's conditions may say, ruling 28."""

from typing import Any

import pytest

from crm_core.conditions import OPERATORS, condition_problems
from tests.core.knowledge import texts

FIELDS = frozenset({"stage", "attributes.size"})
OF_THE_DOCUMENTATION = ["=", "!=", ">", "<", ">=", "<=", "in", "contains"]


def problems_of(field: str, operator: str, value: object) -> Any:
    return texts(condition_problems(field, operator, value, FIELDS))


def test_the_operators_are_those_of_the_documentation_and_two_more() -> None:
    assert list(OPERATORS) == [*OF_THE_DOCUMENTATION, "changed", "changed_to"]


@pytest.mark.parametrize("operator", [name for name in OPERATORS if name != "in"])
@pytest.mark.parametrize("value", [None, True, 1, 1.5, "Moodle", ["a"], {"a": 1}])
def test_operators_take_any_value(operator: str, value: object) -> None:
    assert not problems_of("stage", operator, value)


@pytest.mark.parametrize("value", [[], ["a", 1, None], ("a",)])
def test_in_takes_a_list(value: object) -> None:
    assert not problems_of("attributes.size", "in", value)


@pytest.mark.parametrize("value", [None, "abc", 1, {"a": 1}])
def test_in_takes_nothing_else(value: object) -> None:
    assert problems_of("stage", "in", value) == {"value": ["The operator in takes a list."]}


@pytest.mark.parametrize("field", ["Stage", "size", "attributes.ghost", "stage.name"])
def test_a_field_that_the_model_has_not_is_refused(field: str) -> None:
    assert problems_of(field, "=", 1) == {"field": [f'"{field}" is not a valid choice.']}


def test_both_problems_come_at_once() -> None:
    assert problems_of("ghost", "in", 1).keys() == {"field", "value"}
