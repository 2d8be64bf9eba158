"""Random bytes of the system for ids. Secrets come from ``secrets``."""

import os
import threading
from collections.abc import Callable
from typing import Final

#: Bytes that are read from the system at once, unless more are asked for.
_BLOCK_SIZE: Final = 4_096


class _RandomBytes:
    """Random bytes, read from the system in blocks.

    Each reading lets the other threads of the process take the interpreter. A worker that read ten bytes for each id
    spent a twentieth of the time of its requests on that.
    """

    def __init__(self) -> None:
        self._forget()
        if hasattr(os, "register_at_fork"):  # Windows has neither
            os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        """Begin anew: a child of the process must not have the bytes of its parent."""
        self._lock = threading.Lock()
        self._block = b""
        self._used = 0

    def __call__(self, count: int) -> bytes:
        """Return so many random bytes."""
        with self._lock:
            if self._used + count > len(self._block):
                self._block, self._used = os.urandom(max(_BLOCK_SIZE, count)), 0
            start, self._used = self._used, self._used + count
            return self._block[start : self._used]


random_bytes: Final[Callable[[int], bytes]] = _RandomBytes()
