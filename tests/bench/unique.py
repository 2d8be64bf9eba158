"""What a unique attribute costs: to become unique beside writers, and an upsert beside a PATCH.

``python -m tests.bench.unique [RECORDS]`` fills an empty database with so many clients, 200,000 by default, each with
an e-mail address. Then the attribute is made unique while one writer creates clients, and the longest wait of the
writer is printed. Afterwards upserts of records that are there are measured in turns with PATCHes of the same records.
"""

import http.client
import json
import pathlib
import statistics
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from typing import Any, Self
from urllib.parse import quote

import psycopg

from crm_adapters.embedded.server import embedded_server
from tests.http.conftest import Api, Server, serving

RECORDS = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
REQUESTS = 400
_FILL = """
insert into client (id, version, document)
select id, 1, format(
    '{"id":"%%s","name":"Client %%s","attributes":{"email":"Client.%%s@example.com"},"list_of_tasks":[],'
    '"list_of_notes":[],"list_of_images":[],"created_at":"2026-01-01T00:00:00Z","created_by":1%s}', id, n, n)::json
from (select n, ('01890000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid as id
      from generate_series(%s, %s) as n) as new"""
_BATCH = 20_000


def main() -> None:
    """Fill a database, make the attribute unique beside a writer, and measure upserts."""
    with tempfile.TemporaryDirectory(prefix="crm-bench-") as name, ExitStack() as stack:
        place = pathlib.Path(name)
        place.chmod(0o755)
        url = stack.enter_context(embedded_server(place))
        server = stack.enter_context(serving(url, place / "served"))
        api = server.api()
        attribute = api.make("/api/attributes/client/", name="email", label="E-mail", type="text")["id"]
        fill(api, url)
        with Writer(server, api.token) as writer:
            measure_building(api, f"/api/attributes/{attribute}/", writer)
        connection = Connection(server, api.token)
        patch, upsert = zip(*(pair(connection, api, turn) for turn in range(REQUESTS)), strict=True)
        print(
            f"p50 in ms of PATCH {1_000 * statistics.median(patch):.2f}, upsert {1_000 * statistics.median(upsert):.2f}"
        )
        print(f"upsert / PATCH     {statistics.median(upsert) / statistics.median(patch):.2f}")


def fill(api: Api, url: str) -> None:
    """Insert the clients, in the form in which the server stores them."""
    more = ',"updated_at":"2026-01-01T00:00:00Z"' if "updated_at" in api.make("/api/clients/", name="form") else ""
    began = time.perf_counter()
    with psycopg.connect(url, autocommit=True) as connection:
        for start in range(0, RECORDS, _BATCH):
            last = min(start + _BATCH, RECORDS)
            connection.execute((_FILL % (more, start + 1, last)).encode())
        connection.execute("vacuum analyze client")
    print(f"{RECORDS:,} clients in {time.perf_counter() - began:.0f} s")


def measure_building(api: Api, place: str, writer: "Writer") -> None:
    """Print how long it takes until the attribute is unique, and what a writer waits meanwhile."""
    began = time.perf_counter()
    answer = api.patch(place, {"is_unique": True}, timeout=120)
    assert answer.status_code == 200, answer.text
    answered, during_answer = time.perf_counter() - began, writer.take()
    while api.get(place).json()["is_unique"] == "building":
        time.sleep(0.1)
    total, during_building = time.perf_counter() - began, writer.take()
    assert api.get(place).json()["is_unique"] is True
    print(f"answer after {answered:.1f} s, unique after {total:.1f} s")
    for what, waits in (("comparison", during_answer), ("building", during_building)):
        p50 = 1_000 * statistics.median(waits)
        print(f"{len(waits):5} writes during {what}: p50 {p50:.0f} ms, most {max(waits):.2f} s")


def pair(connection: "Connection", api: Api, turn: int) -> tuple[float, float]:
    """How long a PATCH and an upsert of one record take; both change the name."""
    number = 1 + turn * (RECORDS // REQUESTS)
    email = f"client.{number}@example.com"
    id_ = f"01890000-0000-7000-8000-{number:012x}"
    assert api.token
    patch = connection.seconds("PATCH", f"/api/clients/{id_}/", {"name": f"one {turn}"})
    upsert = connection.seconds("PUT", f"/api/clients/by/email/?value={quote(email)}", {"name": f"two {turn}"})
    return patch, upsert


class Connection:
    """Sends requests one after the other."""

    def __init__(self, server: Server, token: str) -> None:
        self._headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

    def seconds(self, method: str, path: str, body: Any) -> float:
        began = time.perf_counter()
        self._connection.request(method, path, json.dumps(body), self._headers)
        answer = self._connection.getresponse()
        text = answer.read()
        assert answer.status in {200, 201}, text
        return time.perf_counter() - began


class Writer:
    """A thread that creates clients, each with an address of its own, and keeps how long each took."""

    def __init__(self, server: Server, token: str) -> None:
        self._connection = Connection(server, token)
        self._waits: list[float] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._write)

    def take(self) -> list[float]:
        """What was measured since it was taken last."""
        taken, self._waits = self._waits, []
        return taken

    def _write(self) -> None:
        number = 0
        while not self._stopped.wait(0.01):
            number += 1
            sent = {"name": "w", "attributes": {"email": f"writer.{number}@example.com"}}
            self._waits.append(self._connection.seconds("POST", "/api/clients/", sent))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()


if __name__ == "__main__":
    main()
