"""Connections that give up a server which neither answers nor hangs up.

The server itself ends a statement that takes too long; but one that is frozen, or whom the network has cut off, ends
nothing. TCP alone would wait for a quarter of an hour, and a socket of this machine for ever.
"""

import asyncio
import os
import socket
from typing import Any, Final, TypeVar

import psycopg
from psycopg.abc import PQGen

T = TypeVar("T")

#: Seconds for one answer: what the server gives a statement, and one more. And the same for wide changes.
PATIENCE: Final = 6.0
WIDE_TIMEOUT: Final = 61.0


class TimeoutConnection(psycopg.AsyncConnection[tuple[Any, ...]]):
    """A connection that is hung up by ourselves when an answer takes longer than ``patience``."""

    patience = PATIENCE

    async def wait(self, gen: PQGen[T], *given: Any, **named: Any) -> T:
        """Wait for what every operation waits for. Raises ConnectionTimeout when the server does not answer."""
        timer = asyncio.get_running_loop().call_later(self.patience, _hang_up, self.pgconn.socket)
        try:
            return await super().wait(gen, *given, **named)
        except psycopg.OperationalError as error:
            if timer.when() <= asyncio.get_running_loop().time():
                raise psycopg.errors.ConnectionTimeout("the server does not answer") from error
            raise
        finally:
            timer.cancel()


def _hang_up(descriptor: int) -> None:
    """End a connection as if the server had: whoever waits for it wakes up, and closes it in order."""
    with socket.socket(fileno=os.dup(descriptor)) as ours:
        ours.shutdown(socket.SHUT_RDWR)
