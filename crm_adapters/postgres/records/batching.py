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

#: The patience of reads of single rows, which take a tenth of it.
BATCH_WINDOW: Final = 0.002

_MOST_AT_ONCE: Final = 200
#: Seconds that look-ups wait for a query under way to end, as they would for a connection.
_LONGEST_WAIT: Final = 1.0


class Loader(Generic[K, V]):
    """Looks keys up in batches.

    Args:
        load_many: gives the values of those keys that have one.
        lanes: how many queries may be under way at once.
        patience: seconds that a look-up waits for a query under way before it takes another lane. Queries that are
            answered sooner are fewer and larger, and a slow one still holds nobody up.
    """

    def __init__(
        self, load_many: Callable[[list[K]], Awaitable[Mapping[K, V]]], *, lanes: int = 2, patience: float = 0.0
    ) -> None:
        self._load_many = load_many
        self._lanes = lanes
        self._patience = patience
        self._waiting: dict[K, list[asyncio.Future[V | None]]] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._timer: asyncio.Handle | None = None

    async def load(self, key: K) -> V | None:
        """The key's value, or None. A cancelled caller leaves the others alone.

        Raises UnavailableError, without having sent anything, when queries under way take too long.
        """
        future: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append(future)
        if self._timer is None:
            self._set_timer()
        return await future

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits and nothing is under way."""
        return not self._waiting and not self._running

    def _set_timer(self) -> None:
        """See to those who wait: now, when they have been patient, or when they have waited too long for a lane."""
        loop = asyncio.get_running_loop()
        if len(self._running) == self._lanes:
            self._timer = loop.call_later(_LONGEST_WAIT, self._give_up)
        elif self._running and self._patience:
            self._timer = loop.call_later(self._patience, self._send)
        else:
            self._timer = loop.call_soon(self._send)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _send(self) -> None:
        self._stop_timer()
        while self._waiting and len(self._running) < self._lanes:
            keys = list(self._waiting)[:_MOST_AT_ONCE]
            task = asyncio.create_task(self._answer({key: self._waiting.pop(key) for key in keys}))
            self._running.add(task)
            task.add_done_callback(self._end)
        if self._waiting:
            self._set_timer()

    def _end(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if self._waiting:
            self._send()

    def _give_up(self) -> None:
        """Let nobody pile up behind queries that hang."""
        self._stop_timer()
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


def _refuse(batch: dict[K, list[asyncio.Future[V | None]]], error: Exception) -> None:
    for future in (each for futures in batch.values() for each in futures):
        if not future.done():
            future.set_exception(error)
