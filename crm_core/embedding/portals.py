"""Portals: an event loop in a thread of its own, for any number of threads that have none."""

import asyncio
import os
import selectors
import threading
from asyncio.events import _get_running_loop
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from contextvars import Context
from typing import Any, Generic, Self, TypeVar, TypeVarTuple

from crm_core.embedding.first_steps import Ended, FirstSteps

T = TypeVar("T")
_Ts = TypeVarTuple("_Ts")


class Portal:
    """Runs calls in one event loop, in a thread of its own; any number of threads may make them.

    A context manager, or ``close`` it. Make it where it is used: after a fork, as in Celery's workers, make a new one.
    While the loop does nothing, the calling thread itself makes the first step of its call, in place of the loop's
    thread: to wake another thread takes several times as long as a call that does not wait. Not in debug mode, where
    loops refuse other threads.

    .. code-block:: python

        with Portal() as portal:
            pool = portal.open(lambda: Pool(url))
            crm = SyncCrm(PostgresDatabase(pool), runner=portal)
    """

    def __init__(self) -> None:
        self._process = os.getpid()
        self._turn = threading.Lock()
        self._loop = _Loop(self._turn)
        self._is_shared = not self._loop.get_debug()
        self._steps = FirstSteps(self._loop)
        self._thread = threading.Thread(target=self._run_loop, name="crm-portal", daemon=True)
        self._resources = AsyncExitStack()
        self._thread.start()

    def run(self, call: Coroutine[Any, Any, T], /) -> T:
        """Return the result of a call, when the loop has run it. An interrupt of the caller cancels the call.

        Raises RuntimeError after `close`, in another process than that which made the portal, and in its own thread.
        """
        self._check(call)
        if self._is_shared and _get_running_loop() is None and self._turn.acquire(blocking=False):
            begun = self._begin_here(call)
            return begun.result if isinstance(begun, Ended) else self._wait(begun)
        return self._run_there(call)

    def _check(self, call: Coroutine[Any, Any, object]) -> None:
        reason = ""
        if os.getpid() != self._process:
            reason = "this portal is of another process: make one after the fork"
        elif self._loop.is_closed():
            reason = "this portal is closed"
        elif _get_running_loop() is self._loop:
            reason = "this is the portal's own thread: use Crm, and await its calls"
        if reason:
            call.close()
            raise RuntimeError(reason)

    def _begin_here(self, call: Coroutine[Any, Any, T]) -> "Ended[T] | _Awaited[T]":
        """Make the first step of a call in this thread, and give the turn back."""
        try:
            self._loop.has_news = False
            begun = self._steps.begin(call)
            return begun if isinstance(begun, Ended) else _Awaited(begun)
        finally:
            if self._loop.has_news:
                self._loop.call_soon_threadsafe(_wake)
            self._turn.release()

    def _run_there(self, call: Coroutine[Any, Any, T]) -> T:
        """Run a call in the loop's own thread."""
        awaited = _Awaited[T]()
        self._loop.call_soon_threadsafe(awaited.begin, self._steps, call)
        return self._wait(awaited)

    def _wait(self, awaited: "_Awaited[T]") -> T:
        try:
            return awaited.result.result()
        finally:
            if not awaited.result.done():
                self._loop.call_soon_threadsafe(awaited.cancel)

    def open(self, make: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        """Return what an asynchronous context manager opens, in the loop's thread; it is left when the portal closes.

        Args:
            make: returns the context manager, such as ``lambda: Pool(url)``.
        """

        async def enter() -> T:
            return await self._resources.enter_async_context(make())

        self._check(call := enter())
        return self._run_there(call)

    def close(self) -> None:
        """Leave what was opened, the last one first, and stop the thread."""
        if self._loop.is_closed():
            return
        try:
            self._check(call := self._resources.aclose())
            self._run_there(call)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._steps.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run_loop(self) -> None:
        with self._turn:
            self._loop.run_forever()


def _wake() -> None:
    """Do nothing, in the loop: it then sees what another thread has put into it."""


class _Selector(selectors.DefaultSelector):
    """Lets others have the loop's turn while the loop waits for events.

    Args:
        turn: is held by the thread that uses the loop.
    """

    def __init__(self, turn: threading.Lock) -> None:
        super().__init__()
        self._turn = turn

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return the events that come within some seconds."""
        if timeout is not None and timeout <= 0:
            return super().select(timeout)
        self._turn.release()
        try:
            return super().select(timeout)
        finally:
            self._turn.acquire()


class _Loop(asyncio.SelectorEventLoop):
    """A loop that notes whether it has something new to do.

    Attributes:
        has_news: whether something was put into it since this was last set to False.
    """

    def __init__(self, turn: threading.Lock) -> None:
        super().__init__(_Selector(turn))
        self.has_news: bool = False

    def call_soon(
        self, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Have something called in the next turn."""
        self.has_news = True
        return super().call_soon(callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Have something called at a time of the loop."""
        self.has_news = True
        return super().call_at(when, callback, *args, context=context)


class _Awaited(Generic[T]):
    """A call for whose result a thread waits.

    Args:
        task: the task in which it goes on; None if it has not begun.
    """

    def __init__(self, task: "asyncio.Task[T] | None" = None) -> None:
        self.result: Future[T] = Future()
        self._task = task
        if task is not None:
            task.add_done_callback(self._end)

    def begin(self, steps: FirstSteps, call: Coroutine[Any, Any, T]) -> None:
        """Make the first step."""
        try:
            begun = steps.begin(call)
        except BaseException as error:  # noqa: BLE001  # all errors are for the caller
            self.result.set_exception(error)
            return
        if isinstance(begun, Ended):
            self.result.set_result(begun.result)
        else:
            self._task = begun
            begun.add_done_callback(self._end)

    def cancel(self) -> None:
        """Cancel the call, for which nobody waits any more."""
        if self._task is not None:
            self._task.cancel()

    def _end(self, task: "asyncio.Task[T]") -> None:
        try:
            self.result.set_result(task.result())
        except BaseException as error:  # noqa: BLE001  # as above
            self.result.set_exception(error)
