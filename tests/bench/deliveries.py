"""How fast deliveries are, and what a webhook costs a write: figures, no assertions.

1. Deliveries a second of one server's worker to a receiver on this machine, after a pile has gathered.
2. What a webhook that fires costs a write: creates a second with one and without, in turns.
3. How long a healthy endpoint waits for its deliveries while five dead or hanging ones have 10,000 waiting,
   beside how long it waits alone.
"""

import asyncio
import json
import multiprocessing
import os
import pathlib
import re
import statistics
import subprocess
import tempfile
import time
from multiprocessing.sharedctypes import Synchronized

import psycopg

from crm_adapters.embedded.server import embedded_server
from tests.adapters.receivers import Receiver, answers, hangs
from tests.http.conftest import Api, serving

CONNECTIONS = 16
PILE = 6_000
WRITES = 3_000
WAITING = 10_000
NOBODY = "http://127.0.0.1:9/"
DELAYS = {"CRM_WEBHOOK_RETRY_DELAYS": "5,300,1800,7200"}


def main() -> None:
    """Run all three on servers of their own."""
    with tempfile.TemporaryDirectory(prefix="crm-bench-") as name:
        place = pathlib.Path(name)
        place.chmod(0o755)
        with embedded_server(place / "data") as url, serving(url, place / "served", **DELAYS) as server:
            api, port = server.api(), server.port
            cost_of_a_webhook(url, api, port)
            deliveries_a_second(url, api, port, worker_of(server.process.pid))
            wait_beside_the_dead(url, api, port)


def cost_of_a_webhook(url: str, api: Api, port: int) -> None:
    """Writes with a webhook that fires, whose deliveries wait, and without, in turns."""
    webhook = api.make(
        "/api/webhooks/", name="w", model="Lead", url="http://127.0.0.1:9/{id}", headers={"X-A": "{name}"}
    )
    rates: dict[bool, list[float]] = {True: [], False: []}
    creates(api, port, WRITES // 3)
    for fires in (False, True) * 4:
        api.patch(f"/api/webhooks/{webhook['id']}/", {"is_active": fires})
        pause(url, webhook["id"])
        rates[fires].append(creates(api, port, WRITES))
    without, with_one = (statistics.median(rates[fires]) for fires in (False, True))
    print(f"creates a second: {without:.0f} without a webhook, {with_one:.0f} with one that fires")
    print(f"a webhook costs a write {100 * (without / with_one - 1):.0f} %")
    api.delete(f"/api/webhooks/{webhook['id']}/")


def deliveries_a_second(url: str, api: Api, port: int, worker: int) -> None:
    """A pile gathers while the endpoint is paused; then it goes out."""
    count, place = multiprocessing.Value("i", 0), multiprocessing.Value("i", 0)
    receiver = multiprocessing.Process(target=receive, args=(place, count), daemon=True)
    receiver.start()
    while not place.value:
        time.sleep(0.01)  # another process has no event to wait for
    webhook = api.make("/api/webhooks/", name="w", model="Lead", url=f"http://127.0.0.1:{place.value}/{{id}}")
    pause(url, webhook["id"])
    creates(api, port, PILE)
    used, began = cpu_seconds(worker), time.perf_counter()
    resume(url, webhook["id"])
    while count.value < PILE:
        time.sleep(0.01)  # another process has no event to wait for
    took, used = time.perf_counter() - began, cpu_seconds(worker) - used
    print(f"deliveries a second of one worker to one endpoint: {PILE / took:.0f}, or {PILE / used:.0f} of its own core")
    api.delete(f"/api/webhooks/{webhook['id']}/")
    receiver.terminate()


def receive(place: "Synchronized[int]", count: "Synchronized[int]") -> None:
    """Answer 204 to everything, as quickly as one process can, and count."""

    class Quick(asyncio.Protocol):
        rest = b""

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.WriteTransport)
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            self.rest += data
            head, found, body = self.rest.partition(b"\r\n\r\n")
            stated = re.search(rb"(?i)content-length: *(\d+)", head)
            length = int(stated[1]) if stated else 0
            if found and len(body) >= length:
                self.rest = body[length:]
                count.value += 1
                self.transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Quick, "127.0.0.1", 0)
        place.value = server.sockets[0].getsockname()[1]
        await server.serve_forever()

    asyncio.run(serve())


