"""What a calendar shows of tasks, and of whose."""

import datetime as dt
from typing import Any

import pytest

from crm_core.engine.calendars import MAX_ITEMS, digest, item_of, own_tasks, together
from crm_core.model.agenda import AgendaTask, Place
from crm_core.model.plain_values import json_text
from tests.core.knowledge import uid

DAY = dt.date(2026, 3, 2)
ALL = frozenset({"client", "lead"})


def stored(number: int = 1, text: str = "call", *, name: str = "Acme", date: dt.date | None = DAY) -> AgendaTask:
    task: dict[str, Any] = {"id": str(uid(number)), "task": text, "date_created": "2026-01-01T10:00:00Z"}
    return AgendaTask(
        place=Place(date, uid(number), uid(100)), resource="client", name=name, task=json_text(task).encode()
    )


def test_own_tasks_are_the_open_ones_of_ones_leads_and_those_that_one_created() -> None:
    leads, created = own_tasks(7, ALL, DAY, as_todo=False)

    assert (leads.responsible, leads.user_id) == (7, None)
    assert (created.responsible, created.user_id) == (None, 7)
    for query in (leads, created):
        assert (query.resources, query.completed, query.limit) == (ALL, False, MAX_ITEMS)
        assert query.due_after == dt.date(2025, 3, 1)


def test_things_to_do_need_no_date() -> None:
    assert [query.due_after for query in own_tasks(7, ALL, DAY, as_todo=True)] == [None, None]


def test_the_first_years_have_calendars_too() -> None:
    assert own_tasks(7, ALL, dt.date.min, as_todo=False)[0].due_after == dt.date.min


def test_a_task_that_two_queries_find_is_shown_once() -> None:
    first, second, third = stored(1), stored(2), stored(3, date=None)

    assert together([[second, third], [first, second]]) == [first, second, third]
    assert len(together([[stored(number) for number in range(MAX_ITEMS + 1)]])) == MAX_ITEMS


def test_an_item_has_the_task_and_the_name_of_its_record() -> None:
    item = item_of(stored(5, "call them;\nthen write", name="Acme, Ltd"))

    assert (item.uid, item.day, item.made_at) == (uid(5), DAY, dt.datetime(2026, 1, 1, 10, tzinfo=dt.UTC))
    assert (item.summary, item.description) == ("call them; (Acme, Ltd)", "call them;\nthen write")


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        ("x" * 101, f"{'x' * 100} (Acme)"),
        ("a\x07b\x0b\rc", "a b c (Acme)"),
        ("a\u2028b  c", "a b c (Acme)"),
        ("", "(Acme)"),
    ],
)
def test_a_summary_is_one_short_line_without_control_characters(text: str, summary: str) -> None:
    assert item_of(stored(1, text)).summary == summary


def test_a_task_of_an_unknown_time_has_the_earliest() -> None:
    task = AgendaTask(
        place=Place(None, uid(1), uid(2)),
        resource="lead",
        name="x",
        task=json_text({"id": str(uid(1)), "task": "t", "date_created": None}).encode(),
    )
    assert item_of(task).made_at.year == 1970


def test_a_digest_changes_with_what_is_shown() -> None:
    tasks = [stored(1), stored(2)]
    others = [[], tasks[:1], tasks[::-1], [stored(1, "other"), stored(2)], [stored(1, name="other"), stored(2)]]
    digests = [digest(each, as_todo=False) for each in (tasks, *others)]

    assert len({*digests, digest(tasks, as_todo=True)}) == 7
    assert digest([stored(1), stored(2)], as_todo=False) == digests[0]
