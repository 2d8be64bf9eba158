"""The page about strategies: each of its blocks has tests that pass."""

import pytest
from hypothesis import HealthCheck, settings

from tests.markdown import blocks

PAGE = "docs/how-to/test-with-drawn-records.md"


@pytest.mark.parametrize("name", ["Records 1", "Attributes 1", "Conditions and templates 1", "Histories 1", "Lists 1"])
def test_the_tests_of_a_block_pass(name: str) -> None:
    pasted: dict[str, object] = {}
    exec(compile(blocks(PAGE)[name].text, name, "exec"), pasted)  # noqa: S102  # as somebody who pastes it
    tests = [value for each, value in pasted.items() if each.startswith("test_") and callable(value)]

    assert tests
    for test in tests:
        settings(max_examples=5, suppress_health_check=list(HealthCheck))(test)()
