"""Servers that do not do what they should."""

import contextlib
import socket
import threading
from collections.abc import Iterator

#: What a server does with each connection, by its fault.
_ANSWERS = {
    "refusing": b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "failing": b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
}


class Stub:
    """A server with a fault: it is ``down``, ``hanging``, ``refusing`` or ``failing``."""

    def __init__(self, fault: str) -> None:
        self._fault = fault
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        if fault == "down":
            self._listener.close()
        else:
            threading.Thread(target=self._listen, daemon=True).start()

    def release(self) -> None:
        """Let go of whoever waits."""
        self._over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._answer, args=[connection], daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            if self._fault in _ANSWERS:
                connection.settimeout(0.2)
                with contextlib.suppress(TimeoutError):
                    while connection.recv(65_536):
                        pass
                connection.sendall(_ANSWERS[self._fault])
            else:
                self._over.wait()


@contextlib.contextmanager
def stub(fault: str) -> Iterator[Stub]:
    server = Stub(fault)
    try:
        yield server
    finally:
        server.release()
