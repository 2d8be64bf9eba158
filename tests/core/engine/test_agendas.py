"""The agenda of records: what belongs to it, in which order, and where a page begins."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.engine.agendas import TASK_RESOURCES, AgendaQuery, agenda_page, in_order, read_place, write_place
from crm_core.engine.cursors import pack
from crm_core.model.agenda import AgendaTask, Place
from crm_core.model.entities import Client, Lead, Task
from tests.core.knowledge import NOW, made, refused, uid

MONDAY, TUESDAY = dt.date(2026, 3, 2), dt.date(2026, 3, 3)
PLACES = st.builds(Place, st.none() | st.dates(), st.uuids(), st.uuids())


def task(number: int, date: dt.date | None = None, **values: Any) -> Task:
    return Task(id=uid(number), task=f"task {number}", date=date, date_created=NOW, **values)


CLIENT = made(Client, 101, name="Acme", list_of_tasks=(task(1, TUESDAY, user_id=1), task(2)))
LEAD = made(
    Lead, 102, name="Lee", responsible=2, list_of_tasks=(task(3, MONDAY), task(4, TUESDAY, completed=True, user_id=1))
)


def found(**asked: Any) -> Sequence[int]:
    """The numbers of the tasks that a query finds."""
    query = AgendaQuery(**{"resources": frozenset(TASK_RESOURCES), "limit": 10, **asked})
    return [each.place.task.int for each in agenda_page(query, [CLIENT, LEAD], lambda each: each.task.encode()).tasks]


def test_clients_services_and_leads_have_tasks() -> None:
    assert tuple(TASK_RESOURCES) == ("client", "service", "lead")


def test_tasks_come_by_date_then_by_id_and_those_without_a_date_last() -> None:
    assert found() == [3, 1, 4, 2]


def test_an_entry_is_the_encoded_task_with_its_record() -> None:
    query = AgendaQuery(resources=frozenset({"lead"}), limit=1)
    page = agenda_page(query, [CLIENT, LEAD], lambda each: each.task.encode())

    place = Place(MONDAY, uid(3), uid(102))
    assert page.tasks == [AgendaTask(place=place, resource="lead", name="Lee", task=b"task 3")]
    assert page.more


@pytest.mark.parametrize(
    ("asked", "numbers"),
    [
        ({"resources": frozenset({"client"})}, [1, 2]),
        ({"responsible": 2}, [3, 4]),
        ({"responsible": 1}, []),
        ({"user_id": 1}, [1, 4]),
        ({"completed": True}, [4]),
        ({"completed": False}, [3, 1, 2]),
        ({"due_before": TUESDAY}, [3]),
        ({"due_after": MONDAY}, [1, 4]),
        ({"due_before": TUESDAY, "due_after": MONDAY}, []),
        ({"after": Place(TUESDAY, uid(1), uid(101))}, [4, 2]),
        ({"after": Place(None, uid(2), uid(101))}, []),
    ],
)
def test_a_query_finds_what_it_asks_for(asked: dict[str, Any], numbers: Sequence[int]) -> None:
    assert found(**asked) == numbers


@given(places=st.lists(PLACES, unique=True, max_size=6))
def test_tasks_can_be_put_in_order_in_any_order(places: list[Place]) -> None:
    tasks = [AgendaTask(place=place, resource="lead", name="x", task=b"") for place in places]
    ordered = in_order(tasks)

    assert in_order(reversed(ordered)) == ordered
    dates = [each.place.date for each in ordered]
    assert dates == [*sorted(date for date in dates if date), *(date for date in dates if date is None)]


@given(place=PLACES)
def test_a_cursor_is_read_as_it_was_written(place: Place) -> None:
    assert read_place(write_place(place)) == place


@pytest.mark.parametrize(
    "cursor", ["x", "WzFd", pack(None), pack("2026-3-1", str(uid(1)), str(uid(2))), pack(None, "x", str(uid(1)))]
)
def test_another_cursor_is_refused(cursor: str) -> None:
    assert refused(read_place, cursor) == {"cursor": ["Invalid cursor"]}
