"""The facts that every hasher of passwords must show: the port Passwords.

An adapter's test subclasses :class:`PasswordsContract`, and says how to open one::

    class TestArgon2Passwords(PasswordsContract):
        @asynccontextmanager
        async def open(self) -> AsyncIterator[Passwords]:
            passwords = Argon2Passwords()
            yield passwords
            passwords.close()
"""

# ruff: noqa: D102  # a test's name is the fact that it states

import asyncio
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager

import pytest

from crm_core.model.accounts import NO_PASSWORD
from crm_core.ports import Passwords
from crm_core.rules.accounts import MAX_PASSWORD
from crm_core.testing.scene import OnOneLoop, fact


class PasswordsContract(OnOneLoop):
    """Facts about a hasher of passwords, which a subclass opens."""

    def open(self) -> AbstractAsyncContextManager[Passwords]:
        """Return a context manager of a hasher. It is entered and exited in different tasks of one event loop."""
        raise NotImplementedError

    @pytest.fixture
    def passwords(self) -> Iterator[Passwords]:
        """Yield a hasher."""
        yield from self.opened(self.open())

    @fact
    async def test_a_hash_is_of_its_password_alone(self, passwords: Passwords) -> None:
        for password in ("secret", "pässword\u202e", " ", "x" * MAX_PASSWORD):
            made = await passwords.hash(password)
            assert password not in made
            assert await passwords.verify(password, made)
            assert not await passwords.verify(f"{password[:-1]}~", made)
            assert not passwords.is_outdated(made)

    @fact
    async def test_long_passwords_differ_in_their_last_character(self, passwords: Passwords) -> None:
        made = await passwords.hash("x" * MAX_PASSWORD)

        assert not await passwords.verify("x" * (MAX_PASSWORD - 1), made)

    @fact
    async def test_the_same_password_hashes_differently_each_time(self, passwords: Passwords) -> None:
        assert await passwords.hash("secret") != await passwords.hash("secret")

    @fact
    async def test_what_is_no_hash_is_of_no_password_and_outdated(self, passwords: Passwords) -> None:
        for kept in ("", NO_PASSWORD, "secret"):
            assert not await passwords.verify("secret", kept)
            assert passwords.is_outdated(kept)
        assert not await passwords.verify("secret", None)

    @fact
    async def test_some_hashes_can_be_made_at_once(self, passwords: Passwords) -> None:
        made = await asyncio.gather(*(passwords.hash(str(number)) for number in range(4)))

        assert await asyncio.gather(*(passwords.verify(str(number), each) for number, each in enumerate(made))) == [
            True
        ] * len(made)
