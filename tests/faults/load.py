"""Clients that write and read without pause, and record every answer in a history."""

import asyncio
import itertools
import random
import threading
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

import attrs
import httpx

from tests.faults.history import NO_ANSWER, NOBODY, History, Operation, Outcome, appended

_TASKS: Final = 60
#: After a failure, a client waits for so many seconds.
_PAUSE: Final = 0.1
#: A client that is not answered for so long gives up.
_PATIENCE: Final = 30.0


@attrs.define
class _Answers:
    """What came of the requests of one operation."""

    statuses: list[int] = attrs.Factory(list)
    longest: float = 0.0
    last: httpx.Response | None = None
    result: Outcome = "unknown"

    def take(self, response: httpx.Response | None, seconds: float, *, was_sent: bool = True) -> None:
        nothing = NO_ANSWER if was_sent else NOBODY
        self.statuses.append(nothing if response is None else response.status_code)
        self.longest = max(self.longest, seconds)
        self.last = response
        if response is None:  # nobody has it who never was connected to
            self.result = "unknown" if was_sent else "fail"
        else:
            self.result = "ok" if response.is_success else "unknown" if response.status_code >= 500 else "fail"


class Load:
    """Clients in a thread of their own, from ``with`` on until its end.

    Args:
        urls: where servers are; a client whom one does not answer goes on with the next.
        token: whose requests these are.
        history: where answers are recorded.
        clients: how many write at once.
        records: how many clients (of the CRM) they append to.
    """

    def __init__(
        self, urls: Sequence[str], token: str, history: History, *, clients: int = 8, records: int = 12
    ) -> None:
        self._urls = urls
        self._headers = {"Authorization": f"Token {token}"}
        self._history = history
        self._clients, self._records = clients, records
        self._over = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._running = self._loop.create_task(self._run())
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=[self._running], name="load")
        self._failed: BaseException | None = None
        self._places: list[str] = []
        self._tasks: list[tuple[str, str]] = []

    def __enter__(self) -> Self:
        with httpx.Client(base_url=self._urls[0], headers=self._headers, timeout=_PATIENCE) as http:
            for number in range(self._records):
                tasks = [{"task": str(task)} for task in range(_TASKS)]
                made = http.post("/api/clients/", json={"name": f"register {number}", "list_of_tasks": tasks}).json()
                self._places.append(made["id"])
                self._tasks += [(made["id"], task["id"]) for task in made["list_of_tasks"]]
        random.shuffle(self._tasks)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._over.set()
        if error:
            self._loop.call_soon_threadsafe(self._running.cancel)
        self._thread.join()
        self._loop.close()
        if isinstance(self._failed, Exception):  # what a client found wrong comes before what the end of it all brought
            raise self._failed from error

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as clients:
                for number in range(self._clients):
                    clients.create_task(self._client(number))
        except BaseException as error:  # noqa: BLE001  # it is raised where the load ends
            self._failed = error

    async def _client(self, number: int) -> None:
        async with httpx.AsyncClient(headers=self._headers, timeout=_PATIENCE) as http:
            client = _Client(number, http, self._urls, self._history)
            for turn in itertools.count():
                if self._over.is_set():
                    return
                lead = await client.create(f"lead {number}-{turn}", keyed=turn % 2 == 0)
                place = self._places[(number + turn) % len(self._places)]
                await client.append(place, f"note {number}-{turn}", keyed=turn % 2 == 1)
                if self._tasks:
                    await client.complete(*self._tasks.pop())
                if lead is not None:
                    for value in (1, 2):
                        await client.rename(lead, f"lead {number}-{turn}", value)
                await client.read_appended(place)


