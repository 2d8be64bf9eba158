"""A receiver of requests that does as it is told: answers anything, hangs, drips, floods, resets.

It runs in a thread of its own, so that tests with and without an event loop can use it:

    with Receiver(answers(503), hangs()) as receiver:
        ...  # the first request is answered 503, the second never, later ones 200
        assert receiver.requests[0].path == "/hook"
"""

import asyncio
import itertools
import socket
import ssl
import struct
import threading
import zlib
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Self, TypeAlias

import attrs


@attrs.frozen(kw_only=True)
class Received:
    """A request as it came; `connection` numbers the connections from 1."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    connection: int

    def header(self, wanted: str) -> str | None:
        """The header's value; several ones are joined by commas, as in HTTP."""
        values = [value for name, value in self.headers if name.lower() == wanted.lower()]
        return ", ".join(values) if values else None


Behaviour: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def head(status: int = 200, headers: Mapping[str, str] | None = None) -> bytes:
    """An answer's status line and headers."""
    lines = [f"HTTP/1.1 {status} Status", *(f"{name}: {value}" for name, value in (headers or {}).items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def answers(status: int = 200, headers: Mapping[str, str] | None = None, body: bytes = b"ok") -> Behaviour:
    """Answer properly and go on listening."""
    return says(head(status, {"Content-Length": str(len(body)), **(headers or {})}) + body)


def redirects(to: str, status: int = 302) -> Behaviour:
    return answers(status, {"Location": to})


def says(text: bytes) -> Behaviour:
    """Write these bytes and go on listening."""

    async def behave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()

    return behave


def breaks_off(after: bytes = b"") -> Behaviour:
    """Write these bytes and close the connection, whatever was promised."""

    async def behave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(after)
        writer.close()

    return behave


def resets(after: bytes = b"") -> Behaviour:
    """Write these bytes and reset the connection (RST)."""

    async def behave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(after)
        await writer.drain()
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    return behave


def hangs(after: bytes = b"") -> Behaviour:
    """Write these bytes and then nothing, until the other end has gone."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(after)
        await reader.read()
        writer.close()

    return behave


def drips(after: bytes = b"", drop: bytes = b"x", seconds: float = 0.02) -> Behaviour:
    """Write these bytes and then a drop at a time, until the other end has gone."""

    async def behave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(after)
        while not writer.is_closing():
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(seconds)

    return behave


def floods(after: bytes | None = None) -> Behaviour:
    """Answer with a body without end, as fast as it is read."""
    return drips(head(200, {"Connection": "close"}) if after is None else after, b"x" * 65_536, 0)


def gzip_bomb(megabytes: int = 50) -> Behaviour:
    """Answer with a small body that becomes large when it is decoded, even though nobody asked for an encoding."""
    pack = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(pack.compress(bytes(1_000_000)) for _ in range(megabytes)) + pack.flush()
    return answers(200, {"Content-Encoding": "gzip"}, bomb)


class Receiver:
    """Listens on a port of its own and records what comes; each request takes the next behaviour, or is answered 200.

    Args:
        behaviours: what to do with the first requests.
        tls: the server's side of TLS.
        host: where to listen.
        greets: what to do with a connection before anything is read from it.
    """

    def __init__(
        self,
        *behaviours: Behaviour,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        greets: Behaviour | None = None,
    ) -> None:
        self.requests: list[Received] = []
        self.connections = 0
        self.open = 0
        self.port = 0
        self._behaviours = deque(behaviours)
        self._tls = tls
        self._host = host
        self._greets = greets
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._serving: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="receiver")

    def then(self, *behaviours: Behaviour) -> None:
        """What to do with the next requests."""
        self._behaviours.extend(behaviours)

    def url(self, path: str = "/hook", host: str | None = None) -> str:
        own = f"[{self._host}]" if ":" in self._host else self._host
        return f"http{'s' if self._tls else ''}://{host or own}:{self.port}{path}"

    def wait_for(self, requests: int, seconds: float = 5.0) -> list[Received]:
        """Block until so many requests have come."""
        self._wait(lambda: len(self.requests) >= requests, seconds)
        return self.requests

    def wait_until_left(self, seconds: float = 5.0) -> None:
        """Block until no connection is open."""
        self._wait(lambda: self.open == 0, seconds)

    def __enter__(self) -> Self:
        self._thread.start()
        server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        self.port = server.sockets[0].getsockname()[1]
        self._server = server
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _wait(self, holds: Callable[[], bool], seconds: float) -> None:
        with self._changed:
            if not self._changed.wait_for(holds, seconds):
                raise TimeoutError(f"{len(self.requests)} requests, {self.open} open connections")

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, self._host, 0, ssl=self._tls)

    async def _stop(self) -> None:
        # What was just connected begins to be served: a server that closes meanwhile would leave the socket open.
        await _turns()
        self._server.close()
        serving = list(self._serving)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await _turns()  # and sockets are closed

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = self._note_connection(1)
        task = asyncio.current_task()
        assert task
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        try:
            if self._greets:
                await self._greets(reader, writer)
            while not writer.is_closing():
                self._note_request(await _read_request(reader, number))
                behave = self._behaviours.popleft() if self._behaviours else answers()
                await behave(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the other end has gone, or the test is over
        finally:
            writer.transport.abort() if not writer.is_closing() else writer.close()
            self._note_connection(-1)

    def _note_connection(self, step: int) -> int:
        with self._changed:
            self.open += step
            self.connections += step > 0
            self._changed.notify_all()
            return self.connections

    def _note_request(self, request: Received) -> None:
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()


async def _turns() -> None:
    """Let what is due in the event loop happen."""
    for _ in range(10):
        await asyncio.sleep(0)


async def _read_request(reader: asyncio.StreamReader, connection: int) -> Received:
    text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = itertools.takewhile(bool, text.split("\r\n"))
    method, path, _ = first.split(" ")
    headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
    request = Received(method=method, path=path, headers=headers, body=b"", connection=connection)
    length = int(request.header("content-length") or 0)
    return attrs.evolve(request, body=await reader.readexactly(length))
