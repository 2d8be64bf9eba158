"""How fast deliveries are, and what a webhook costs a write: figures, no assertions.

1. Deliveries a second of one server's worker to a receiver on this machine, after a pile has gathered.
2. What a webhook that fires costs a write: creates a second with one and without, in turns.
3. How long a healthy endpoint waits for its deliveries while five dead or hanging ones have 10,000 waiting,
   beside how long it waits alone.
"""

import asyncio
import json
import pathlib
import statistics
import tempfile
import time

import psycopg

from crm_adapters.postgres.embedded import embedded_server
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
            deliveries_a_second(url, api, port)
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


def deliveries_a_second(url: str, api: Api, port: int) -> None:
    """A pile gathers while the endpoint is paused; then it goes out."""
    with Receiver() as receiver:
        webhook = api.make("/api/webhooks/", name="w", model="Lead", url=receiver.url("/{id}"))
        pause(url, webhook["id"])
        creates(api, port, PILE)
        resume(url, webhook["id"])
        receiver.wait_for(PILE // 10, 60)
        began, before = time.perf_counter(), len(receiver.requests)
        receiver.wait_for(PILE, 120)
        took = time.perf_counter() - began
        print(f"deliveries a second of one worker to one endpoint: {(PILE - before) / took:.0f}")
        api.delete(f"/api/webhooks/{webhook['id']}/")


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
