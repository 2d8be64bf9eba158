"""What each resource has, read from its fields."""

import pytest

from crm_core.model.permissions import PERMISSIONS
from crm_core.resources import (
    ATTRIBUTES,
    CLIENTS,
    COHORTS,
    ENROLLMENTS,
    FOLLOW_UPS,
    LEADS,
    PIPELINES,
    RESOURCES,
    SERVICES,
    TRANSFER_REQUESTS,
    Resource,
    referring,
)

ALL = tuple(RESOURCES.values())


@pytest.mark.parametrize(("resource", "fields"), [(COHORTS, ["name_cohort"]), (LEADS, ["name"]), (FOLLOW_UPS, [])])
def test_records_are_named_for_people_by_the_texts_that_lists_find_a_part_of(
    resource: Resource, fields: list[str]
) -> None:
    assert resource.name_fields == fields


def test_resources_with_images_tasks_and_attributes_are_those_of_the_contract() -> None:
    assert [resource for resource in ALL if resource.has_images] == [CLIENTS, SERVICES]
    assert [resource for resource in ALL if resource.has_tasks_and_notes] == [CLIENTS, SERVICES, LEADS]
    assert [resource for resource in ALL if resource.has_catalog] == [CLIENTS, SERVICES, LEADS, FOLLOW_UPS]


@pytest.mark.parametrize("resource", ALL, ids=RESOURCES)
def test_what_a_resource_names_are_fields_of_its_entity(resource: Resource) -> None:
    named = {*resource.filters, *resource.ranges, *resource.ordering, *resource.search, *resource.defaults_to_now}

    assert named | set(resource.name_fields) | {resource.parent} - {None} <= resource.fields.keys()
    assert {resource.permission(action) for action in ("view", "add", "change", "delete")} <= PERMISSIONS


@pytest.mark.parametrize("owned", [True, False])
@pytest.mark.parametrize("resource", ALL, ids=RESOURCES)
def test_the_resources_that_refer_to_one_are_found_by_their_references(resource: Resource, *, owned: bool) -> None:
    for other, field in referring(resource, owned=owned):
        assert other.references[field] == resource.name
        assert (other, field) not in referring(resource, owned=not owned)


def test_a_referenced_resource_comes_before_those_that_refer_to_it() -> None:
    names = list(RESOURCES)

    for resource in ALL:
        for referred in set(resource.references.values()) & RESOURCES.keys():
            assert names.index(referred) < names.index(resource.name)


def test_a_student_owns_follow_ups_and_a_pipeline_does_not_own_leads() -> None:
    assert (FOLLOW_UPS, "service") in referring(SERVICES, owned=True)
    assert (TRANSFER_REQUESTS, "student") in (*referring(SERVICES, owned=True), *referring(SERVICES, owned=False))
    assert referring(PIPELINES, owned=True) == ()
    assert (LEADS, "pipeline") in referring(PIPELINES, owned=False)
    assert ATTRIBUTES.parent == "entity"
    assert referring(ENROLLMENTS, owned=True) + referring(ENROLLMENTS, owned=False) != ()
