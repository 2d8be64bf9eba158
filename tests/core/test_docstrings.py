"""The examples in docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

import crm_core

_MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(crm_core.__path__, "crm_core.")
    if not module.name.startswith("crm_core.testing")
)
_WITH_EXAMPLES = {
    "crm_core.input.drafts",
    "crm_core.input.numbers",
    "crm_core.input.dates",
    "crm_core.input.readers",
    "crm_core.model.events",
    "crm_core.model.sentences",
    "crm_core.webhooks.conditions",
    "crm_core.webhooks.templates",
    "crm_core.errors",
    "crm_core.model.files",
}


@pytest.mark.parametrize("name", _MODULES)
def test_examples_in_docstrings_are_true(name: str) -> None:
    results = doctest.testmod(importlib.import_module(name))

    assert results.failed == 0
    assert results.attempted > 0 or name not in _WITH_EXAMPLES
