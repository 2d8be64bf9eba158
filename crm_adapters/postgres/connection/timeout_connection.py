"""Connections that fail if the server neither answers nor closes them.

A server cancels a statement that takes too long, but not when it is frozen or cut off from the network. TCP alone
would wait for a quarter of an hour, and a Unix socket forever.
"""

import asyncio
import os
import socket
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

from crm_adapters.postgres.connection.timeouts import ANSWER_TIMEOUT

T = TypeVar("T")


class TimeoutConnection(psycopg.AsyncConnection[tuple[Any, ...]]):
    """A connection that closes its own socket when an answer takes longer than ``answer_timeout`` seconds."""

    answer_timeout = ANSWER_TIMEOUT

    async def wait(self, gen: PQGen[T], *given: Any, **named: Any) -> T:
        """Wait for the server, as every operation does. Raises ConnectionTimeout when it does not answer."""
        timer = asyncio.get_running_loop().call_later(self.answer_timeout, _hang_up, self.pgconn.socket)
        try:
            return await super().wait(gen, *given, **named)
        except psycopg.OperationalError as error:
            if timer.when() <= asyncio.get_running_loop().time():
                raise psycopg.errors.ConnectionTimeout("the server does not answer") from error
            raise
        finally:
            timer.cancel()


def _hang_up(descriptor: int) -> None:
    """Shut down a socket as if the server had, so that the waiting task continues and closes the connection."""
    with socket.socket(fileno=os.dup(descriptor)) as ours:
        ours.shutdown(socket.SHUT_RDWR)
