"""The checker finds what it is there for."""

import io
from collections.abc import Mapping
from typing import Any

import pytest

from tests.faults.history import Found, History, Operation, Outcome, check


def operation(
    op: str, result: Outcome = "ok", at: float = 0.0, seen: Mapping[str, Any] | None = None, **args: object
) -> Operation:
    status = {"ok": 200, "fail": 400, "unknown": 503}[result]
    return Operation(
        client=1, op=op, args=args, seen=seen, start=at, end=at, result=result, statuses=[status], longest=0.0
    )


def lead(name: str) -> dict[str, Any]:
    return {"id": "1", "name": name}


def client(*notes: str, task: bool = False) -> dict[str, Any]:
    tasks = [{"id": "task", "completed": task}]
    return {"id": "c", "list_of_notes": [{"note": note} for note in notes], "list_of_tasks": tasks}


MADE = operation("create", name="a", record="1")
RENAMED = [MADE, operation("rename", record="1", number=1, at=1), operation("rename", record="1", number=2, at=2)]
UNSURE = [*RENAMED[:2], operation("rename", "unknown", record="1", number=2, at=2)]
NOTE = operation("note", record="c", value="n", at=1)


def judged(operations: list[Operation], leads: list[dict[str, Any]], clients: list[dict[str, Any]]) -> None:
    history = History(io.StringIO())
    for each in operations:
        history.note(each)
    check(history, Found(leads, clients))


@pytest.mark.parametrize(
    ("operations", "leads", "clients"),
    [
        ([MADE], [lead("a")], []),
        ([operation("create", "unknown", name="a", record=None)], [], []),
        ([operation("create", "unknown", name="a", record=None)], [lead("a")], []),
        (RENAMED, [lead("a#2")], []),
        (UNSURE, [lead("a#1")], []),
        (UNSURE, [lead("a#2")], []),
        ([NOTE], [], [client("n")]),
        ([operation("complete", record="c", value="task")], [], [client(task=True)]),
    ],
)
def test_what_may_be_is_right(
    operations: list[Operation], leads: list[dict[str, Any]], clients: list[dict[str, Any]]
) -> None:
    judged(operations, leads, clients)


@pytest.mark.parametrize(
    ("operations", "leads", "clients", "problem"),
    [
        ([MADE], [], [], "0 times there"),
        ([MADE], [lead("a"), lead("a")], [], "2 times there"),
        ([MADE], [{"id": "2", "name": "a"}], [], "another id"),
        ([operation("create", "fail", name="a", record=None)], [lead("a")], [], "fail, and 1 times"),
        ([operation("create", "unknown", name="a", record=None)], [lead("a")] * 2, [], "2 times there"),
        ([], [lead("a")], [], "nobody made"),
        (RENAMED, [lead("a#1")], [], "shows 1 after 2"),
        ([MADE], [lead("a#1")], [], "shows 1 after 0"),
        ([*RENAMED, operation("read", at=3, record="1", seen={"number": 1})], [lead("a#2")], [], "shows 1 after 2"),
        ([NOTE], [], [client()], "0 times there"),
        ([NOTE], [], [client("n", "n")], "2 times there"),
        ([], [], [client("n")], "nobody appended n"),
        ([operation("complete", record="c", value="task")], [], [client()], "0 times there"),
        ([NOTE, operation("read", at=2, record="c", seen={"appended": []})], [], [client("n")], "missed"),
        (
            [
                operation("note", "unknown", record="c", value="n"),
                operation("read", at=2, record="c", seen={"appended": ["n"]}),
            ],
            [],
            [client()],
            "later was gone",
        ),
    ],
)
def test_what_may_not_be_is_found(
    operations: list[Operation], leads: list[dict[str, Any]], clients: list[dict[str, Any]], problem: str
) -> None:
    with pytest.raises(AssertionError, match=problem):
        judged(operations, leads, clients)


def test_an_answer_of_500_is_found() -> None:
    failed = Operation(
        client=1, op="read", args={"record": "c"}, start=0, end=0, result="ok", statuses=[500, 200], longest=0
    )
    with pytest.raises(AssertionError, match="500"):
        judged([failed], [], [])
