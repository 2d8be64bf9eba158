"""What events record: attributes one by one, the order of items, and everything else by field."""

from decimal import Decimal
from typing import Any

from attrs import evolve

from crm_core.model.entities import (
    Attribute,
    Client,
    Enrollment,
    Lead,
    Pipeline,
    Service,
    Stage,
    Task,
    TeachingAssistant,
    TransferRequest,
)
from crm_core.model.recorded_changes import record_changes, with_unchanged, with_values
from crm_core.resources import CLIENTS, PIPELINES, SERVICES
from tests.core.knowledge import Knowledge, made, uid

FIRST, SECOND, THIRD = (made(Task, number, task=f"Task {number}") for number in (1, 2, 3))
LEAD = made(Lead, 9, name="Jane", attributes={"size": 1, "city": "Rom"}, list_of_tasks=(FIRST, SECOND, THIRD))
SIZE = made(Attribute, 20, entity="lead", name="size", label="Size", type="number")


def tasks_changed(*tasks: Task) -> Any:
    return record_changes(LEAD, evolve(LEAD, list_of_tasks=tasks), {}).get("list_of_tasks")


def test_attributes_are_recorded_one_by_one_with_the_ids_of_their_definitions() -> None:
    after = evolve(LEAD, name="Ann", attributes={"size": 2, "zip": "x"})

    assert record_changes(LEAD, after, {"size": SIZE}) == {
        "name": {"from": "Jane", "to": "Ann"},
        "attributes.size": {"from": 1, "to": 2, "attribute": uid(20)},
        "attributes.city": {"from": "Rom", "to": None},
        "attributes.zip": {"from": None, "to": "x"},
    }


def test_a_created_record_has_only_new_values_and_a_deleted_one_only_old_ones() -> None:
    created, deleted = record_changes(None, LEAD, {"size": SIZE}), record_changes(LEAD, None, {})

    assert created["attributes.size"] == {"to": 1, "attribute": uid(20)}
    assert created["list_of_tasks"] == {"to": (FIRST, SECOND, THIRD)}
    assert deleted["attributes.city"] == {"from": "Rom"}
    assert deleted["name"] == {"from": "Jane"}


def test_the_order_of_items_is_recorded_when_it_does_not_follow_from_what_was_added_and_removed() -> None:
    new = made(Task, 4, task="New")

    assert "order" not in tasks_changed(FIRST, THIRD, new)
    assert "order" not in tasks_changed(FIRST, evolve(SECOND, completed=True), THIRD)
    assert tasks_changed(SECOND, FIRST, THIRD) == {
        "added": [],
        "removed": [],
        "changed": [],
        "order": [uid(2), uid(1), uid(3)],
    }
    assert tasks_changed(new, FIRST, SECOND, THIRD)["order"] == [uid(4), uid(1), uid(2), uid(3)]


def test_items_that_share_an_id_are_recorded_as_a_whole_list() -> None:
    """The ids of teaching assistants are what was sent."""
    one, other = TeachingAssistant(id=1, name="a"), TeachingAssistant(id=1, name="b")
    before = made(Enrollment, 5, cohort=uid(3), pathway_name="p", teaching_assistants=(one,))

    assert record_changes(before, evolve(before, teaching_assistants=(one, other)), {}) == {
        "teaching_assistants": {"from": (one,), "to": (one, other)}
    }


def test_equal_numbers_keep_their_digits_and_objects_the_order_of_their_members() -> None:
    after = evolve(LEAD, name="Ann", attributes={"new": 1, "city": "Bonn", "size": Decimal("1.0")})
    kept = with_unchanged(LEAD, after)

    assert list(kept.attributes.items()) == [("size", 1), ("city", "Bonn"), ("new", 1)]
    assert str(kept.attributes["size"]) == "1"


def test_a_change_that_follows_from_another_names_it_as_its_cause() -> None:
    stage = made(Stage, 30, name="Open")
    pipeline = made(Pipeline, 7, name="Sales", stages=(stage,))
    known = Knowledge(pipeline, evolve(LEAD, attributes={}, pipeline=uid(7), stage="Open"))
    first, second = known.patch(PIPELINES, 7, {"stages": [{"id": str(uid(30)), "name": "New"}]}).writes

    assert first.event.cause == {}
    assert second.event.cause == {"resource": "pipeline", "record": uid(7), "version": 4}


def test_what_is_deleted_with_its_owner_names_it_as_its_cause() -> None:
    service = made(Service, 4, name="Jane", client=uid(1))
    request = made(TransferRequest, 8, student=uid(4), student_name="Jane", cohort_request="Winter")
    child, parent = Knowledge(made(Client, 1, name="a"), service, request).remove(SERVICES, 4).writes

    assert child.event.cause == {"resource": "service", "record": uid(4), "version": 4}
    assert parent.event.cause == {}


def test_the_event_of_an_attribute_names_the_definition_of_its_entity() -> None:
    size = evolve(SIZE, entity="client")
    (put,) = Knowledge(size, made(Client, 1, name="a")).patch(CLIENTS, 1, {"attributes": {"size": 5}}).writes

    assert put.event.changes == {"attributes.size": {"from": None, "to": 5, "attribute": size.id}}


def test_values_that_a_record_holds_already_leave_it_as_it_is() -> None:
    held = {"name": LEAD.name, "attributes": dict(LEAD.attributes), "list_of_tasks": tuple(LEAD.list_of_tasks)}

    assert with_values(LEAD, held) is LEAD
    assert with_values(LEAD, {**held, "updated_by": 7}) is LEAD
