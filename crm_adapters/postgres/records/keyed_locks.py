"""KeyedLocks at records: within one process, changes of the same record are made one after the other.

Without that a hundred of them at once would each read, decide and find the record changed by another, or hold a
connection while waiting for its lock. It is a courtesy only: what other processes do is settled by the database.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from crm_core.errors import UnavailableError
from crm_core.rules.needs import Key

#: Seconds after which a client has hardly any patience left.
_LONGEST_WAIT: Final = 15.0


class KeyedLocks:
    """Who is at which record now, and who waits."""

    def __init__(self) -> None:
        self._locks: dict[Key, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def take(self, keys: Iterable[Key]) -> AsyncIterator[None]:
        """Wait for the turn at every record named, always in one order, so that two never wait for each other.

        Raises UnavailableError when it takes too long.
        """
        async with AsyncExitStack() as stack:
            for key in sorted(keys, key=str):
                await stack.enter_async_context(self._turn(key))
            yield

    @asynccontextmanager
    async def _turn(self, key: Key) -> AsyncIterator[None]:
        lock, users = self._locks.get(key) or (asyncio.Lock(), 0)
        self._locks[key] = lock, users + 1
        try:
            if lock.locked():
                await self._wait(lock)
            else:
                await lock.acquire()
            try:
                yield
            finally:
                lock.release()
        finally:
            lock, users = self._locks.pop(key)
            if users > 1:
                self._locks[key] = lock, users - 1

    @staticmethod
    async def _wait(lock: asyncio.Lock) -> None:
        try:
            async with asyncio.timeout(_LONGEST_WAIT):
                await lock.acquire()
        except TimeoutError:
            raise UnavailableError from None
