"""Locks of records within one process, so that changes of the same record run one after the other.

Without them, a hundred changes of one record at once would each read, decide and find it changed by another, or hold a
connection while they wait for its lock in the database. They only save work: the database isolates the
changes of different processes.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from crm_adapters.postgres.connection.errors import is_from_waiting
from crm_adapters.postgres.connection.timeouts import MAX_TURN_WAIT, MAX_TURN_WITHOUT_END
from crm_core.errors import UnavailableError
from crm_core.model.records import Key


class KeyedLocks:
    """One lock for each record that is being changed, kept while it is held."""

    def __init__(self) -> None:
        self._queues: dict[Key, _Queue] = {}

    @asynccontextmanager
    async def acquire(self, keys: Iterable[Key]) -> AsyncIterator[bool]:
        """Hold the locks of all records named; always taken in one order, so that no two changes block each other.

        Yields whether another change held one of them: then what was read before is out of date.

        Raises UnavailableError if it takes too long, or if the previous change waited too long for the database: the
        changes behind it would wait for the same.
        """
        has_waited = False
        async with AsyncExitStack() as stack:
            for key in sorted(keys, key=str):
                has_waited |= key in self._queues
                await stack.enter_async_context(self._hold(key))
            yield has_waited

    @asynccontextmanager
    async def _hold(self, key: Key) -> AsyncIterator[None]:
        queue = self._queues.setdefault(key, _Queue())
        try:
            async with queue.turn():
                yield
        finally:
            if not queue.is_held and self._queues.get(key) is queue:
                del self._queues[key]


class _Queue:
    """A lock that is handed from one change to the next, in the order in which they came."""

    def __init__(self) -> None:
        self.is_held = False
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold the lock. Raises UnavailableError when that takes too long."""
        await self._acquire()
        try:
            yield
        except UnavailableError as error:
            if is_from_waiting(error):
                self._refuse()
            raise
        finally:
            self._release()

    async def _acquire(self) -> None:
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

    def _release(self) -> None:
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

    def _refuse(self) -> None:
        """Refuse all changes that wait."""
        self._stop_timer()
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(UnavailableError())

    def _leave(self, turn: "asyncio.Future[None]") -> None:
        """Stop waiting; a lock that was handed over at this moment goes to the next."""
        if turn.done() and not turn.cancelled() and turn.exception() is None:
            self._release()
        with suppress(ValueError):
            self._waiting.remove(turn)

    def _start_timer(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(MAX_TURN_WITHOUT_END, self._refuse)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
