"""F15: when every connection waits, requests are told so soon, and are served again once there are connections."""

import asyncio
import pathlib
import time
from collections import Counter
from collections.abc import Callable

import httpx
import psycopg

from tests.faults.installation import Installation

REQUESTS = 300


def test_requests_without_a_connection_are_503_soon_and_nothing_is_broken_by_it(
    folder: pathlib.Path, new_database: Callable[[], str]
) -> None:
    url = new_database()
    with Installation(folder / "data", url) as installation:
        api = installation.api()
        id_ = api.make("/api/clients/", name="x")["id"]
        with psycopg.connect(url) as holder:
            holder.execute("lock table client, lead in access exclusive mode")
            answers = asyncio.run(at_once(installation.url, api.token, id_))
        assert api.get(f"/api/clients/{id_}/").status_code == 200
    longest = max(answer.elapsed.total_seconds() for answer in answers)
    print(f"\n{dict(Counter(answer.status_code for answer in answers))}, each within {longest:.2f} s")
    for answer in answers:
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1"), answer.text
    assert longest < 30  # most wait a second for a connection; a few for their turn at a record, and then for its lock


async def at_once(url: str, token: str, id_: str) -> list[httpx.Response]:
    """The answers to reads and writes that all wait, while the server itself is alive."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=url, headers={"Authorization": f"Token {token}"}, timeout=60, limits=limits
    ) as client:
        reads = [client.get(f"/api/clients/?name={number}") for number in range(REQUESTS // 3)]
        creations = [client.post("/api/leads/", json={"name": str(number)}) for number in range(REQUESTS // 3)]
        changes = [client.patch(f"/api/clients/{id_}/", json={"name": str(number)}) for number in range(REQUESTS // 3)]
        waiting = asyncio.gather(*reads, *creations, *changes)
        await asyncio.sleep(0.5)  # they wait
        began = time.monotonic()
        assert (await client.get("/healthz")).status_code == 200
        print(f"\n/healthz took {time.monotonic() - began:.2f} s meanwhile", end="")
        return await waiting
