"""Password hashes by Argon2id, computed in threads of their own so that the event loop goes on."""

import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import Final, ParamSpec, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError, VerificationError, VerifyMismatchError

from crm_adapters.threads import Threads
from crm_core.errors import UnavailableError

__all__ = ["Argon2Passwords"]

_THREADS: Final = 2
_MOST_WAITING: Final = 16
# 19 MiB and two passes: OWASP's first recommendation for Argon2id, about 20 ms.
_TIME_COST: Final = 2
_MEMORY_COST: Final = 19_456

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Argon2Passwords:
    """Hashes passwords with Argon2id (``crm_core.ports.Passwords``).

    Two at a time are computed and 16 may wait; more raise UnavailableError at once, so that a flood of logins costs
    a bounded share of the processor and of memory.

    Args:
        hasher: other parameters than the recommended ones.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher(time_cost=_TIME_COST, memory_cost=_MEMORY_COST, parallelism=1)
        self._threads = Threads("passwords", count=_THREADS, waiting=_MOST_WAITING)
        # What is verified when there is no hash, so that nobody can tell by the time which users exist.
        self._dummy = self._hasher.hash(secrets.token_hex())

    async def hash(self, password: str) -> str:
        """A salted hash of a password."""
        return await self._run(self._hasher.hash, password)

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Whether the hash is of the password; None costs the same and is never right."""
        return await self._run(self._is_of, password, password_hash)

    def is_outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        try:
            return self._hasher.check_needs_rehash(password_hash)
        except InvalidHashError:
            return True

    def close(self) -> None:
        """Stop the threads; what still waits is given up."""
        self._threads.close()

    def _is_of(self, password: str, password_hash: str | None) -> bool:
        if password_hash is not None:
            try:
                return self._hasher.verify(password_hash, password)
            except VerifyMismatchError:
                return False
            except (InvalidHashError, VerificationError):
                pass  # it is no hash, such as the "!" of users without a password
        with suppress(VerifyMismatchError):
            self._hasher.verify(self._dummy, password)
        return False

    async def _run(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return await self._threads.run(work, *args, **kwargs)
        except Argon2Error as error:  # memory could not be had
            raise UnavailableError from error
