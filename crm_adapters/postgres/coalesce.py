"""Concurrent look-ups of single keys, answered by few queries for many (the DataLoader pattern).

A look-up waits for the end of the event loop's current round, or for a query under way, and then travels with all
that wait by then. It never joins a query that was already sent, so nobody reads what is older than their request.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Generic, TypeVar

from crm_core.errors import UnavailableError

K = TypeVar("K")
V = TypeVar("V")

#: The patience of reads of single rows, which take a tenth of it.
PATIENCE: Final = 0.002

_MOST_AT_ONCE: Final = 200


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
        self._scheduled: asyncio.Handle | None = None
        self._running: set[asyncio.Task[None]] = set()

    async def load(self, key: K) -> V | None:
        """The key's value, or None. A cancelled caller leaves the others alone."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[V | None] = loop.create_future()
        self._waiting.setdefault(key, []).append(future)
        if self._scheduled is None and len(self._running) < self._lanes:
            patience = self._patience if self._running else 0.0
            self._scheduled = loop.call_later(patience, self._send) if patience else loop.call_soon(self._send)
        return await future

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits and nothing is under way."""
        return not self._waiting and not self._running

    def _send(self) -> None:
        if self._scheduled is not None:
            self._scheduled.cancel()
            self._scheduled = None
        while self._waiting and len(self._running) < self._lanes:
            keys = list(self._waiting)[:_MOST_AT_ONCE]
            task = asyncio.create_task(self._answer({key: self._waiting.pop(key) for key in keys}))
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if self._waiting:
            self._send()

    async def _answer(self, batch: dict[K, list[asyncio.Future[V | None]]]) -> None:
        try:
            found = await self._load_many(list(batch))
        except BaseException as error:  # every caller is told, and only they decide what it means
            for future in (each for futures in batch.values() for each in futures):
                if not future.done():
                    future.set_exception(error if isinstance(error, Exception) else UnavailableError())
            if not isinstance(error, Exception):
                raise
        else:
            for key, futures in batch.items():
                for future in futures:
                    if not future.done():
                        future.set_result(found.get(key))
