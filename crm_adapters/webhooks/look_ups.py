"""Names to addresses, in threads of their own and with patience: the system's own look-up has no time limit."""

import socket
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any, Final, TypeAlias

# What `socket.getaddrinfo` takes and gives.
Answer: TypeAlias = tuple[int, int, int, str, tuple[Any, ...]]
LookUp: TypeAlias = Callable[..., Iterable[Answer]]

# Most of them are never made, and those that are do nothing but wait.
_THREADS: Final = 128


class LookUps:
    """Looks names up like `socket.getaddrinfo`, but within a time.

    A look-up that hangs keeps its thread but no caller, and a name that is being looked up already is not looked up
    twice at a time: whoever owns a hostile name server holds one thread for each name.

    Args:
        patience: seconds that a caller waits.
        look_up: stands in for `socket.getaddrinfo`.
    """

    def __init__(self, patience: float, look_up: LookUp | None = None) -> None:
        self._patience = patience
        self._look_up: LookUp = look_up or socket.getaddrinfo
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="look-ups")
        self._lock = Lock()
        self._running: dict[tuple[object, ...], Future[list[Answer]]] = {}

    def __call__(self, *question: object) -> list[Answer]:
        """What `socket.getaddrinfo` says; blocks.

        Raises:
            OSError: the name does not resolve, or not in time.
        """
        try:
            return self._future(question).result(self._patience)
        except TimeoutError:
            raise socket.gaierror(socket.EAI_AGAIN, "The name was not resolved in time") from None

    def close(self) -> None:
        """Stop the threads, but for those that hang."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _future(self, question: tuple[object, ...]) -> "Future[list[Answer]]":
        with self._lock:
            future = self._running.get(question)
            if future is None:
                future = self._running[question] = self._threads.submit(self._answers, question)
            return future

    def _answers(self, question: tuple[object, ...]) -> list[Answer]:
        try:
            return list(self._look_up(*question))
        finally:
            with self._lock:
                del self._running[question]
