"""Plain load: so many connections that send one request after the other for some seconds, from a process of its own."""

import asyncio
import itertools
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

#: What stands in a request for a text that is never sent twice, so that each write changes something.
CHANGING = "########"
_CHANGING = CHANGING.encode()
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_HEAD = "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Token {token}\r\nContent-Type: application/json\r\n"


class Measured(NamedTuple):
    """What came of it."""

    rate: float
    p50: float
    p99: float


def request(method: str, path: str, token: str = "", body: Any = None) -> bytes:
    """The bytes of a request."""
    sent = b"" if body is None else json.dumps(body).encode()
    head = _HEAD.format(method=method, path=path, token=token)
    return f"{head}Content-Length: {len(sent)}\r\n\r\n".encode() + sent


def load(port: int, requests: Sequence[bytes], connections: int, seconds: float) -> Measured:
    """Requests a second, and milliseconds that they take; the requests are sent in turns."""
    told = json.dumps([port, [each.decode() for each in requests], connections, seconds])
    done = subprocess.run([sys.executable, "-m", "tests.bench.load"], input=told, stdout=-1, text=True, check=True)
    return Measured(*json.loads(done.stdout))


async def _run(port: int, requests: Sequence[bytes], connections: int, seconds: float) -> Measured:
    taken: list[float] = []
    end = time.perf_counter() + seconds
    clients = [_Client(requests, number, end, taken) for number in range(connections)]
    for client in clients:
        await _connect(client, port)
    began = time.perf_counter()
    await asyncio.gather(*(client.done for client in clients))
    rate = len(taken) / (time.perf_counter() - began)
    return Measured(rate, statistics.median(taken) * 1_000, statistics.quantiles(taken, n=100)[98] * 1_000)


async def _connect(client: "_Client", port: int) -> None:
    await asyncio.get_running_loop().create_connection(lambda: client, "127.0.0.1", port)


class _Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, requests: Sequence[bytes], number: int, end: float, taken: list[float]) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # Each begins elsewhere, so that they are not all at one record.
        self._requests = itertools.islice(itertools.cycle(requests), number * 7 % len(requests), None)
        self._numbers = itertools.count(number * 1_000_000)
        self._end, self._taken, self._missing = end, taken, 0
        self._send: Callable[[bytes], object] = lambda _: None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._send = transport.write
        self._next()

    def _next(self) -> None:
        self._began = time.perf_counter()
        if self._began > self._end:
            self.done.set_result(None)
        else:
            self._send(next(self._requests).replace(_CHANGING, b"%08d" % next(self._numbers)))

    def data_received(self, data: bytes) -> None:
        if not self._missing:
            head, _, body = data.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 20"), head
            length = _LENGTH.search(head)
            assert length, head
            self._missing, data = int(length[1]), body
        self._missing -= len(data)
        if self._missing <= 0:
            self._taken.append(time.perf_counter() - self._began)
            self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server hung up"))


if __name__ == "__main__":
    port, requests, *how = json.load(sys.stdin)
    print(json.dumps(asyncio.run(_run(port, [each.encode() for each in requests], *how))))
