"""Tasks and notes, decisions 16 and 17."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from attrs import evolve

from crm_core.errors import NotFoundError
from crm_core.model.entities import Client, Lead, Note, Service, Task
from crm_core.resources import CLIENTS, LEADS, SERVICES
from crm_core.rules import tasks_and_notes
from crm_core.rules.tasks_and_notes import assign_authors
from tests.core.knowledge import ANN, BOB, NOW, Knowledge, answered, calling, context, made, refused, uid

REQUIRED = ["This field is required."]
NULL = ["This field may not be null."]
UNIQUE = ["This field must be unique."]
EARLIER = datetime(2024, 12, 24, 18, tzinfo=UTC)
CALL = made(Task, 1, task="Call", date=date(2025, 1, 20), date_created=EARLIER, user_id=1, user_name="Ann Lee")
MAIL = made(Task, 2, task="Mail", date_created=EARLIER, user_id=1, user_name="Ann Lee")
MET = made(Note, 1, note="Met", date="2024-12-24", user_id=1, user_name="Ann Lee")
ACME = made(Client, 9, name="Acme", list_of_tasks=(CALL, MAIL), list_of_notes=(MET,))
KNOWN = Knowledge(ACME)


def patched(**sent: object) -> Any:
    """Acme after Bob sent the fields."""
    return answered(KNOWN.patch(CLIENTS, 9, sent))


def edited(operation: str, data: object) -> Any:
    """Acme after Bob's atomic operation."""
    return answered(KNOWN.apply(CLIENTS, 9, tasks_and_notes.OPERATIONS[operation](data, context())))


def test_new_entries_get_an_id_the_caller_as_author_and_the_time() -> None:
    after = patched(list_of_tasks=[{"task": "New"}], list_of_notes=[{"note": "New"}])

    assert after.list_of_tasks == (
        Task(id=uid(1001), task="New", date=None, completed=False, date_created=NOW, user_id=2, user_name="bob"),
    )
    assert after.list_of_notes == (
        Note(id=uid(1002), date="2025-01-15T10:00:00Z", note="New", user_id=2, user_name="bob"),
    )


def test_the_author_s_name_is_first_and_last_or_else_the_username() -> None:
    for user, name in ((ANN, "Ann Lee"), (BOB, "bob")):
        assert assign_authors((), (made(Note, 5, note="x"),), calling(user))[0].user_name == name


def test_output_only_members_of_entries_are_ignored() -> None:
    after = patched(list_of_notes=[{"note": "New", "user_id": 77, "user_name": "Eve"}])

    assert (after.list_of_notes[0].user_id, after.list_of_notes[0].user_name) == (2, "bob")


def test_a_known_entry_keeps_its_author_and_date_created_whatever_is_sent() -> None:
    sent = {"id": str(uid(1)), "task": "Call again", "completed": True, "date_created": "2030-01-01T00:00:00Z"}
    after = patched(list_of_tasks=[sent])

    assert after.list_of_tasks == (evolve(CALL, task="Call again", completed=True),)


def test_a_known_note_keeps_its_date_unless_one_is_sent() -> None:
    for sent in ({"note": "Met again"}, {"note": "Met again", "date": None}):
        assert patched(list_of_notes=[{"id": str(uid(1)), **sent}]).list_of_notes[0].date == "2024-12-24"
    assert patched(list_of_notes=[{"id": str(uid(1)), "note": "Met", "date": "2025-01-01"}]).list_of_notes == (
        evolve(MET, date="2025-01-01"),
    )


def test_a_new_task_keeps_the_date_created_that_is_sent() -> None:
    sent = {"task": "Old", "date_created": "2024-12-24T18:00:00Z"}

    assert patched(list_of_tasks=[sent]).list_of_tasks[0].date_created == EARLIER


def test_a_new_id_that_is_sent_is_accepted() -> None:
    after = patched(list_of_tasks=[{"id": str(uid(77)), "task": "Mine"}])

    assert (after.list_of_tasks[0].id, after.list_of_tasks[0].user_id) == (uid(77), 2)


@pytest.mark.parametrize("name", ["list_of_tasks", "list_of_notes"])
def test_the_same_id_twice_is_refused_at_the_later_entry(name: str) -> None:
    entries = [{"id": str(uid(7)), "task": "x", "note": "x"}] * 2

    assert refused(patched, **{name: entries}) == {name: {"1": {"id": UNIQUE}}}


def test_lists_are_replaced_whole_in_the_order_sent() -> None:
    entries = [{"id": str(uid(number)), "task": "x"} for number in (2, 1)]

    assert [task.id for task in patched(list_of_tasks=entries).list_of_tasks] == [uid(2), uid(1)]
    assert patched(list_of_tasks=[]).list_of_tasks == ()


def test_a_list_holds_at_most_1000_entries() -> None:
    full = evolve(ACME, list_of_notes=tuple(made(Note, n, note="x", date="2025-01-01") for n in range(1000)))
    too_many = "Ensure this field has no more than 1000 elements."

    assert refused(patched, list_of_tasks=[{"task": "x"}] * 1001) == {"list_of_tasks": [too_many]}
    add = tasks_and_notes.add_note({"note": "one more"}, context())
    assert refused(Knowledge(full).apply, CLIENTS, 9, add) == {"list_of_notes": [too_many]}


