"""A bounded pool of threads for work that would block the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Semaphore
from typing import ParamSpec, TypeVar

from crm_core.errors import UnavailableError

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Threads:
    """A pool of threads in which a bounded number of calls may run and wait.

    Args:
        name: the prefix of the threads' names.
        count: how many threads there are.
        waiting: how many calls may wait for one; further calls raise UnavailableError at once.
    """

    def __init__(self, name: str, *, count: int, waiting: int) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=name)
        self._room = Semaphore(count + waiting)

    async def run(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Run work in a thread and return its result. Cancelling the caller does not stop a thread that has begun."""
        return await asyncio.wrap_future(self.submit(work, *args, **kwargs))

    async def finish(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Run short work in a thread and wait for its end, even when cancelled, so that it does not continue alone."""
        future = asyncio.wrap_future(self.submit(work, *args, **kwargs))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            raise

    def submit(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> "Future[_T]":
        """Start work and return its future. Raises UnavailableError if too many calls wait, or after `close`."""
        if not self._room.acquire(blocking=False):
            raise UnavailableError
        try:
            future = self._pool.submit(work, *args, **kwargs)
        except RuntimeError:  # the threads were stopped
            self._room.release()
            raise UnavailableError from None
        # There is room again when the work ends or is cancelled, not when a caller stops waiting for it.
        future.add_done_callback(lambda _: self._room.release())
        return future

    def close(self, *, wait: bool = True) -> None:
        """Stop the threads; work that waits is cancelled."""
        self._pool.shutdown(wait=wait, cancel_futures=True)