def cpu_seconds(process: int) -> float:
    """What a process has used."""
    fields = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def worker_of(server: int) -> int:
    """The process that answers."""
    found = subprocess.run(["pgrep", "-P", str(server), "-f", "spawn_main"], capture_output=True, check=True)
    return int(found.stdout.split()[-1])


def wait_beside_the_dead(url: str, api: Api, port: int) -> None:
    """The healthy endpoint's wait from the answer to the change, alone and beside five that do not answer."""
    with Receiver() as healthy, Receiver(*[hangs()] * 100_000) as hanging, Receiver(*[answers(500)] * 100_000) as dead:
        watched = {"conditions": [{"field": "name", "operator": "=", "value": "healthy"}]}
        api.make("/api/webhooks/", name="healthy", model="Lead", url=healthy.url("/{id}"), **watched)
        alone = waits(api, healthy)
        others = {"conditions": [{"field": "name", "operator": "=", "value": "n"}], "model": "Lead"}
        for number, where in enumerate((hanging.url(), hanging.url("/2"), dead.url(), dead.url("/2"), NOBODY)):
            api.make("/api/webhooks/", name=f"dead {number}", url=where, **others)
        creates(api, port, WAITING // 5)
        beside = waits(api, healthy)
        with psycopg.connect(url) as connection:
            waiting = connection.execute(
                "select count(*) from delivery join webhook on webhook.id = webhook where finished_at is null"
            ).fetchone()
    print(f"rows waiting for dead and hanging endpoints: {waiting and waiting[0]}")
    for name, found in (("alone", alone), ("beside five dead or hanging", beside)):
        p50, p99 = statistics.median(found), statistics.quantiles(found, n=100)[98]
        print(f"a healthy endpoint's wait, {name}: p50 {p50 * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms")


def waits(api: Api, receiver: Receiver) -> list[float]:
    """Seconds from the answer to a change until its delivery, one after the other."""
    before, found = len(receiver.requests), []
    for number in range(1, 301):
        api.make("/api/leads/", name="healthy")
        began = time.perf_counter()
        receiver.wait_for(before + number, 60)
        found.append(time.perf_counter() - began)
    return found


def pause(url: str, webhook: str) -> None:
    """Let deliveries gather."""
    with psycopg.connect(url) as connection:
        statement = """insert into endpoint (webhook, paused_until) values (%s, now() + interval '1 hour')
            on conflict (webhook) do update set paused_until = excluded.paused_until"""
        connection.execute(statement, (webhook,))


def resume(url: str, webhook: str) -> None:
    """Let them go."""
    with psycopg.connect(url) as connection:
        connection.execute("delete from endpoint where webhook = %s", (webhook,))


def creates(api: Api, port: int, count: int) -> float:
    """New leads, so many a second, on a few connections."""
    return asyncio.run(_creates(api.token, port, count))


async def _creates(token: str, port: int, count: int) -> float:
    body = json.dumps({"name": "n", "email": "n@example.com"}).encode()
    head = f"POST /api/leads/ HTTP/1.1\r\nHost: x\r\nAuthorization: Token {token}\r\nContent-Type: application/json"
    request = f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    began = time.perf_counter()
    await asyncio.gather(*(_client(port, request, count // CONNECTIONS) for _ in range(CONNECTIONS)))
    return count // CONNECTIONS * CONNECTIONS / (time.perf_counter() - began)


async def _client(port: int, request: bytes, count: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(count):
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 201"), head
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.partition(b":")[2]))
    writer.close()


if __name__ == "__main__":
    main()
