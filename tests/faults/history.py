"""What clients asked for and were told while things broke, and whether that is what is there afterwards.

The rule is Jepsen's: what was answered with success is in every later read, what was refused is in none, and what
nobody answered may be there or not, but what was once seen stays. Three kinds of things are written:

- *leads* are made, each by a name that only one request has;
- *registers* are the names of leads, each written by one client alone, under ``If-Match``, with growing numbers;
- *appends* are notes and finished tasks of a few clients that all write at once.
"""

import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Any, Final, Literal, TextIO, TypeAlias

import attrs

#: Three are promised.
_SECONDS: Final = 30.0

#: What stands for a status where a request was not answered, and where nobody took it.
NO_ANSWER: Final = 0
NOBODY: Final = -1

Outcome: TypeAlias = Literal["ok", "fail", "unknown"]


@attrs.frozen(kw_only=True)
class Operation:
    """One operation, with all the requests that it took.

    Attributes:
        client: which client's.
        op: create, rename, note, complete or read.
        args: what it is about: the record, the value.
        seen: what a read showed.
        start: when it began, by the clock that never jumps.
        end: when its last answer came.
        result: what became of it.
        statuses: the answers to its requests, or what stands for one.
        longest: seconds that the slowest of them took.
    """

    client: int
    op: str
    args: Mapping[str, Any]
    seen: Mapping[str, Any] | None = None
    start: float
    end: float
    result: Outcome
    statuses: Sequence[int]
    longest: float


