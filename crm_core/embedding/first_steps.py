"""First steps of calls: most calls never wait, so one step brings them to their end, without a task of their own.

The usual way is a task for each call, and a turn of the loop. On a store that does not wait that takes as long as the
call itself. A call that does wait goes on in a task, which is its task from the first step, as time limits need it.
"""

import asyncio
import sys
from asyncio.events import _get_running_loop, _set_running_loop
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextvars import Context, copy_context
from functools import partial
from types import coroutine
from typing import Any, Generic, TypeVar

import attrs

T = TypeVar("T")


@attrs.frozen
class Ended(Generic[T]):
    """The result of a call that did not wait."""

    result: T


@attrs.frozen
class _Begun:
    """A call after its first step.

    Attributes:
        call: the call.
        waiting: what it waits for, which is for its task.
        context: its context variables, a copy of the caller's.
    """

    call: Coroutine[Any, Any, Any]
    waiting: object
    context: Context


class FirstSteps:
    """Makes the first steps of calls for a loop: in a callback of the loop, or while the loop does nothing.

    Args:
        loop: the loop in which the calls that wait go on.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._spare: _Spare | None = None

    def begin(self, call: Coroutine[Any, Any, T], /) -> "Ended[T] | asyncio.Task[T]":
        """Make the first step of a call. Return its result, or the task in which it goes on; raise what it raises."""
        spare = self._spare = self._spare or _Spare(self._loop)
        context = copy_context()
        try:
            waiting = self._step(call, context, spare.task)
        except StopIteration as end:
            return Ended(end.value)
        self._spare = None
        spare.begun.set_result(_Begun(call, waiting, context))
        return spare.task

    def close(self) -> None:
        """End the tasks that calls have left, and close the loop, which has stopped."""
        tasks = asyncio.all_tasks(self._loop)
        if tasks and _get_running_loop() is None:
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        elif self._spare is not None:
            self._spare.forget()
        self._loop.close()

    def _step(self, call: Coroutine[Any, Any, Any], context: Context, task: "asyncio.Task[Any]") -> object:
        """Make a step in which the loop and the task are found as in the loop itself."""
        running, hooks = _get_running_loop(), sys.get_asyncgen_hooks()
        if running is None:
            _set_running_loop(self._loop)
            sys.set_asyncgen_hooks(finalizer=self._end_generator)
        _enter_task(self._loop, task)
        try:
            return context.run(call.send, None)
        finally:
            _leave_task(self._loop, task)
            if running is None:
                sys.set_asyncgen_hooks(*hooks)
                _set_running_loop(None)

    def _end_generator(self, generator: AsyncGenerator[Any, Any]) -> None:
        """End a generator that was left unfinished, as loops do."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop.create_task, generator.aclose())


class _Spare:
    """A task that waits for a call to go on with."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.begun: asyncio.Future[_Begun] = loop.create_future()
        self._body = _go_on(self.begun)
        self.task = loop.create_task(self._body)

    def forget(self) -> None:
        """Drop the task: to cancel it would take a turn of its loop, where another loop runs."""
        self.task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001  # as asyncio.gather does
        self._body.close()


async def _go_on(handed: "asyncio.Future[_Begun]") -> Any:
    return await _other_steps(handed)


@coroutine
def _other_steps(handed: "asyncio.Future[_Begun]") -> Generator[Any, Any, Any]:
    try:
        yield from handed
    except asyncio.CancelledError:
        _cancel_again()
    begun = handed.result()
    waiting = begun.waiting
    while True:
        step: Callable[[], object]
        try:
            step = partial(begun.call.send, (yield waiting))
        except BaseException as error:  # noqa: BLE001  # all errors are for the call
            step = partial(begun.call.throw, error)
        try:
            waiting = begun.context.run(step)
        except StopIteration as end:
            return end.value


def _cancel_again() -> None:
    """Have what the call waits for cancelled, where the wait for the call was."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101  # this is in it
    task.uncancel()
    task.cancel()
