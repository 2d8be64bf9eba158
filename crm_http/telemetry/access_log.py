"""The access log: a line for each request, with the client's address, the user and the route, and nothing of bodies."""

import sys
import time
from asyncio import get_running_loop
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from litestar.types import HTTPScope

#: Seconds that a line may wait for more lines, so that they are written together.
_FLUSH_AFTER: Final = 0.05
#: Bytes that a pipe writes atomically (PIPE_BUF), so that lines of several workers do not mix.
_ATOMIC_SIZE: Final = 4_096
_FAILED: Final = 500


class AccessLog:
    """Writes a line for each request; an observer of the `RequestMiddleware`.

    Nothing in a line needs escaping: request ids have only safe characters, addresses are in their usual form, and
    everything else is made by the server.

    Args:
        style: ``text`` or ``json``.
        write: writes whole lines; by default to stderr.
    """

    def __init__(self, style: str, write: Callable[[str], object] | None = None) -> None:
        self._line, self._date = (_json, "%Y-%m-%dT%H:%M:%S.") if style == "json" else (_text, "%Y-%m-%d %H:%M:%S,")
        self._clock = time.gmtime if style == "json" else time.localtime
        self._write = write or _to_stderr
        self._lines: list[str] = []
        self._size = self._second = 0
        self._day = ""

    def __call__(self, method: str, route: str, status: int, seconds: float, scope: HTTPScope) -> None:
        """Add a line for a request; after a server error all lines are written at once."""
        state = scope["state"]
        who = state.get("who")
        user = who.actor.user.id if who else None
        line = self._line(self._time(), state, method, route, user, status, seconds * 1_000)
        if self._size + len(line) > _ATOMIC_SIZE:
            self.flush()
        if not self._lines:
            get_running_loop().call_later(_FLUSH_AFTER, self.flush)
        self._lines.append(line)
        self._size += len(line)
        if status >= _FAILED:
            self.flush()

    def flush(self) -> None:
        """Write the lines that were collected."""
        if self._lines:
            text = "".join(self._lines)
            self._lines.clear()
            self._size = 0
            self._write(text)

    def _time(self) -> str:
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second, self._day = second, time.strftime(self._date, self._clock(second))
        return f"{self._day}{int((now - second) * 1_000):03}"


def _text(at: str, state: Mapping[str, Any], method: str, route: str, user: int | None, status: int, ms: float) -> str:
    who, client = "-" if user is None else user, state["client_address"] or "-"
    return (
        f"{at} INFO crm.access: request_id={state['request_id']} client={client} method={method} route={route} "
        f"user={who} status={status} ms={ms:.1f}\n"
    )


def _json(at: str, state: Mapping[str, Any], method: str, route: str, user: int | None, status: int, ms: float) -> str:
    who = "null" if user is None else user
    client = f'"{state["client_address"]}"' if state["client_address"] else "null"
    return (
        f'{{"time": "{at}+00:00", "level": "INFO", "logger": "crm.access", "request_id": "{state["request_id"]}", '
        f'"client": {client}, "method": "{method}", "route": "{route}", "user": {who}, "status": {status}, '
        f'"ms": {ms:.1f}}}\n'
    )


def _to_stderr(text: str) -> None:
    with suppress(OSError, ValueError):  # stderr is closed; serving continues
        sys.stderr.write(text)
        sys.stderr.flush()
