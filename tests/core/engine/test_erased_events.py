"""What stays of the events of an erased record, decision 117."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_core.engine.erased_events import erased_changes, kept_fields, without_copies
from crm_core.resources import ATTRIBUTES, FOLLOW_UPS, LEADS, RESOURCES, Resource

CHANGED = {"from": "Jane", "to": "Ann"}


def test_ids_and_references_stay_and_all_other_values_go() -> None:
    changes: dict[str, object] = {
        "id": {"to": "1"},
        "pipeline": {"from": None, "to": "2"},
        "name": CHANGED,
        "attributes.size": {"from": 1, "to": 2, "attribute": "3"},
        "list_of_tasks": {"added": [{"task": "Call"}], "removed": [], "changed": []},
    }

    assert erased_changes(LEADS, changes) == {
        "id": {"to": "1"},
        "pipeline": {"from": None, "to": "2"},
        "name": {},
        "attributes.size": {},
        "list_of_tasks": {},
    }


def test_what_the_path_names_stays() -> None:
    assert kept_fields(FOLLOW_UPS) >= {"id", "service"}
    assert kept_fields(ATTRIBUTES) == {"id", "entity"}
    assert "name" not in kept_fields(LEADS)


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=lambda each: each.name)
@given(data=st.data())
@settings(max_examples=15)  # of each resource
def test_the_names_of_what_changed_stay_and_no_text_does(resource: Resource, data: st.DataObject) -> None:
    names = data.draw(st.sets(st.sampled_from(sorted(resource.fields))))
    changes: dict[str, object] = {name: {"from": "secret", "to": "secret"} for name in names}
    erased = erased_changes(resource, changes)

    assert list(erased) == list(changes)
    assert {name for name, change in erased.items() if change} == names & kept_fields(resource)
    assert erased_changes(resource, erased) == erased


@pytest.mark.parametrize(
    ("change", "is_latest", "left"),
    [
        ({"to": "Jane"}, False, {"to": None}),
        ({"to": "Jane"}, True, {"to": "Jane"}),
        (CHANGED, False, {"from": None, "to": None}),
        (CHANGED, True, {"from": None, "to": "Ann"}),
        ({"from": "Jane"}, True, {"from": None}),
        ({}, True, {}),
    ],
)
def test_of_copies_only_the_latest_value_stays(
    change: dict[str, Any], left: dict[str, Any], *, is_latest: bool
) -> None:
    changes = {"student_name": change, "cohort_request": CHANGED}
    result = without_copies(changes, "student_name", is_latest=is_latest)

    assert result == {"student_name": left, "cohort_request": CHANGED}


def test_events_that_did_not_change_the_copy_stay_as_they_are() -> None:
    assert without_copies({"name": CHANGED}, "student_name", is_latest=True) == {"name": CHANGED}
