"""What bulk requests take: a thousand operations of each kind, and what a user beside them waits for a read.

Prints the seconds of each request (the median of five), whether two requests that cross over the same thousand records
both succeed, and the reads of another user alone and beside bulk requests one after the other.
"""

import pathlib
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import httpx

from crm_adapters.embedded.server import embedded_server
from tests.bench.fairness import Flood, measure, two_users
from tests.bench.load import request
from tests.http.conftest import Api, serving

MANY = 1_000
TIMES = 5
PLACE = "/api/clients/bulk/"
LENIENT = {"Prefer": "handling=lenient"}


def run(folder: pathlib.Path) -> None:
    """Print all figures."""
    folder.chmod(0o755)
    with embedded_server(folder / "data") as url, serving(url, folder / "served", CRM_ACCESS_LOG="0") as server:
        admin, quiet = two_users(server, url)
        for name, type_ in (("city", "text"), ("size", "number"), ("since", "date"), ("active", "boolean")):
            admin.make("/api/attributes/client/", name=name, label=name, type=type_)
        ids = made(admin)
        kinds: Mapping[str, Sequence[Mapping[str, Any]]] = {
            "creates": creates(),
            "lenient, 100 of them bad": creates(bad=100),
            "unchanged": changes(ids, "a"),
        }
        for name, operations in kinds.items():
            print(f"{MANY:,} {name:<28}{seconds(admin, lambda _, sent=operations: sent):.2f} s", flush=True)
        print(f"{MANY:,} {'updates':<28}{seconds(admin, lambda turn: changes(ids, f'name {turn}')):.2f} s", flush=True)
        print(f"two that cross: {crossing(admin, ids)}", flush=True)
        path = f"/api/clients/{ids[7]}/"
        print(f"{'reads alone':<24}{measure(server.port, quiet.token, path)}", flush=True)
        body = {"operations": [{"op": "create", "data": {"name": "a"}}] * MANY}  # it is passed on a command line
        with Flood(server.port, request("POST", PLACE, admin.token, body), connections=1):
            print(f"{'beside bulk requests':<24}{measure(server.port, quiet.token, path)}", flush=True)


def creates(bad: int = 0) -> list[Mapping[str, Any]]:
    """Operations that make clients with four attributes; some of them are refused."""
    attributes = {"city": "Ulm", "size": 7, "since": "2026-01-01", "active": True}
    step = MANY // bad if bad else MANY + 1
    return [
        {"op": "create", "data": {"name": "" if number % step == 0 and bad else "a", "attributes": attributes}}
        for number in range(MANY)
    ]


def changes(ids: Iterable[str], name: str) -> list[Mapping[str, Any]]:
    """Operations that give clients a name."""
    return [{"op": "update", "id": id_, "data": {"name": name}} for id_ in ids]


def made(admin: Api) -> list[str]:
    """The ids of new clients."""
    return [each["id"] for each in send(admin, creates()).json()["results"]]


def send(api: Api, operations: Sequence[Mapping[str, Any]]) -> httpx.Response:
    """Send one request, which must succeed."""
    answer = api.post(PLACE, {"operations": operations}, headers=LENIENT)
    assert answer.is_success, answer.text[:200]
    return answer


def seconds(api: Api, operations: Any) -> float:
    """The median time of a request, of which ``operations`` returns the operations of each turn."""
    taken = []
    for turn in range(TIMES):
        sent = operations(turn)
        began = time.perf_counter()
        send(api, sent)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def crossing(api: Api, ids: Sequence[str]) -> list[int]:
    """The statuses of two requests at once over the same records, one of them in the other order."""
    statuses: list[int] = []

    def cross(order: Iterable[str], name: str) -> None:
        statuses.append(api.post(PLACE, {"operations": changes(order, name)}).status_code)

    threads = [threading.Thread(target=cross, args=each) for each in ((ids, "x"), (ids[::-1], "y"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


if __name__ == "__main__":
    run(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()))
