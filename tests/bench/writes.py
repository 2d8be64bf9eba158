"""What definitions, webhooks and long lists cost a write: p50 of one client's writes after one another.

A thousand attributes are defined of which the record has one; a thousand webhooks watch it and none fires; the record
has a thousand tasks. Each is there alone, and is measured in turns with a database that has nothing of it.
"""

import http.client
import json
import pathlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from crm_adapters.embedded.server import embedded_server
from tests.http.conftest import Api, Server, serving

MANY = 1_000
REQUESTS = 200


def main() -> None:
    """Measure one plain database and three with a thousand of something."""
    with tempfile.TemporaryDirectory(prefix="crm-bench-") as name, ExitStack() as stack:
        place = pathlib.Path(name)
        place.chmod(0o755)
        sides = {each: Side(stack.enter_context(fresh(place / each)), make) for each, make in SIDES.items()}
        print(f"{'p50 in ms':<14}" + "".join(f"{each:>14}" for each in sides))
        for write in ("create", "PATCH", "update-task"):
            taken = [[side.seconds(write, turn) for side in sides.values()] for turn in range(REQUESTS)]
            medians = [statistics.median(each) * 1_000 for each in zip(*taken, strict=True)]
            print(f"{write:<14}" + "".join(f"{each:>14.2f}" for each in medians))


@contextmanager
def fresh(place: pathlib.Path) -> Iterator[Server]:
    """A server on an empty database."""
    with embedded_server(place) as url, serving(url, place / "served") as server:
        yield server


def nothing(_: Api) -> Mapping[str, Any]:
    return {}


def attributes(api: Api) -> Mapping[str, Any]:
    """Many attributes, one of which is set."""
    for number in range(MANY):
        api.make("/api/attributes/client/", name=f"a{number}", label="A", type="text")
    return {"attributes": {"a7": "x"}}


def webhooks(api: Api) -> Mapping[str, Any]:
    """Many webhooks, each with a condition that never holds."""
    never = {"conditions": [{"field": "name", "operator": "=", "value": "nobody"}], "url": "http://127.0.0.1:9/{id}"}
    for number in range(MANY):
        api.make("/api/webhooks/", name=f"w{number}", model="Client", **never)
    return {}


def tasks(_: Api) -> Mapping[str, Any]:
    """Many tasks."""
    return {"list_of_tasks": [{"task": f"task {number}"} for number in range(MANY)]}


SIDES: Mapping[str, Callable[[Api], Mapping[str, Any]]] = {
    "nothing": nothing,
    "attributes": attributes,
    "webhooks": webhooks,
    "tasks": tasks,
}


class Side:
    """A database with many of something, and a record in it."""

    def __init__(self, server: Server, make: Callable[[Api], Mapping[str, Any]]) -> None:
        api = server.api()
        self._values = {"name": "a", "list_of_tasks": [{"task": "t"}], **make(api)}
        record = api.make("/api/clients/", **self._values)
        self._place, self._task = f"/api/clients/{record['id']}/", record["list_of_tasks"][-1]["id"]
        self._headers = {"Authorization": f"Token {api.token}", "Content-Type": "application/json"}
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port)

    def seconds(self, write: str, turn: int) -> float:
        """How long one write takes; each changes something."""
        attributes = self._values.get("attributes", {})
        method, path, body = {
            "create": ("POST", "/api/clients/", self._values),
            "PATCH": ("PATCH", self._place, {"name": f"name {turn}", "attributes": attributes}),
            "update-task": ("POST", f"{self._place}update-task/", {"task_id": self._task, "completed": turn % 2 == 0}),
        }[write]
        return self._send(method, path, json.dumps(body))

    def _send(self, method: str, path: str, body: str) -> float:
        began = time.perf_counter()
        self._connection.request(method, path, body, self._headers)
        answer = self._connection.getresponse()
        text = answer.read()
        assert answer.status in {200, 201}, text
        return time.perf_counter() - began


if __name__ == "__main__":
    main()
