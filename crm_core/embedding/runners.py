"""Runners of calls for programs without an event loop: Django, Flask, Celery, scripts."""

import asyncio
import threading
import weakref
from asyncio.events import _get_running_loop
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from crm_core.embedding.first_steps import Ended, FirstSteps

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
        if _get_running_loop() is not None:  # the public function raises, which is slower
            call.close()
            raise RuntimeError(_ASYNC)
        return self._loops.own.run(call)


class _OwnLoop:
    """An event loop that is closed with this object."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._steps = FirstSteps(self._loop)
        # The loop warns if it is not closed; a __del__ of this object may come after its own.
        weakref.finalize(self, self._steps.close)

    def run(self, call: Coroutine[Any, Any, T], /) -> T:
        """Return the result of a call."""
        begun = self._steps.begin(call)
        return begun.result if isinstance(begun, Ended) else self._loop.run_until_complete(begun)


class _Loops(threading.local):
    """One event loop for each thread; it is closed with the thread."""

    def __init__(self) -> None:
        self.own = _OwnLoop()
