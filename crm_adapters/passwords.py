"""Hashes passwords by Argon2id in separate threads, so that the event loop is not blocked."""

import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import Final, ParamSpec, TypeVar

from crm_adapters.threads import Threads
from crm_core.errors import UnavailableError
from crm_core.extras import needs

with needs("http"):
    from argon2 import PasswordHasher
    from argon2.exceptions import Argon2Error, InvalidHashError, VerificationError, VerifyMismatchError

__all__ = ["Argon2Passwords"]

_THREADS: Final = 2
_MAX_WAITING: Final = 16
# 19 MiB and two passes: OWASP's first recommendation for Argon2id, about 20 ms.
_TIME_COST: Final = 2
_MEMORY_COST: Final = 19_456

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Argon2Passwords:
    """Hashes passwords with Argon2id (``crm_core.ports.Passwords``).

    Two are computed at a time and 16 may wait; beyond that, calls raise UnavailableError at once, so that a flood of
    logins uses a bounded share of the processor and of memory.

    Args:
        hasher: a hasher with other parameters than the recommended ones.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher(time_cost=_TIME_COST, memory_cost=_MEMORY_COST, parallelism=1)
        self._threads = Threads("passwords", count=_THREADS, waiting=_MAX_WAITING)
        # Verified when there is no hash, so that response times do not tell which users exist.
        self._dummy = self._hasher.hash(secrets.token_hex())

    async def hash(self, password: str) -> str:
        """Return a salted hash of a password."""
        return await self._run(self._hasher.hash, password)

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Return whether the hash is of the password. None takes the same time and returns False."""
        return await self._run(self._is_of, password, password_hash)

    def is_outdated(self, password_hash: str) -> bool:
        """Return whether the hash was made with other parameters than the current ones."""
        try:
            return self._hasher.check_needs_rehash(password_hash)
        except InvalidHashError:
            return True

    def close(self) -> None:
        """Stop the threads; work that waits is cancelled."""
        self._threads.close()

    def _is_of(self, password: str, password_hash: str | None) -> bool:
        if password_hash is not None:
            try:
                return self._hasher.verify(password_hash, password)
            except VerifyMismatchError:
                return False
            except (InvalidHashError, VerificationError):
                pass  # not a hash, such as the "!" of users without a password
        with suppress(VerifyMismatchError):
            self._hasher.verify(self._dummy, password)
        return False

    async def _run(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return await self._threads.run(work, *args, **kwargs)
        except Argon2Error as error:  # out of memory
            raise UnavailableError from error
