"""Facts of entities with other values of some fields."""

import datetime as dt
from uuid import uuid4

import pytest
from attrs import evolve
from attrs.exceptions import FrozenInstanceError

from crm_core.model.entities import Client, Task
from crm_core.model.members import with_members

CALL = Task(id=uuid4(), task="Call")
ACME = Client(id=uuid4(), name="Acme", list_of_tasks=(CALL,), created_at=dt.datetime(2026, 1, 20, tzinfo=dt.UTC))


def test_an_entity_with_other_values_is_the_one_that_attrs_makes() -> None:
    assert with_members(ACME, {"name": "Apex", "updated_by": 7}) == evolve(ACME, name="Apex", updated_by=7)
    assert with_members(CALL, {"completed": True}) == evolve(CALL, completed=True)


def test_the_entity_itself_stays_as_it_was() -> None:
    with_members(ACME, {"name": "Apex"})
    assert ACME.name == "Acme"


def test_what_is_made_cannot_be_changed_either() -> None:
    with pytest.raises(FrozenInstanceError):
        with_members(CALL, {}).task = "Mail"  # type: ignore[misc]  # that is the point


def test_a_field_that_there_is_not_is_refused() -> None:
    with pytest.raises(TypeError):
        with_members(CALL, {"colour": "red"})
