"""Handles the signals that stop a process."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

#: The most seconds that a signal waits for the end of a ``deferred`` block.
_MAX_DEFERRED_SECONDS: Final = 8
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@contextmanager
def on_termination(call: Callable[[], object]) -> Iterator[None]:
    """Call a function in the event loop when the process is told to stop, besides what a signal does already."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    earlier = {number: signal.getsignal(number) for number in numbers}

    def receive(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(call)
        before = earlier[signal.Signals(number)]
        if callable(before):
            before(number, frame)

    # An event loop hears of signals by a file descriptor, so its own handlers are still called.
    for number in numbers:
        signal.signal(number, receive)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, earlier[number])


class Stop:
    """Raises SystemExit at the first signal to stop, so that what is open is closed in order; ignores further ones.

    Args:
        code: the exit code of the process.

    Attributes:
        has_failed: whether ``fail`` was called.
        on_first_signal: what the first signal calls instead of raising SystemExit; None to raise.
    """

    def __init__(self, code: int = 0) -> None:
        self.has_failed: bool = False
        self.on_first_signal: Callable[[], object] | None = None
        self._code = code
        self._is_stopping = self._is_deferred = False
        signal.signal(signal.SIGALRM, self._exit)
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` has it
                signal.signal(number, self._receive)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Delay a signal until the end of the block, for some seconds, so that a child just made is not forgotten."""
        self._is_deferred = True
        try:
            yield
        finally:
            self._is_deferred = False
            signal.alarm(0)
        if self._is_stopping:
            raise SystemExit(self._code)

    def fail(self) -> None:
        """Stop because something failed for good; from any thread."""
        self.has_failed = True
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)

    def ignore(self) -> None:
        """Ignore signals from now on, so that none disturbs the closing."""
        self._is_stopping = True

    def _receive(self, number: int, frame: FrameType | None) -> None:
        is_first, self._is_stopping = not self._is_stopping, True
        if is_first and self.on_first_signal:
            self.on_first_signal()
        elif is_first and self._is_deferred:
            signal.alarm(_MAX_DEFERRED_SECONDS)
        elif is_first:
            self._exit(number, frame)

    def _exit(self, _number: int, _frame: FrameType | None) -> None:
        raise SystemExit(self._code)