class _Client:
    """One of them; it has one request under way at a time."""

    def __init__(self, number: int, http: httpx.AsyncClient, urls: Sequence[str], history: History) -> None:
        self._number, self._http, self._history = number, http, history
        self._urls = itertools.cycle(urls)
        self._url = next(self._urls)

    async def create(self, name: str, *, keyed: bool) -> str | None:
        """Make a lead; gives its id if it was answered."""
        start, answers = time.monotonic(), await self._write("POST", "/api/leads/", {"name": name}, name, keyed=keyed)
        record = answers.last.json()["id"] if answers.result == "ok" and answers.last else None
        self._note("create", {"name": name, "record": record, "keyed": keyed}, start, answers)
        return record

    async def append(self, place: str, value: str, *, keyed: bool) -> None:
        """Append a note to a client's."""
        path = f"/api/clients/{place}/add-note/"
        start, answers = time.monotonic(), await self._write("POST", path, {"note": value}, value, keyed=keyed)
        self._note("note", {"record": place, "value": value, "keyed": keyed}, start, answers)

    async def complete(self, place: str, task: str) -> None:
        """Finish a task that nobody else touches."""
        sent = {"task_id": task, "completed": True}
        start = time.monotonic()
        answers = await self._write("POST", f"/api/clients/{place}/update-task/", sent, task, keyed=False)
        self._note("complete", {"record": place, "value": task}, start, answers)

    async def rename(self, lead: str, name: str, number: int) -> None:
        """Give a lead its next name, if it still is as it was read."""
        version = await self._read_number(lead)
        start, answers = time.monotonic(), _Answers()
        sent = {"json": {"name": f"{name}#{number}"}, "headers": {"If-Match": version}}
        await self._ask(answers, "PATCH", f"/api/leads/{lead}/", **sent)
        self._note("rename", {"record": lead, "number": number}, start, answers)

    async def _read_number(self, lead: str) -> str:
        start, answers = time.monotonic(), await self._read(f"/api/leads/{lead}/")
        number = int(_json(answers)["name"].partition("#")[2] or 0)
        self._note("read", {"record": lead}, start, answers, {"number": number})
        return answers.last.headers["ETag"] if answers.last else ""

    async def read_appended(self, place: str) -> None:
        """Look at what all have appended."""
        start, answers = time.monotonic(), await self._read(f"/api/clients/{place}/")
        self._note("read", {"record": place}, start, answers, {"appended": appended(_json(answers))})

    async def _write(self, method: str, path: str, sent: object, key: str, *, keyed: bool) -> _Answers:
        """Send a write once, or under a key as often as it takes to hear that it was carried out."""
        answers = _Answers()
        headers = {"Idempotency-Key": key.replace(" ", "-")} if keyed else {}
        await self._ask(answers, method, path, json=sent, headers=headers)
        while keyed and answers.result != "ok":
            assert answers.statuses[-1] in {NO_ANSWER, NOBODY, 409, 503}, answers.last
            await self._ask(answers, method, path, json=sent, headers=headers)
        return answers

    async def _read(self, path: str) -> _Answers:
        """Ask until there is an answer; what was acknowledged is never missing."""
        answers = _Answers()
        while answers.result != "ok":
            assert {*answers.statuses} <= {NO_ANSWER, NOBODY, 503}, answers.last
            await self._ask(answers, "GET", path)
        return answers

    async def _ask(self, answers: _Answers, method: str, path: str, **sent: Any) -> None:
        began, response, was_sent = time.monotonic(), None, True
        try:
            response = await self._http.request(method, self._url + path, **sent)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            was_sent = False
        except httpx.TransportError:
            pass
        answers.take(response, time.monotonic() - began, was_sent=was_sent)
        if answers.result != "ok":
            if response is None:
                self._url = next(self._urls)
            await asyncio.sleep(_PAUSE)

    def _note(
        self,
        op: str,
        args: Mapping[str, Any],
        start: float,
        answers: _Answers,
        seen: Mapping[str, Any] | None = None,
    ) -> None:
        self._history.note(
            Operation(
                client=self._number,
                op=op,
                args=args,
                seen=seen,
                start=start,
                end=time.monotonic(),
                result=answers.result,
                statuses=answers.statuses,
                longest=answers.longest,
            )
        )


def _json(answers: _Answers) -> Any:
    assert answers.last is not None
    return answers.last.json()
