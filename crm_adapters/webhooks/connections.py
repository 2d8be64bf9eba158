"""HTTP/1.1 connections that wait to be used again."""

import time
from typing import Final, TypeAlias

from httpcore import AsyncHTTPConnection, Origin

Key: TypeAlias = tuple[bytes, bytes, int]

_MOST: Final = 256
_SECONDS_BETWEEN_SWEEPS: Final = 1.0


class KeptConnections:
    """Keeps up to 256 idle connections until they expire.

    httpcore's own pool, which httpx uses too, looks at every connection several times for each request: with 32 of
    them that takes four fifths of the time. Here a request looks at one.
    """

    def __init__(self) -> None:
        self._idle: dict[Key, list[AsyncHTTPConnection]] = {}
        self._count = 0
        self._swept_at = 0.0

    async def take(self, origin: Origin) -> AsyncHTTPConnection | None:
        """The connection to an origin that was used last; None if there is none that the other end left open."""
        await self._sweep()
        # It is looked for anew each time: while one is closed others come and go.
        while waiting := self._idle.get(_key(origin)):
            self._count -= 1
            connection = waiting.pop()
            if not connection.has_expired():
                return connection
            await connection.aclose()
        return None

    async def keep(self, origin: Origin, connection: AsyncHTTPConnection) -> None:
        """Keep a connection that is idle; close another, and those that are too many."""
        if connection.is_idle() and self._count < _MOST:
            self._idle.setdefault(_key(origin), []).append(connection)
            self._count += 1
        else:
            await connection.aclose()

    async def close(self) -> None:
        """Close all of them."""
        everything = [connection for waiting in self._idle.values() for connection in waiting]
        self._idle, self._count = {}, 0
        for connection in everything:
            await connection.aclose()

    async def _sweep(self) -> None:
        """Close what has expired, once a second at most, as origins may never be called again."""
        if time.monotonic() < self._swept_at + _SECONDS_BETWEEN_SWEEPS:
            return
        self._swept_at = time.monotonic()
        expired = {each for waiting in self._idle.values() for each in waiting if each.has_expired()}
        kept = {key: [each for each in waiting if each not in expired] for key, waiting in self._idle.items()}
        self._idle = {key: waiting for key, waiting in kept.items() if waiting}
        self._count -= len(expired)
        for connection in expired:
            await connection.aclose()


def _key(origin: Origin) -> Key:
    return origin.scheme, origin.host, origin.port