class History:
    """Operations in the order of their ends, kept as lines of JSON too.

    Attributes:
        operations: all of them.
        acknowledged: how many of them are writes that were answered with success.
        faults: what was broken, and when.
    """

    def __init__(self, file: TextIO) -> None:
        self.operations: list[Operation] = []
        self.acknowledged = 0
        self.faults: list[tuple[str, float]] = []
        self._file = file
        self._changed = threading.Condition()

    def note(self, operation: Operation) -> None:
        """Keep an operation that has ended."""
        with self._changed:
            self.operations.append(operation)
            self.acknowledged += _is_write(operation)
            print(json.dumps(attrs.asdict(operation)), file=self._file)
            self._changed.notify_all()

    def break_(self, kind: str) -> None:
        """Keep that something is broken now."""
        self.faults.append((kind, time.monotonic()))

    def wait_for_write(self, *, begun_after: float) -> None:
        """Block until a write that began later was acknowledged."""
        self._wait(lambda: any(_is_write(each) and each.start >= begun_after for each in self.operations[-100:]))

    def wait_for_writes(self, count: int) -> None:
        """Block until so many writes were acknowledged."""
        self._wait(lambda: self.acknowledged >= count)

    def _wait(self, true: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(true, _SECONDS), f"no write was acknowledged within {_SECONDS} s"

    def outages(self) -> Mapping[str, Sequence[float]]:
        """By kind of fault, the longest time without any acknowledged write from each such fault to the next."""
        ends = sorted(each.end for each in self.operations if _is_write(each))
        lasted: defaultdict[str, list[float]] = defaultdict(list)
        for (kind, at), (_, until) in pairwise([*self.faults, ("", float("inf"))]):
            during = [at, *(end for end in ends if at < end < until), min(until, ends[-1])]
            lasted[kind].append(max(after - before for before, after in pairwise(during)))
        return lasted

    def longest(self) -> float:
        """Seconds that the slowest request took."""
        return max(each.longest for each in self.operations)

    def told(self) -> str:
        """The counts, for people."""
        results = Counter(each.result for each in self.operations if each.op != "read")
        statuses = Counter(status for each in self.operations for status in each.statuses)
        kinds = "".join(
            f"\n{len(lasted)} times {kind}: no write for at most {max(lasted):.2f} s, median {median(lasted):.2f} s"
            for kind, lasted in self.outages().items()
        )
        return (
            f"{kinds}\n{results['ok']} writes acknowledged, {results['unknown']} unknown, "
            f"{results['fail']} refused; {statuses.total()} requests: {dict(sorted(statuses.items()))}; "
            f"the longest took {self.longest():.2f} s"
        )


def _is_write(operation: Operation) -> bool:
    return operation.op != "read" and operation.result == "ok"


@attrs.frozen
class Found:
    """What is there at the end, as the API shows it."""

    leads: Sequence[Mapping[str, Any]]
    clients: Sequence[Mapping[str, Any]]


def check(history: History, found: Found) -> None:
    """Hold the history against what is there."""
    wrong_statuses = {status for each in history.operations for status in each.statuses if status >= 500} - {503}
    assert not wrong_statuses, wrong_statuses
    by_op: defaultdict[str, list[Operation]] = defaultdict(list)
    for each in history.operations:
        by_op[each.op].append(each)
    problems = [
        *_wrong_creations(by_op["create"], found.leads),
        *_wrong_registers(by_op["rename"], by_op["read"], found.leads),
        *_wrong_appends([*by_op["note"], *by_op["complete"]], by_op["read"], found.clients),
    ]
    assert not problems, f"{len(problems)} problems: {problems[:20]}"


def _wrong_creations(creations: Iterable[Operation], leads: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    ids: defaultdict[str, list[str]] = defaultdict(list)
    for lead in leads:
        ids[lead["name"].partition("#")[0]].append(lead["id"])
    for each in creations:
        there = ids.pop(each.args["name"], [])
        if problem := _wrong_count(each, len(there)):
            yield f"lead {each.args['name']}: {problem}"
        elif each.result == "ok" and there != [each.args["record"]]:
            yield f"lead {each.args['name']} has another id than was answered"
    yield from (f"nobody made the lead {name}" for name in ids)


def _wrong_count(operation: Operation, count: int) -> str | None:
    allowed = {"ok": {1}, "fail": {0}, "unknown": {0, 1}}[operation.result]
    return None if count in allowed else f"{operation.result}, and {count} times there"


def _wrong_registers(
    renames: Iterable[Operation], reads: Iterable[Operation], leads: Iterable[Mapping[str, Any]]
) -> Iterable[str]:
    writes: defaultdict[str, list[Operation]] = defaultdict(list)
    for each in renames:
        writes[each.args["record"]].append(each)
    at_the_end = [(lead["id"], _number(lead["name"]), float("inf"), float("inf")) for lead in leads]
    meanwhile = [
        (each.args["record"], each.seen["number"], each.start, each.end)
        for each in reads
        if each.seen and "number" in each.seen
    ]
    for record, number, start, end in [*meanwhile, *at_the_end]:
        own = writes[record]
        least = max((each.args["number"] for each in own if each.result == "ok" and each.end < start), default=0)
        possible = {0, *(each.args["number"] for each in own if each.result != "fail" and each.start < end)}
        if number < least or number not in possible:
            yield f"register {record} shows {number} after {least} was acknowledged"


def _number(name: str) -> int:
    return int(name.partition("#")[2] or 0)


def _wrong_appends(
    appends: Iterable[Operation], reads: Iterable[Operation], clients: Iterable[Mapping[str, Any]]
) -> Iterable[str]:
    there = {client["id"]: Counter(appended(client)) for client in clients}
    written: defaultdict[str, list[Operation]] = defaultdict(list)
    for each in appends:
        written[each.args["record"]].append(each)
        if problem := _wrong_count(each, there[each.args["record"]][each.args["value"]]):
            yield f"{each.op} {each.args['value']}: {problem}"
    for record, counts in there.items():
        unasked = counts.keys() - {each.args["value"] for each in written[record]}
        yield from (f"nobody appended {value}" for value in unasked)
    for read in (each for each in reads if each.seen and "appended" in each.seen):
        record, seen = read.args["record"], set(read.seen["appended"] if read.seen else ())
        acknowledged = {each.args["value"] for each in written[record] if each.result == "ok" and each.end < read.start}
        yield from (f"a read missed the acknowledged {value}" for value in acknowledged - seen)
        yield from (f"a read showed {value}, which later was gone" for value in seen - there[record].keys())


def appended(client: Mapping[str, Any]) -> list[str]:
    """What was appended to a client's lists: the texts of its notes, and the ids of its finished tasks."""
    notes = [note["note"] for note in client["list_of_notes"]]
    return notes + [task["id"] for task in client["list_of_tasks"] if task["completed"]]
