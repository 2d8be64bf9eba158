from collections.abc import Mapping, Sequence
from uuid import UUID

import pytest

from crm_core.bulk.refs import Refs, parted, refuse
from crm_core.errors import IS_REQUIRED, InvalidError, Problem
from crm_core.model.records import Key
from crm_core.resources import ATTRIBUTES, CLIENTS, FOLLOW_UPS, LEADS, SERVICES, Resource
from tests.core.knowledge import uid


def refs() -> Refs:
    """Refs of a client, of a service and of an operation that could not be read."""
    known = Refs()
    known.add("ann", 0, Key("client", uid(1)))
    known.add("course", 1, Key("service", uid(2)))
    known.add("broken", 2, None)
    return known


def problems_of(error: InvalidError, name: str) -> Sequence[Problem]:
    problems = error.problems[name]
    assert not isinstance(problems, Mapping)
    return problems


def codes(error: InvalidError) -> Mapping[str, list[str]]:
    return {name: [each.code for each in problems_of(error, name)] for name in error.problems}


def test_refs_become_the_ids_of_the_records_and_the_operations_are_known() -> None:
    sent = {"name": "x", "client": {"ref": "ann"}, "actual_cohort": str(uid(5))}
    values, named = refs().resolved(SERVICES, sent)
    assert values == {"name": "x", "client": str(uid(1)), "actual_cohort": str(uid(5))}
    assert named == {"client": 0}
    assert sent["client"] == {"ref": "ann"}


def test_the_ref_of_an_operation_that_is_refused_has_no_id_yet() -> None:
    assert refs().resolved(SERVICES, {"client": {"ref": "broken"}}) == ({"client": None}, {"client": 2})


@pytest.mark.parametrize("data", [None, 5, "x", ["x"]])
def test_data_that_is_no_object_is_left_to_its_reader(data: object) -> None:
    assert refs().resolved(SERVICES, data) == (data, {})
    assert parted(FOLLOW_UPS, data) == (data, None)


@pytest.mark.parametrize(
    ("sent", "code", "message"),
    [
        ({}, "invalid", 'Expected an id, or {"ref": "…"} with the ref of an earlier operation.'),
        ({"ref": 5}, "invalid", 'Expected an id, or {"ref": "…"} with the ref of an earlier operation.'),
        (
            {"ref": "ann", "x": 1},
            "invalid",
            'Expected an id, or {"ref": "…"} with the ref of an earlier operation.',
        ),
        ({"ref": "bob"}, "unknown", 'No earlier operation has the ref "bob".'),
        ({"ref": "course"}, "incorrect_type", "Expected the ref of a client, but this is of a service."),
    ],
)
def test_a_ref_must_name_an_earlier_operation_about_a_record_of_the_resource(
    sent: object, code: str, message: str
) -> None:
    with pytest.raises(InvalidError) as caught:
        refs().resolved(SERVICES, {"client": sent})
    [problem] = problems_of(caught.value, "client")
    assert (problem.code, problem.message) == (code, message)


def test_no_operation_makes_a_user_for_a_ref() -> None:
    with pytest.raises(InvalidError, match="Expected the ref of a user, but this is of a client"):
        refs().resolved(LEADS, {"responsible": {"ref": "ann"}})


def test_the_problems_of_all_refs_are_named_at_once() -> None:
    with pytest.raises(InvalidError) as caught:
        refs().resolved(SERVICES, {"client": {"ref": "x"}, "actual_cohort": {"ref": "ann"}, "origin_cohort": {}})
    assert codes(caught.value) == {
        "client": ["unknown"],
        "actual_cohort": ["incorrect_type"],
        "origin_cohort": ["invalid"],
    }


def test_a_ref_can_be_given_once_and_stays_with_the_first_operation() -> None:
    known = refs()
    known.check_new("bob")
    known.check_new(None)
    with pytest.raises(InvalidError) as caught:
        known.check_new("ann")
    assert codes(caught.value) == {"ref": ["unique"]}
    known.add("ann", 9, Key("client", uid(9)))
    assert known.resolved(SERVICES, {"client": {"ref": "ann"}}) == ({"client": str(uid(1))}, {"client": 0})


@pytest.mark.parametrize(
    ("resource", "data", "rest", "parent"),
    [
        (FOLLOW_UPS, {"service": str(uid(2)), "comment": "x"}, {"comment": "x"}, uid(2)),
        (ATTRIBUTES, {"entity": "lead", "name": "x"}, {"name": "x"}, "lead"),
        (CLIENTS, {"name": "x"}, {"name": "x"}, None),
    ],
)
def test_what_comes_with_the_path_is_parted_from_the_data(
    resource: Resource, data: object, rest: object, parent: UUID | str | None
) -> None:
    assert parted(resource, data) == (rest, parent)


@pytest.mark.parametrize(
    ("resource", "data", "problems"),
    [
        (FOLLOW_UPS, {"comment": "x"}, {"service": ["required"]}),
        (FOLLOW_UPS, {"service": None}, {"service": ["required"]}),
        (FOLLOW_UPS, {"service": "x"}, {"service": ["invalid"]}),
        (ATTRIBUTES, {"entity": "pipeline"}, {"entity": ["invalid_choice"]}),
        (ATTRIBUTES, {"entity": {}}, {"entity": ["invalid_choice"]}),
    ],
)
def test_what_comes_with_the_path_must_be_there_and_be_right(
    resource: Resource, data: object, problems: Mapping[str, list[str]]
) -> None:
    with pytest.raises(InvalidError) as caught:
        parted(resource, data)
    assert codes(caught.value) == problems


def test_a_refusal_names_its_member() -> None:
    with pytest.raises(InvalidError) as caught:
        refuse("data", IS_REQUIRED)
    assert caught.value.problems == {"data": (IS_REQUIRED,)}
