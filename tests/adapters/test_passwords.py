"""Facts about password hashes."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from threading import Event
from typing import Literal

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import HashingError, InvalidHashError, VerificationError, VerifyMismatchError

from crm_adapters.memory import MemoryAccounts
from crm_adapters.passwords import Argon2Passwords
from crm_core.errors import InvalidError, UnavailableError
from crm_core.ports import Passwords
from crm_core.testing import PasswordsContract
from crm_core.use_cases.accounts import log_in
from crm_core.use_cases.users import disable_user


class CountingHasher(PasswordHasher):
    """Counts its computations; with cheap parameters, as none of these facts depends on the dear ones."""

    def __init__(self, time_cost: int = 1) -> None:
        super().__init__(time_cost=time_cost, memory_cost=8, parallelism=1)
        self.computations = 0
        self.may_go_on = Event()
        self.may_go_on.set()

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.may_go_on.wait()
        self.computations += 1
        return super().hash(password, salt=salt)

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002  # the library's name
        before = self.computations
        self.computations += 1
        try:
            return super().verify(hash, password)
        except (InvalidHashError, VerificationError) as error:
            if not isinstance(error, VerifyMismatchError):  # refused by its looks, before anything was computed
                self.computations = before
            raise


class FailingHasher(CountingHasher):
    """Has no memory left after its first hash."""

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        if self.computations:
            raise HashingError("Memory allocation error")
        return super().hash(password, salt=salt)


@pytest.fixture
def hasher() -> CountingHasher:
    return CountingHasher()


@pytest.fixture
def passwords(hasher: CountingHasher) -> Iterator[Argon2Passwords]:
    made = Argon2Passwords(hasher)
    yield made
    hasher.may_go_on.set()
    made.close()


def test_it_is_the_port(passwords: Argon2Passwords) -> None:
    port: Passwords = passwords

    assert not port.is_outdated(asyncio.run(port.hash("secret")))


class TestArgon2Passwords(PasswordsContract):
    @asynccontextmanager
    async def open(self) -> AsyncIterator[Passwords]:
        passwords = Argon2Passwords(CountingHasher())
        yield passwords
        passwords.close()


def test_a_hash_says_how_it_was_made(passwords: Argon2Passwords) -> None:
    assert asyncio.run(passwords.hash("secret")).startswith("$argon2id$")


@pytest.mark.parametrize("kept", [None, "", "!", "$argon2id$v=19$m=8"])
def test_what_is_no_hash_matches_nothing_and_costs_the_same(
    passwords: Argon2Passwords, hasher: CountingHasher, kept: str | None
) -> None:
    before = hasher.computations

    assert not asyncio.run(passwords.verify("secret", kept))
    assert hasher.computations == before + 1


def test_a_login_costs_the_same_for_known_unknown_and_disabled_users(
    passwords: Argon2Passwords, hasher: CountingHasher
) -> None:
    async def cost(accounts: MemoryAccounts, username: str) -> int:
        before = hasher.computations
        with pytest.raises(InvalidError):
            await log_in(accounts, passwords, {"username": username, "password": "wrong"}, address="192.0.2.1")
        return hasher.computations - before

    async def costs() -> list[int]:
        accounts = MemoryAccounts()
        for name in ("known", "disabled"):
            await accounts.add_user(name, await passwords.hash("right"))
        await disable_user(accounts, "disabled")
        return [await cost(accounts, name) for name in ("known", "unknown", "disabled")]

    assert asyncio.run(costs()) == [1, 1, 1]


@pytest.mark.parametrize(("password", "forms"), [("wrong", 1), ("\u00e9", 2), ("\u00e9e\u0301", 3)])
def test_a_wrong_password_costs_as_many_hashes_as_it_has_forms_whoever_the_user_is(
    passwords: Argon2Passwords, hasher: CountingHasher, password: str, forms: int
) -> None:
    async def costs() -> list[int]:
        accounts = MemoryAccounts()
        await accounts.add_user("known", await passwords.hash("right"))
        found = []
        for name in ("known", "unknown"):
            before = hasher.computations
            with pytest.raises(InvalidError):
                await log_in(accounts, passwords, {"username": name, "password": password}, address="192.0.2.1")
            found.append(hasher.computations - before)
        return found

    assert asyncio.run(costs()) == [forms, forms]


def test_the_recommended_parameters_are_used() -> None:
    passwords = Argon2Passwords()
    made = asyncio.run(passwords.hash("secret"))
    passwords.close()

    assert "$m=19456,t=2,p=1$" in made


def test_a_hash_of_other_parameters_is_outdated(passwords: Argon2Passwords) -> None:
    for kept in (CountingHasher(time_cost=2).hash("secret"), "!", ""):
        assert passwords.is_outdated(kept)


def test_a_flood_is_refused_and_passes(passwords: Argon2Passwords, hasher: CountingHasher) -> None:
    async def flood() -> list[str | BaseException]:
        hasher.may_go_on.clear()
        tasks = [asyncio.ensure_future(passwords.hash("secret")) for _ in range(20)]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        hasher.may_go_on.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    results = asyncio.run(flood())

    assert [type(each) for each in results] == [str] * 18 + [UnavailableError] * 2
    assert asyncio.run(passwords.hash("secret"))


def test_callers_who_give_up_leave_room(passwords: Argon2Passwords, hasher: CountingHasher) -> None:
    async def give_up() -> list[str]:
        hasher.may_go_on.clear()
        tasks = [asyncio.ensure_future(passwords.hash("secret")) for _ in range(18)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        hasher.may_go_on.set()
        return await asyncio.gather(*(passwords.hash("secret") for _ in range(16)))

    assert len(asyncio.run(give_up())) == 16


def test_lack_of_memory_is_told_as_unavailable() -> None:
    passwords = Argon2Passwords(FailingHasher())

    with pytest.raises(UnavailableError):
        asyncio.run(passwords.hash("secret"))

    passwords.close()


def test_after_close_it_is_unavailable(passwords: Argon2Passwords) -> None:
    passwords.close()

    with pytest.raises(UnavailableError):
        asyncio.run(passwords.hash("secret"))
