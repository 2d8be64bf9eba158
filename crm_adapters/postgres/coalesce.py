"""Concurrent look-ups of single keys, answered by few queries for many (the DataLoader pattern).

A look-up waits for the end of the event loop's current round, or for a query under way, and then travels with all
that wait by then. It never joins a query that was already sent, so nobody reads what is older than their request.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Generic, TypeVar

from psycopg_pool import PoolTimeout, TooManyRequests

from crm_core.errors import UnavailableError

K = TypeVar("K")
V = TypeVar("V")

_MOST_AT_ONCE: Final = 200
#: Seconds that look-ups wait for a query under way to end, as they would for a connection.
_LONGEST_WAIT: Final = 1.0


class Loader(Generic[K, V]):
    """Looks keys up in batches.

    Args:
        load_many: gives the values of those keys that have one.
        lanes: how many queries may be under way at once.
    """

    def __init__(self, load_many: Callable[[list[K]], Awaitable[Mapping[K, V]]], *, lanes: int = 2) -> None:
        self._load_many = load_many
        self._free = lanes
        self._waiting: dict[K, list[asyncio.Future[V | None]]] = {}
        self._scheduled = False
        self._running: set[asyncio.Task[None]] = set()
        self._patience: asyncio.TimerHandle | None = None

    async def load(self, key: K) -> V | None:
        """The key's value, or None. A cancelled caller leaves the others alone.

        Raises UnavailableError, without having sent anything, when queries under way take too long.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[V | None] = loop.create_future()
        self._waiting.setdefault(key, []).append(future)
        if not self._scheduled and self._free:
            self._scheduled = True
            loop.call_soon(self._send)
        elif not self._free and self._patience is None:
            self._patience = loop.call_later(_LONGEST_WAIT, self._give_up)
        return await future

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits and nothing is under way."""
        return not self._waiting and not self._running

    def _send(self) -> None:
        self._scheduled = False
        self._be_patient()
        while self._waiting and self._free:
            keys = list(self._waiting)[:_MOST_AT_ONCE]
            self._free -= 1
            task = asyncio.create_task(self._answer({key: self._waiting.pop(key) for key in keys}))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    def _be_patient(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        """Let nobody pile up behind queries that hang."""
        self._be_patient()
        waiting, self._waiting = self._waiting, {}
        _refuse(waiting, UnavailableError())

    async def _answer(self, batch: dict[K, list[asyncio.Future[V | None]]]) -> None:
        try:
            found = await self._load_many(list(batch))
        except BaseException as error:  # every caller is told, and only they decide what it means
            _refuse(batch, error if isinstance(error, Exception) else UnavailableError())
            if isinstance(error.__cause__, PoolTimeout | TooManyRequests):
                self._give_up()  # who waits has waited for a connection too
            if not isinstance(error, Exception):
                raise
        else:
            for key, futures in batch.items():
                for future in futures:
                    if not future.done():
                        future.set_result(found.get(key))
        finally:
            self._free += 1
            if self._waiting:
                self._send()


def _refuse(batch: dict[K, list[asyncio.Future[V | None]]], error: Exception) -> None:
    for future in (each for futures in batch.values() for each in futures):
        if not future.done():
            future.set_exception(error)
