"""The log of requests: a line for each, which tells who did what kind of thing, and nothing that they sent."""

import sys
import time
from asyncio import get_running_loop
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from litestar.types import HTTPScope

#: Seconds that a line may wait for others, so that they are written together.
_TOGETHER: Final = 0.05
#: What a pipe takes as a whole, so that the lines of several workers do not run into one another.
_WHOLE: Final = 4_096
_FAILED: Final = 500


class AccessLog:
    """Writes a line for each request; an observer of the `RequestMiddleware`.

    Nothing in a line needs to be escaped: ids of requests are sane, and all else is ours.

    Args:
        style: ``text`` or ``json``.
        write: takes whole lines.
    """

    def __init__(self, style: str, write: Callable[[str], object] | None = None) -> None:
        self._line, self._date = (_json, "%Y-%m-%dT%H:%M:%S.") if style == "json" else (_text, "%Y-%m-%d %H:%M:%S,")
        self._clock = time.gmtime if style == "json" else time.localtime
        self._write = write or _to_stderr
        self._lines: list[str] = []
        self._size = self._second = 0
        self._day = ""

    def __call__(self, method: str, route: str, status: int, seconds: float, scope: HTTPScope) -> None:
        """Note a request; a failed one is written at once, with those before it."""
        state = scope["state"]
        who = state.get("who")
        user = who.actor.user.id if who else None
        line = self._line(self._time(), state["request_id"], method, route, user, status, seconds * 1_000)
        if self._size + len(line) > _WHOLE:
            self.flush()
        if not self._lines:
            get_running_loop().call_later(_TOGETHER, self.flush)
        self._lines.append(line)
        self._size += len(line)
        if status >= _FAILED:
            self.flush()

    def flush(self) -> None:
        """Write what has come together."""
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


def _text(at: str, id_: str, method: str, route: str, user: int | None, status: int, ms: float) -> str:
    who = "-" if user is None else user
    return (
        f"{at} INFO crm.access: request_id={id_} method={method} route={route} user={who} status={status} ms={ms:.1f}\n"
    )


def _json(at: str, id_: str, method: str, route: str, user: int | None, status: int, ms: float) -> str:
    who = "null" if user is None else user
    return (
        f'{{"time": "{at}+00:00", "level": "INFO", "logger": "crm.access", "request_id": "{id_}", '
        f'"method": "{method}", "route": "{route}", "user": {who}, "status": {status}, "ms": {ms:.1f}}}\n'
    )


def _to_stderr(text: str) -> None:
    with suppress(OSError, ValueError):  # nobody reads it any more, which is no reason to answer nobody
        sys.stderr.write(text)
        sys.stderr.flush()
