"""DNS look-ups with a time limit, which those of the system lack, in threads of their own."""

import socket
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any, Final, TypeAlias

# The signature of `socket.getaddrinfo`.
AddressInfo: TypeAlias = tuple[int, int, int, str, tuple[Any, ...]]
GetAddrInfo: TypeAlias = Callable[..., Iterable[AddressInfo]]

# Threads are created on demand, and only wait.
_THREADS: Final = 128


class Resolver:
    """Looks names up like `socket.getaddrinfo`, but with a time limit.

    A look-up that hangs keeps its thread but no caller. Concurrent look-ups of one name share a thread, so a hostile
    name server occupies one thread for each name.

    Args:
        timeout: seconds that a caller waits.
        getaddrinfo: replaces `socket.getaddrinfo`, in tests.
    """

    def __init__(self, timeout: float, getaddrinfo: GetAddrInfo | None = None) -> None:
        self._timeout = timeout
        self._getaddrinfo: GetAddrInfo = getaddrinfo or socket.getaddrinfo
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="dns")
        self._lock = Lock()
        self._running: dict[tuple[object, ...], Future[list[AddressInfo]]] = {}

    def __call__(self, *question: object) -> list[AddressInfo]:
        """Return what `socket.getaddrinfo` returns; blocks.

        Raises:
            OSError: the name does not resolve, or not in time.
        """
        try:
            return self._future(question).result(self._timeout)
        except TimeoutError:
            raise socket.gaierror(socket.EAI_AGAIN, "The name was not resolved in time") from None

    def close(self) -> None:
        """Stop the threads, except those that hang."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _future(self, question: tuple[object, ...]) -> "Future[list[AddressInfo]]":
        with self._lock:
            future = self._running.get(question)
            if future is None:
                future = self._running[question] = self._threads.submit(self._answers, question)
            return future

    def _answers(self, question: tuple[object, ...]) -> list[AddressInfo]:
        try:
            return list(self._getaddrinfo(*question))
        finally:
            with self._lock:
                del self._running[question]
