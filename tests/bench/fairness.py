"""What one client's flood costs another: a user's reads alone, and beside so many connections of another token.

Prints a line for each kind of flood: how many of the reads were 503, and their p50 and p99 in milliseconds.
"""

import asyncio
import itertools
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from typing import NamedTuple

from crm_adapters.embedded.server import embedded_server
from crm_adapters.passwords import Argon2Passwords
from tests.bench.load import CHANGING, request
from tests.http.conftest import PASSWORD, Api, PostgresPeople, Server, serving

CONNECTIONS = 400
RECORDS = 1_000
READS = 150


class Beside(NamedTuple):
    """What the reads of the quiet user were like."""

    refused: int
    p50: float
    p99: float


def floods(path: str) -> Mapping[str, tuple[str, str, object]]:
    """The requests of a flood, by its name."""
    return {
        "lists of 1,000": ("GET", "/api/clients/", None),
        "pages of 1,000": ("GET", "/api/clients/?limit=1000", None),
        "searches": ("GET", "/api/clients/?search=no+such+text", None),
        "reads": ("GET", path, None),
        "creations": ("POST", "/api/leads/", {"name": "x"}),
        "changes of one record": ("PATCH", path, {"name": CHANGING}),
    }


def measure(port: int, token: str, path: str, reads: int = READS) -> Beside:
    """Read one after the other, as a user who asks little."""
    return asyncio.run(_measure(port, token, path, reads))


async def _measure(port: int, token: str, path: str, reads: int) -> Beside:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    statuses, taken = [], []
    for _ in range(reads):
        began = time.perf_counter()
        writer.write(request("GET", path, token))
        statuses.append(await read_answer(reader))
        taken.append((time.perf_counter() - began) * 1_000)
        await asyncio.sleep(0.01)
    writer.close()
    return Beside(statuses.count(503), statistics.median(taken), statistics.quantiles(taken, n=100)[98])


async def read_answer(reader: asyncio.StreamReader) -> int:
    """Read one answer and return its status."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b"content-length:" in head:
        await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
    else:
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            await reader.readexactly(size + 2)
        await reader.readuntil(b"\r\n")
    return int(head.split()[1])


async def flood(port: int, sent: bytes, connections: int) -> None:
    """Send a request again and again on so many connections, until the process is ended."""

    numbers = itertools.count()

    async def one() -> None:
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                while True:
                    writer.write(sent.replace(CHANGING.encode(), b"%08d" % next(numbers)))
                    await read_answer(reader)
            except (OSError, asyncio.IncompleteReadError):
                await asyncio.sleep(0.1)

    await asyncio.gather(*(one() for _ in range(connections)))


class Flood:
    """A process that floods inside the block."""

    def __init__(self, port: int, sent: bytes, connections: int = CONNECTIONS) -> None:
        told = json.dumps([port, sent.decode(), connections])
        self._process = subprocess.Popen([sys.executable, "-m", "tests.bench.fairness", told])

    def __enter__(self) -> None:
        time.sleep(3)  # until all are connected and their requests have piled up

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


def run(folder: pathlib.Path, chosen: str = "") -> None:
    """Print a line for each kind of flood whose name has a text in it."""
    folder.chmod(0o755)
    with embedded_server(folder / "data") as url, serving(url, folder / "served", CRM_ACCESS_LOG="0") as server:
        admin, quiet = two_users(server, url)
        path = fill(admin)
        print(f"{'alone':<24}{measure(server.port, quiet.token, path)}", flush=True)
        for name, (method, target, body) in floods(path).items():
            if chosen not in name:
                continue
            with Flood(server.port, request(method, target, admin.token, body)):
                print(f"{name:<24}{measure(server.port, quiet.token, path)}", flush=True)


def two_users(server: Server, url: str) -> tuple[Api, Api]:
    """The administrator, and a user who may read and write."""
    with closing(Argon2Passwords()) as passwords:
        PostgresPeople(url, asyncio.run(passwords.hash(PASSWORD))).add("quiet", "Sales", "Operations")
    admin = server.api()
    return admin, admin.as_user("quiet")


def fill(admin: Api) -> str:
    """Make the records that lists show, and return the path of one."""
    new = [{"op": "create", "data": {"name": f"Client {number}"}} for number in range(RECORDS)]
    made = admin.post("/api/clients/bulk/", {"operations": new}).json()
    return f"/api/clients/{made['results'][7]['id']}/"


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1].startswith("["):
        port_, sent_, connections_ = json.loads(sys.argv[1])
        asyncio.run(flood(port_, sent_.encode(), connections_))
    else:
        run(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()), *sys.argv[2:])
