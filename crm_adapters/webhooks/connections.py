"""Idle HTTP/1.1 connections, kept to be used again."""

import time
from typing import Final, TypeAlias

from httpcore import AsyncHTTPConnection, Origin

Key: TypeAlias = tuple[bytes, bytes, int]

_MAX_IDLE: Final = 256
_SWEEP_INTERVAL: Final = 1.0


class IdleConnections:
    """Keeps up to 256 idle connections until they expire.

    httpcore's own pool, which httpx uses too, checks every connection several times for each request: with 32 of them
    that takes four fifths of the time. Here a request checks one.
    """

    def __init__(self) -> None:
        self._idle: dict[Key, list[AsyncHTTPConnection]] = {}
        self._count = 0
        self._swept_at = 0.0

    async def take(self, origin: Origin) -> AsyncHTTPConnection | None:
        """Return the most recently used open connection to an origin, or None."""
        await self._sweep()
        # Look again in each round: while one is closed, others come and go.
        while waiting := self._idle.get(_key(origin)):
            self._count -= 1
            connection = waiting.pop()
            if not connection.has_expired():
                return connection
            await connection.aclose()
        return None

    async def keep(self, origin: Origin, connection: AsyncHTTPConnection) -> None:
        """Keep a connection if it is idle and there is room; else close it."""
        if connection.is_idle() and self._count < _MAX_IDLE:
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
        """Close expired connections, at most once a second: their origins may never be called again."""
        if time.monotonic() < self._swept_at + _SWEEP_INTERVAL:
            return
        self._swept_at = time.monotonic()
        expired = {connection for waiting in self._idle.values() for connection in waiting if connection.has_expired()}
        kept = {key: [idle for idle in waiting if idle not in expired] for key, waiting in self._idle.items()}
        self._idle = {key: waiting for key, waiting in kept.items() if waiting}
        self._count -= len(expired)
        for connection in expired:
            await connection.aclose()


def _key(origin: Origin) -> Key:
    return origin.scheme, origin.host, origin.port