@pytest.mark.parametrize(
    ("sent", "after"),
    [
        ({"completed": True}, evolve(CALL, completed=True)),
        ({"completed": "true"}, evolve(CALL, completed=True)),
        ({"task": " Write "}, evolve(CALL, task="Write")),
        ({"date": None}, evolve(CALL, date=None)),
        ({"date": "2025-02-01", "completed": True}, evolve(CALL, date=date(2025, 2, 1), completed=True)),
    ],
)
def test_update_task_changes_one_task_and_leaves_its_author(sent: dict[str, object], after: Task) -> None:
    assert edited("update-task", {"task_id": str(uid(1)), **sent}).list_of_tasks == (after, MAIL)


def test_update_task_leaves_the_others_in_their_places() -> None:
    edit = {"task_id": str(uid(2)), "completed": True}

    assert edited("update-task", edit).list_of_tasks == (CALL, evolve(MAIL, completed=True))


@pytest.mark.parametrize(
    ("data", "problems"),
    [
        ({}, {"task_id": REQUIRED, "completed": REQUIRED}),
        ({"task_id": str(uid(1))}, {"completed": REQUIRED}),
        ({"completed": True}, {"task_id": REQUIRED}),
        ({"task": "x"}, {"task_id": REQUIRED}),
        ({"task_id": "x", "completed": "maybe"}, {
            "task_id": ["Must be a valid UUID."],
            "completed": ["Must be a valid boolean."],
        }),
        ({"task_id": None, "completed": None}, {"task_id": NULL, "completed": NULL}),
        ([], {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]}),
    ],
)  # fmt: skip
def test_update_task_says_which_task_and_what(data: object, problems: object) -> None:
    assert refused(tasks_and_notes.update_task, data, context()) == problems


@pytest.mark.parametrize(
    ("operation", "data", "text"),
    [
        ("update-task", {"task_id": str(uid(7)), "completed": True}, "Task not found."),
        ("delete-task", {"id": str(uid(7))}, "Task not found."),
        ("delete-note", {"id": str(uid(7))}, "Note not found."),
    ],
)
def test_an_unknown_entry_is_not_found_by_its_own_text(operation: str, data: object, text: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        edited(operation, data)

    assert str(caught.value) == text


def test_repeating_update_task_changes_nothing() -> None:
    again = tasks_and_notes.update_task({"task_id": str(uid(1)), "completed": False}, context())

    assert KNOWN.apply(CLIENTS, 9, again).writes == ()


def test_entries_are_deleted_by_id() -> None:
    assert edited("delete-note", {"id": str(uid(1))}).list_of_notes == ()
    assert edited("delete-task", {"id": str(uid(1))}).list_of_tasks == (MAIL,)
    assert edited("delete-task", {"task_id": str(uid(2))}).list_of_tasks == (CALL,)
    assert edited("delete-task", {"task_id": str(uid(2)), "why": "done"}).list_of_tasks == (CALL,)
    assert edited("delete-task", {"id": str(uid(1)), "task_id": str(uid(2))}).list_of_tasks == (MAIL,)


@pytest.mark.parametrize("operation", ["delete-note", "delete-task"])
def test_what_is_deleted_must_be_named(operation: str) -> None:
    assert refused(edited, operation, {}) == {"id": REQUIRED}
    assert refused(edited, operation, {"id": "x"}) == {"id": ["Must be a valid UUID."]}
    assert refused(edited, operation, 5) == {"non_field_errors": ["Invalid data. Expected a dictionary, but got int."]}


def test_one_entry_is_added_at_the_end_with_the_caller_as_author() -> None:
    assert edited("add-task", {"task": "New", "id": ""}).list_of_tasks == (
        CALL,
        MAIL,
        made(Task, 1001, task="New", date_created=NOW, user_id=2, user_name="bob"),
    )
    assert edited("add-note", {"note": "New", "date": "2025-02-01"}).list_of_notes == (
        MET,
        made(Note, 1001, note="New", date="2025-02-01", user_id=2, user_name="bob"),
    )


def test_an_added_entry_has_text_and_an_id_of_its_own() -> None:
    assert refused(edited, "add-task", {}) == {"task": REQUIRED}
    assert refused(edited, "add-note", {"id": str(uid(1)), "note": "x"}) == {"id": UNIQUE}


@pytest.mark.parametrize(
    ("resource", "record"),
    [
        (SERVICES, made(Service, 9, name="Jane", client=uid(8), list_of_notes=(MET,))),
        (LEADS, made(Lead, 9, name="Jane", list_of_notes=(MET,))),
    ],
)
def test_services_and_leads_have_tasks_and_notes_too(resource: Any, record: object) -> None:
    delete = tasks_and_notes.delete_note({"id": str(uid(1))}, context())

    assert answered(Knowledge(record).apply(resource, 9, delete)).list_of_notes == ()
