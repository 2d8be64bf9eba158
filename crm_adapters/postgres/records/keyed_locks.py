"""Locks of records within one process, so that changes of the same record run one after the other.

Without them, a hundred changes of one record at once would each read, decide and find it changed by another, or hold a
connection while they wait for its lock in the database. They only save work: the database isolates the
changes of different processes.
"""

import asyncio
from collections import deque
from collections.abc import Collection
from contextlib import suppress

from crm_adapters.postgres.connection.errors import is_from_waiting
from crm_adapters.postgres.connection.timeouts import MAX_TURN_WAIT, MAX_TURN_WITHOUT_END
from crm_core.errors import UnavailableError
from crm_core.model.records import Key


class KeyedLocks:
    """One lock for each record that is being changed, kept while it is held."""

    def __init__(self) -> None:
        self._queues: dict[Key, _Queue] = {}

    def acquire(self, keys: Collection[Key]) -> "_Hold":
        """Hold the locks of all records named; always taken in one order, so that no two changes block each other.

        The block gets whether another change held one of them: then what was read before is out of date.

        Raises UnavailableError if it takes too long, or if the previous change waited too long for the database: the
        changes behind it would wait for the same.
        """
        return _Hold(self._queues, keys)


class _Hold:
    """The locks of some records, held while a block runs. A class, as a generator would cost each change more."""

    def __init__(self, queues: "dict[Key, _Queue]", keys: Collection[Key]) -> None:
        self._queues = queues
        self._keys = keys
        self._held: list[tuple[Key, _Queue]] = []

    async def __aenter__(self) -> bool:
        has_waited = False
        try:
            for key in sorted(self._keys, key=str) if len(self._keys) > 1 else self._keys:
                has_waited |= key in self._queues
                self._held.append((key, await self._take(key)))
        except BaseException as error:
            self._release(error)
            raise
        return has_waited

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._release(error)

    def _release(self, error: BaseException | None) -> None:
        if isinstance(error, UnavailableError) and is_from_waiting(error):
            for _, queue in self._held:
                queue.refuse()
        for key, queue in reversed(self._held):
            queue.release()
            self._drop_if_free(key, queue)

    async def _take(self, key: Key) -> "_Queue":
        queue = self._queues.setdefault(key, _Queue())
        try:
            await queue.acquire()
        except BaseException:
            self._drop_if_free(key, queue)
            raise
        return queue

    def _drop_if_free(self, key: Key, queue: "_Queue") -> None:
        if not queue.is_held and self._queues.get(key) is queue:
            del self._queues[key]


class _Queue:
    """A lock that is handed from one change to the next, in the order in which they came."""

    def __init__(self) -> None:
        self.is_held = False
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def acquire(self) -> None:
        """Wait for the lock. Raises UnavailableError when that takes too long."""
        if not self.is_held:
            self.is_held = True
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        if self._timer is None:
            self._start_timer()
        try:
            async with asyncio.timeout(MAX_TURN_WAIT):
                await turn
        except TimeoutError:
            self._leave(turn)
            raise UnavailableError from None
        except asyncio.CancelledError:
            self._leave(turn)
            raise

    def release(self) -> None:
        """Hand the lock to the next change that still waits."""
        self._stop_timer()
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                if self._waiting:
                    self._start_timer()
                return
        self.is_held = False

    def refuse(self) -> None:
        """Refuse all changes that wait."""
        self._stop_timer()
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(UnavailableError())

    def _leave(self, turn: "asyncio.Future[None]") -> None:
        """Stop waiting; a lock that was handed over at this moment goes to the next."""
        if turn.done() and not turn.cancelled() and turn.exception() is None:
            self.release()
        with suppress(ValueError):
            self._waiting.remove(turn)

    def _start_timer(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(MAX_TURN_WITHOUT_END, self.refuse)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
