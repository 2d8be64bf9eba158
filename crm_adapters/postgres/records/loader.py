"""Loader: concurrent look-ups of single keys, answered by few queries for many (the DataLoader pattern).

A look-up waits for the end of the event loop's current round, or for a query under way, and is then sent together with
all that wait by then. It never joins a query that was already sent, so no caller reads what is older than its request.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Final, Generic, TypeVar

from psycopg_pool import PoolTimeout, TooManyRequests

from crm_adapters.postgres.connection.timeouts import MAX_BATCH_WAIT
from crm_core.errors import UnavailableError

K = TypeVar("K")
V = TypeVar("V")
G = TypeVar("G", bound=Hashable)

#: Keys in one query.
_MAX_BATCH: Final = 200
#: Loaders of different groups that are kept while they are idle.
_MAX_IDLE: Final = 100


class Loader(Generic[K, V]):
    """Looks keys up in batches.

    Args:
        load_many: returns the values of those keys that have one.
        max_concurrency: how many queries may be under way at once.
        window: seconds that a look-up waits for a query under way before another query is sent beside it. Usually that
            query ends first, so there are fewer and larger ones, and a slow one still delays no other look-up.
    """

    def __init__(
        self, load_many: Callable[[list[K]], Awaitable[Mapping[K, V]]], *, max_concurrency: int = 2, window: float = 0.0
    ) -> None:
        self._load_many = load_many
        self._max_concurrency = max_concurrency
        self._window = window
        self._waiting: dict[K, list[asyncio.Future[V | None]]] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._timer: asyncio.Handle | None = None

    async def load(self, key: K) -> V | None:
        """Return the key's value, or None. A cancelled caller leaves the others alone.

        Raises UnavailableError, without having sent anything, when queries under way take too long.
        """
        future: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append(future)
        if self._timer is None:
            self._set_timer()
        return await future

    @property
    def is_idle(self) -> bool:
        """Return whether no look-up waits and no query is under way."""
        return not self._waiting and not self._running

    def _set_timer(self) -> None:
        """Schedule the next batch: at once, after the window, or give up when no query may be sent for too long."""
        loop = asyncio.get_running_loop()
        if len(self._running) == self._max_concurrency:
            self._timer = loop.call_later(MAX_BATCH_WAIT, self._give_up)
        elif self._running and self._window:
            self._timer = loop.call_later(self._window, self._send)
        else:
            self._timer = loop.call_soon(self._send)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _send(self) -> None:
        self._stop_timer()
        while self._waiting and len(self._running) < self._max_concurrency:
            task = asyncio.create_task(self._answer(self._next_batch()))
            self._running.add(task)
            task.add_done_callback(self._end)
        if self._waiting:
            self._set_timer()

    def _next_batch(self) -> dict[K, list[asyncio.Future[V | None]]]:
        batch, self._waiting = self._waiting, {}
        if len(batch) > _MAX_BATCH:
            self._waiting = {key: batch.pop(key) for key in list(batch)[_MAX_BATCH:]}
        return batch

    def _end(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if self._waiting:
            self._send()

    def _give_up(self) -> None:
        """Refuse all that wait, so that no more pile up behind queries that hang."""
        self._stop_timer()
        waiting, self._waiting = self._waiting, {}
        error = UnavailableError()
        error.__cause__ = TimeoutError("no query could be sent in time")
        _refuse(waiting, error)

    async def _answer(self, batch: dict[K, list[asyncio.Future[V | None]]]) -> None:
        try:
            found = await self._load_many(list(batch))
        except BaseException as error:  # each caller decides what it means
            _refuse(batch, error if isinstance(error, Exception) else UnavailableError())
            if isinstance(error.__cause__, PoolTimeout | TooManyRequests):
                self._give_up()  # those that wait have waited for a connection too
            if not isinstance(error, Exception):
                raise
        else:
            for key, futures in batch.items():
                for future in futures:
                    if not future.done():
                        future.set_result(found.get(key))


class Loaders(Generic[G, K, V]):
    """A loader for each group of look-ups that one query can answer.

    Args:
        loader_for: returns a new loader for a group.
    """

    def __init__(self, loader_for: Callable[[G], Loader[K, V]]) -> None:
        self._loader_for = loader_for
        self._loaders: dict[G, Loader[K, V]] = {}

    async def load(self, group: G, key: K) -> V | None:
        """Return the key's value, or None, together with other keys of the group. Raises as `Loader.load`."""
        if group not in self._loaders:
            if len(self._loaders) >= _MAX_IDLE:
                self._loaders = {group: loader for group, loader in self._loaders.items() if not loader.is_idle}
            self._loaders[group] = self._loader_for(group)
        return await self._loaders[group].load(key)


def _refuse(batch: dict[K, list[asyncio.Future[V | None]]], error: Exception) -> None:
    for future in (future for futures in batch.values() for future in futures):
        if not future.done():
            future.set_exception(error)
