from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import pytest
from attrs import evolve

from crm_core.errors import InvalidError
from crm_core.imports.mapping import ColumnMapping, known_headers, map_columns
from crm_core.imports.options import read_options
from crm_core.model.entities import Attribute
from crm_core.resources import CLIENTS, FOLLOW_UPS, SERVICES, Resource

CITY = Attribute(id=UUID(int=1), name="city", label="Town or city", type="text", entity="client")


def mapped(names: Sequence[str], resource: Resource = CLIENTS, **options: object) -> ColumnMapping:
    return map_columns(resource, {"city": CITY}, names, read_options({"format": "csv", **options}))


def test_columns_are_fields_attributes_or_labels_whatever_their_case_and_blanks() -> None:
    for city in ("city", "attributes.city", " CITY ", "Town or City"):
        targets = mapped([" Name", city, "List of tasks"]).targets
        assert [target.column.name for target in targets] == ["name", "attributes.city", "list_of_tasks"]
    assert mapped(["name", "city"]).headers == {"name": "name", "attributes.city": "city"}


def test_columns_can_be_mapped_and_ignored() -> None:
    targets = mapped(["Firma = X", "x", "y"], map=["Firma = X=name", "x=attributes.city"], ignore=["Y"]).targets
    assert [(target.index, target.column.name) for target in targets] == [(0, "name"), (1, "attributes.city")]


def test_a_former_name_of_an_attribute_is_refused_with_the_new_one() -> None:
    town = evolve(CITY, name="town", label="t", former_names=("city",))
    for names, options in ((["name", "city"], {}), (["name", "x"], {"map": ["x=attributes.city"]})):
        with pytest.raises(InvalidError, match="This attribute was renamed to `town`"):
            map_columns(CLIENTS, {"town": town}, names, read_options({"format": "csv", **options}))


def test_columns_of_the_same_name_are_mapped_by_their_places() -> None:
    mapping = mapped(["x", "x", " x"], map=["#1=name", "#3=city"], ignore=["#2"])
    assert [(target.index, target.column.name) for target in mapping.targets] == [(0, "name"), (2, "attributes.city")]
    assert mapping.headers == {"name": "x (#1)", "attributes.city": "x (#3)"}


def test_a_column_of_a_reference_can_hold_a_unique_attribute() -> None:
    email = Attribute(id=UUID(int=2), name="size", label="Size", type="number", entity="client", is_unique=True)
    catalogs = {"client": {"size": email, "city": CITY}}

    def targets(*names: str, **options: object) -> Sequence[tuple[str, str, str]]:
        read = read_options({"format": "csv", **options})
        found = map_columns(SERVICES, {}, names, read, catalogs).targets
        return [(target.column.name, target.column.kind, target.by) for target in found]

    expected = [("name", "text", ""), ("client", "number", "size")]
    assert targets("name", "client.by:size") == targets("name", "Client by:attributes.size") == expected
    assert targets("name", "x", map=["x=client.by:size"]) == expected
    for column in ("client.by:city", "client.by:none", "name.by:size", "none.by:size"):
        with pytest.raises(InvalidError, match="is no reference of services by a unique attribute"):
            targets("name", column)


def test_what_the_server_sets_is_passed_over_and_noted() -> None:
    mapping = mapped(["name", "created_at"])
    assert len(mapping.targets) == 1
    assert mapping.notes == ('The column "created_at" was not read: the server sets this field.',)


def test_a_parent_is_a_column() -> None:
    assert [target.column.name for target in mapped(["service", "comment"], FOLLOW_UPS).targets] == [
        "service",
        "comment",
    ]


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (["name", "Notes"], {}, 'The column "Notes" is no field of clients: map Notes=FIELD, or ignore Notes.'),
        (["name", "x"], {"map": ["x=y"]}, '"y", to which the column "x" is mapped, is no field of clients'),
        (["name", "id"], {}, "each row become a new record: ignore id, or upsert_by id"),
        (["name", "city", "attributes.city"], {}, 'The columns "city" and "attributes.city" are both attributes.city'),
        (["city"], {}, "No column is name, which every client needs: map COLUMN=name."),
        (["name", "name "], {}, 'The columns "name (#1)" and "name (#2)" are both name: ignore one of them'),
        (["name", "x"], {"map": ["#3=city"], "ignore": ["x"]}, 'The file has no column "#3".'),
        (["name"], {"ignore": ["z"]}, 'The file has no column "z".'),
        (["name"], {"map": ["z=city"]}, 'The file has no column "z".'),
        (["name"], {"upsert_by": "city"}, "No column is city, by which the records are found."),
    ],
)
def test_columns_that_are_not_clear_are_named(names: list[str], options: Mapping[str, Any], message: str) -> None:
    with pytest.raises(InvalidError) as error:
        mapped(names, **options)
    assert message in str(error.value)


def test_all_problems_are_named_at_once() -> None:
    with pytest.raises(InvalidError) as error:
        mapped(["a", "b"], SERVICES)
    assert str(error.value).count("file: ") == 4


def test_an_attribute_that_is_required_needs_a_column() -> None:
    required = {"city": evolve(CITY, is_required=True)}
    with pytest.raises(InvalidError, match=r"No column is attributes\.city, which every client needs"):
        map_columns(CLIENTS, required, ["name"], read_options({"format": "csv"}))


def test_a_record_that_exists_needs_no_column_of_what_is_required() -> None:
    assert len(mapped(["id", "city"], upsert_by="id").targets) == 2


def test_the_delimiter_is_found_by_all_names_that_are_read_or_ignored() -> None:
    options = read_options({"format": "csv", "map": ["a=name"], "ignore": ["b"]})
    known = known_headers(CLIENTS, {"city": CITY}, options)
    assert known >= {"name", "city", "attributes.city", "Town or city", "a", "b", "list of tasks"}
