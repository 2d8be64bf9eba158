"""Work that would block the event loop, in a bounded pool of threads."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Semaphore
from typing import ParamSpec, TypeVar

from crm_core.errors import UnavailableError

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Threads:
    """A pool of threads that does no more than a fixed amount of work at once, and lets no more than that wait.

    Args:
        name: what the threads are called.
        count: how many there are.
        waiting: how much work may wait for one; more raises UnavailableError at once.
    """

    def __init__(self, name: str, *, count: int, waiting: int) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=name)
        self._room = Semaphore(count + waiting)

    async def run(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Do the work in a thread; who stops waiting for it does not stop a thread that is at it."""
        return await asyncio.wrap_future(self.submit(work, *args, **kwargs))

    async def finish(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Do short work in a thread, and be through with it even when cancelled, so that nothing goes on unseen."""
        future = asyncio.wrap_future(self.submit(work, *args, **kwargs))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            raise

    def submit(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> "Future[_T]":
        """Begin the work. Raises UnavailableError when too much waits already, or the threads were stopped."""
        if not self._room.acquire(blocking=False):
            raise UnavailableError
        try:
            future = self._pool.submit(work, *args, **kwargs)
        except RuntimeError:  # the threads were stopped
            self._room.release()
            raise UnavailableError from None
        # Room is made when the work is over or given up, not when a caller stops waiting for it.
        future.add_done_callback(lambda _: self._room.release())
        return future

    def close(self, *, wait: bool = True) -> None:
        """Stop the threads; what still waits is given up."""
        self._pool.shutdown(wait=wait, cancel_futures=True)
