"""Runners of calls for programs without an event loop: Django, Flask, Celery, scripts."""

import asyncio
import os
import threading
import weakref
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Final, Self, TypeVar

T = TypeVar("T")

_ASYNC: Final = "an event loop runs in this thread: use Crm, and await its calls"


class CallingThread:
    """Runs calls in the thread that makes them, which they block.

    It is for stores that hold nothing of an event loop: ``MemoryDatabase``, which one thread at a time may use, and
    ``PostgresDatabase.on`` with a blocking connection. For others there is ``Portal``.
    """

    def __init__(self) -> None:
        self._loops = _Loops()

    def run(self, call: Coroutine[Any, Any, T], /) -> T:
        """Return the result of a call. Raises RuntimeError in a thread that runs an event loop."""
        if asyncio._get_running_loop() is not None:  # noqa: SLF001  # the public function raises, which is slower
            call.close()
            raise RuntimeError(_ASYNC)
        return self._loops.own.loop.run_until_complete(call)


class _OwnLoop:
    """An event loop that is closed with this object."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        # The loop warns if it is not closed; a __del__ of this object may come after its own.
        weakref.finalize(self, self.loop.close)


class _Loops(threading.local):
    """One event loop for each thread; it is closed with the thread."""

    def __init__(self) -> None:
        self.own = _OwnLoop()


class Portal:
    """Runs calls in one event loop, in a thread of its own; any number of threads may make them.

    A context manager, or ``close`` it. Make it where it is used: after a fork, as in Celery's workers, make a new one.

    .. code-block:: python

        with Portal() as portal:
            pool = portal.open(lambda: Pool(url))
            crm = SyncCrm(PostgresDatabase(pool), runner=portal)
    """

    def __init__(self) -> None:
        self._process = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="crm-portal", daemon=True)
        self._resources = AsyncExitStack()
        self._thread.start()

    def run(self, call: Coroutine[Any, Any, T], /) -> T:
        """Return the result of a call, when the loop has run it. An interrupt of the caller cancels the call.

        Raises RuntimeError after `close`, in another process than that which made the portal, and in its own thread.
        """
        if self._loop.is_closed() or os.getpid() != self._process or threading.current_thread() is self._thread:
            call.close()
            raise RuntimeError("a portal runs calls of the process that made it, until it is closed, for other threads")
        future = asyncio.run_coroutine_threadsafe(call, self._loop)
        try:
            return future.result()
        finally:
            future.cancel()

    def open(self, make: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        """Return what an asynchronous context manager opens; it is made in the loop, and left when the portal closes.

        Args:
            make: returns the context manager, such as ``lambda: Pool(url)``.
        """

        async def enter() -> T:
            return await self._resources.enter_async_context(make())

        return self.run(enter())

    def close(self) -> None:
        """Leave what was opened, the last one first, and stop the thread."""
        if self._loop.is_closed():
            return
        try:
            self.run(self._resources.aclose())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
