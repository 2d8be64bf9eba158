"""The columns of tables: a record's fields in their order, and one for each defined attribute."""

from typing import Any

import pytest
from attrs import evolve

from crm_core.model.entities import ATTRIBUTE_TYPES, Attribute, Client, Lead, Note, Task
from crm_core.model.plain_values import plain
from crm_core.resources import CLIENTS, LEADS, RESOURCES, Resource
from crm_core.tables.columns import columns_of
from crm_core.webhooks.entity import Condition
from tests.core.knowledge import NOW, made, uid

KINDS = {"text": "text", "number": "number", "date": "date", "boolean": "boolean", "list": "list", "file": "text"}


def defined(**types: str) -> dict[str, Attribute]:
    return {
        name: made(Attribute, number, entity="lead", name=name, label=name, type=type_)
        for number, (name, type_) in enumerate(types.items(), start=50)
    }


def row(resource: Resource, value: object, **types: str) -> dict[str, Any]:
    return {column.name: column.value(plain(value)) for column in columns_of(resource, defined(**types))}


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=lambda each: each.name)
def test_every_field_has_a_column_in_its_place(resource: Resource) -> None:
    columns = columns_of(resource, {})

    assert [column.name for column in columns] == [name for name in resource.fields if name != "attributes"]
    assert all(column.field == column.name and column.attribute is None for column in columns)


def test_attributes_stand_in_the_place_of_their_field_by_name() -> None:
    names = [column.name for column in columns_of(LEADS, defined(zip="text", city="text"))]

    assert names[names.index("stage") : names.index("list_of_tasks") + 1] == [
        "stage",
        "attributes.city",
        "attributes.zip",
        "list_of_tasks",
    ]
    assert "attributes" not in names


@pytest.mark.parametrize("type_", ATTRIBUTE_TYPES)
def test_cells_of_attributes_have_the_kind_of_their_type(type_: str) -> None:
    [column] = [each for each in columns_of(LEADS, defined(x=type_)) if each.attribute]

    assert (column.kind, column.field, column.attribute) == (KINDS[type_], "attributes", "x")


def test_cells_have_the_kinds_of_their_fields() -> None:
    kinds = {column.name: column.kind for column in columns_of(CLIENTS, {})}

    assert kinds == {
        "id": "text",
        "name": "text",
        "list_of_tasks": "json",
        "list_of_notes": "json",
        "list_of_images": "texts",
        "created_at": "datetime",
        "created_by": "integer",
        "updated_at": "datetime",
        "updated_by": "integer",
    }


def test_kinds_that_only_items_have_so_far_are_kinds_of_cells_too() -> None:
    row: Resource = LEADS
    note, condition = (columns_of(evolve(row, entity=entity), {}) for entity in (Note, Condition))

    assert {column.name: column.kind for column in note}["date"] == "date_or_datetime"
    assert {column.name: column.kind for column in condition}["value"] == "json"


def test_cells_hold_the_plain_values_of_a_record() -> None:
    lead = made(Lead, 1, name="Jane", attributes={"city": "Rom", "old": 1}, created_at=NOW)
    cells = row(LEADS, lead, city="text", size="number")

    assert (cells["id"], cells["name"], cells["created_at"]) == (str(uid(1)), "Jane", "2025-01-15T10:00:00Z")
    assert (cells["attributes.city"], cells["attributes.size"]) == ("Rom", None)
    assert "attributes.old" not in cells


def test_an_empty_list_is_an_empty_cell_and_other_empty_values_are_not() -> None:
    empty = made(Client, 1, name="", created_at=NOW)
    full = evolve(empty, list_of_tasks=(made(Task, 2, task="Call"),), list_of_images=("/files/x",))

    assert row(CLIENTS, empty)["list_of_tasks"] is None
    assert row(CLIENTS, empty)["list_of_images"] is None
    assert row(CLIENTS, empty)["name"] == ""
    assert [task["task"] for task in row(CLIENTS, full)["list_of_tasks"]] == ["Call"]
    assert row(CLIENTS, full)["list_of_images"] == ["/files/x"]
    assert row(LEADS, made(Lead, 1, name="x", attributes={"size": 0}), size="number")["attributes.size"] == 0
