"""The rules by themselves, on entities and plain values; each has an example that runs, too."""

from decimal import Decimal
from uuid import UUID

import pytest

from crm_core import Attribute, Client, Condition, InvalidError, Lead, NotFoundError, Task
from crm_core.rules import (
    UnfillableError,
    attribute_problems,
    change_task,
    conditions_hold,
    fill_header,
    fill_url,
    read_record,
)

ID = UUID(int=1)
SIZE = Attribute(id=ID, entity="lead", name="size", label="Size", type="number", is_required=True)
LEAD = read_record(Lead, {"name": "Ann", "stage": "New", "list_of_tasks": [{"task": "Call"}]}, ID)


def test_a_record_is_read_whole_or_refused_with_every_problem() -> None:
    with pytest.raises(InvalidError) as caught:
        read_record(Client, {"name": "", "list_of_tasks": [{}], "created_at": "now"}, ID)

    assert caught.value.problems.keys() == {"name", "list_of_tasks", "created_at"}
    assert (LEAD.id, LEAD.updated_at, LEAD.list_of_tasks[0].id) == (ID, None, ID)


def test_attributes_have_problems_by_name() -> None:
    assert attribute_problems([SIZE], {"size": Decimal("1.5")}) == {}
    assert attribute_problems([SIZE], {}).keys() == {"size"}
    assert attribute_problems([], {"old": "x"}, before={"old": "x"}) == {}


def test_conditions_compare_entities_and_plain_values() -> None:
    won = [
        Condition(field="stage", operator="changed_to", value="Won"),
        Condition(field="name", operator="=", value="x"),
    ]

    assert conditions_hold([], LEAD)
    assert not conditions_hold(won, LEAD)
    assert conditions_hold(won, {"stage": "Won"}, before=LEAD, logic="OR")
    assert not conditions_hold(won, {"stage": "Won"}, before=LEAD)


def test_what_does_not_join_or_compare_is_refused() -> None:
    same = Condition(field="name", operator="=", value="x")

    with pytest.raises(ValueError, match="joined by AND or OR, not by 'or'"):
        conditions_hold([same], LEAD, logic="or")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"compare by =, !=, .*, not by '~'"):
        conditions_hold([Condition(field="name", operator="~", value="x")], LEAD)  # type: ignore[arg-type]


def test_templates_are_filled_with_what_the_record_has() -> None:
    assert fill_url("https://example.com/{id}?n={name}", LEAD) == f"https://example.com/{ID}?n=Ann"
    assert (
        fill_header("{name} {attributes.size}", {"name": "Ann", "attributes": {"size": Decimal("1.50")}}) == "Ann 1.50"
    )
    for fill in (fill_url, fill_header):
        with pytest.raises(UnfillableError, match=r"no nmae\."):
            fill("{nmae}", LEAD)


def test_one_task_is_changed_and_the_record_is_another() -> None:
    changed = change_task(LEAD, ID, completed=True, date="2026-01-31")

    assert LEAD.list_of_tasks[0] == Task(id=ID, task="Call")
    assert (changed.list_of_tasks[0].completed, str(changed.list_of_tasks[0].date)) == (True, "2026-01-31")
    with pytest.raises(NotFoundError):
        change_task(LEAD, UUID(int=2), completed=True)
    with pytest.raises(InvalidError, match="complete"):
        change_task(LEAD, ID, complete=True)
