"""The stores of users of both adapters: one contract, and the use cases on them."""

import asyncio
import unicodedata
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Literal

import psycopg
import pytest
from argon2 import PasswordHasher

from crm_adapters.memory import MemoryAccounts, MemoryDatabase
from crm_adapters.passwords import Argon2Passwords
from crm_adapters.postgres.accounts import PostgresAccounts
from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.sql.migrations import _add_groups
from crm_core.errors import (
    InvalidError,
    NotAuthenticatedError,
    NotFoundError,
    UnknownUserError,
    UsernameTakenError,
    flatten,
)
from crm_core.model.accounts import TOKEN_DAYS, UserChange
from crm_core.model.permissions import GROUPS
from crm_core.ports import Users
from crm_core.resources import CLIENTS
from crm_core.testing.accounts import AccountsContract
from crm_core.use_cases import accounts, records, users


class TestMemoryAccounts(AccountsContract):
    ahead = timedelta()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Users]:
        self.ahead = timedelta()
        yield MemoryAccounts(token_days=TOKEN_DAYS, clock=self.now)

    async def elapse(self, time: timedelta) -> None:
        self.ahead += time

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture(scope="module")
def accounts_url(migrated_database: Callable[[], str]) -> str:
    return migrated_database()


class TestPostgresAccounts(AccountsContract):
    url: str
    opened_accounts: PostgresAccounts

    @pytest.fixture(autouse=True)
    def _use(self, accounts_url: str) -> None:
        self.url = accounts_url

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Users]:
        async with await psycopg.AsyncConnection.connect(self.url) as connection:
            for table in ("app_user", "app_group", "failed_login"):
                await connection.execute(f"delete from {table}".encode())
            await _add_groups(connection)
        async with Pool(self.url) as pool:
            self.opened_accounts = PostgresAccounts(pool, token_days=TOKEN_DAYS)
            yield self.opened_accounts
            await self.opened_accounts.close()

    async def elapse(self, time: timedelta) -> None:
        """Make all tokens and calendars older."""
        await self.opened_accounts.close()  # uses are recorded in the background
        async with await psycopg.AsyncConnection.connect(self.url) as connection:
            for table in ("token", "calendar"):
                earlier = (
                    f"update {table} set last_used_at = last_used_at - %(time)s, created_at = created_at - %(time)s"
                )
                await connection.execute(earlier.encode(), {"time": time})


@pytest.fixture
def store() -> MemoryAccounts:
    return MemoryAccounts()


@pytest.fixture
def passwords() -> Iterator[Argon2Passwords]:
    made = Argon2Passwords(PasswordHasher(1, 8, 1))
    yield made
    made.close()


def problems_of(error: InvalidError) -> list[str]:
    return list(flatten(error.problems))


def test_a_user_who_was_added_can_log_in(store: MemoryAccounts, passwords: Argon2Passwords) -> None:
    async def facts() -> None:
        id_ = await users.add_user(store, passwords, "Zoe\u0308", "two words", first_name="Zoë", groups=["Sales"])
        data = {"username": "Zo\u00eb", "password": "two words"}
        token = await accounts.log_in(store, passwords, data, address="192.0.2.1")
        who = await accounts.authenticate(store, token)

        assert (who.actor.user.id, who.actor.user.username, who.actor.groups) == (id_, "Zo\u00eb", ("Sales",))

    asyncio.run(facts())


@pytest.mark.parametrize("kept", ["pässword 한", "pa\u0308ssword \u1112\u1161\u11ab", "pässword \u1112\u1161\u11ab"])
@pytest.mark.parametrize("sent", ["NFC", "NFD"])
def test_a_password_is_the_same_in_every_form(
    store: MemoryAccounts, passwords: Argon2Passwords, kept: str, sent: Literal["NFC", "NFD"]
) -> None:
    async def facts() -> None:
        await users.add_user(store, passwords, "ann", kept)
        await accounts.log_in(store, passwords, data, address="192.0.2.1")
        await users.reset_password(store, passwords, "ann", f"new {kept}")
        await accounts.log_in(store, passwords, {**data, "password": f"new {data['password']}"}, address="192.0.2.1")

    data = {"username": "ann", "password": unicodedata.normalize(sent, kept)}
    asyncio.run(facts())


@pytest.mark.parametrize("kept", ["NFC", "NFD", "mixed"])
def test_a_hash_of_an_earlier_release_keeps_working_and_is_replaced(
    store: MemoryAccounts, passwords: Argon2Passwords, kept: str
) -> None:
    composed, decomposed = "\u00e9t\u00e9", "e\u0301te\u0301"
    password = {"NFC": composed, "NFD": decomposed, "mixed": "\u00e9te\u0301"}[kept]

    async def facts() -> None:
        await store.add_user("ann", await passwords.hash(password))  # of what was sent, as release 0.1.0 kept it
        for sent in (password, composed, decomposed):
            await accounts.log_in(store, passwords, {"username": "ann", "password": sent}, address="192.0.2.1")
        credentials = await store.credentials("ann")
        assert credentials
        assert await passwords.verify(composed, credentials[1])

    asyncio.run(facts())


def test_names_of_users_are_kept_in_nfc(store: MemoryAccounts, passwords: Argon2Passwords) -> None:
    async def facts() -> None:
        await users.add_user(store, passwords, "ann", "x", first_name="Rene\u0301e")
        await users.change_user(store, "ann", UserChange(last_name="Mu\u0308ller"))
        user = (await users.find_user(store, "ann")).user
        assert (user.first_name, user.last_name) == ("Ren\u00e9e", "M\u00fcller")

    asyncio.run(facts())


@pytest.mark.parametrize("name", ["", " ", "\u200b", "\u3164", "ann "])
def test_a_username_shows_something_and_has_no_blanks_around_it(
    store: MemoryAccounts, passwords: Argon2Passwords, name: str
) -> None:
    with pytest.raises(InvalidError) as caught:
        asyncio.run(users.add_user(store, passwords, name, "x"))

    assert problems_of(caught.value) == ["username: A name is not blank, and has no blanks around it."]


def test_every_problem_of_a_new_user_is_reported_at_once(store: MemoryAccounts, passwords: Argon2Passwords) -> None:
    with pytest.raises(InvalidError) as caught:
        asyncio.run(users.add_user(store, passwords, " ann", "", first_name="x" * 151, email="\0"))

    assert problems_of(caught.value) == [
        "username: A name is not blank, and has no blanks around it.",
        "password: This field may not be blank.",
        "first_name: Ensure this field has no more than 150 characters.",
        "email: Null characters are not allowed.",
    ]
    assert asyncio.run(users.list_users(store)) == []


def test_a_taken_name_and_an_unknown_group_have_errors_of_their_own(
    store: MemoryAccounts, passwords: Argon2Passwords
) -> None:
    async def facts() -> None:
        await users.add_user(store, passwords, "ann", "word")
        with pytest.raises(UsernameTakenError, match="already exists"):
            await users.add_user(store, passwords, "ann", "word")
        with pytest.raises(NotFoundError, match=r"^There is no group Sails, only Instructors, .*, Sales, "):
            await users.add_user(store, passwords, "eve", "word", groups=["Sails"])
        with pytest.raises(NotFoundError, match="Sails"):
            await users.revoke(store, "Sails", ["view_client"])

    asyncio.run(facts())


def test_an_unknown_user_is_named(store: MemoryAccounts, passwords: Argon2Passwords) -> None:
    for attempt in (
        users.change_user(store, "nobody", UserChange(first_name="a")),
        users.disable_user(store, "nobody"),
        users.enable_user(store, "nobody"),
        users.reset_password(store, passwords, "nobody", "word"),
        users.issue_token(store, "nobody"),
        users.list_tokens(store, "nobody"),
        users.revoke_tokens(store, "nobody"),
        users.act_as(store, "nobody"),
    ):
        with pytest.raises(UnknownUserError, match=r"^There is no user nobody\.$"):
            asyncio.run(attempt)


def test_a_change_that_does_not_fit_is_refused_by_field(store: MemoryAccounts, passwords: Argon2Passwords) -> None:
    async def change() -> None:
        await users.add_user(store, passwords, "ann", "word")
        await users.change_user(store, "ann", UserChange(last_name="x" * 151, email="x" * 255))

    with pytest.raises(InvalidError) as caught:
        asyncio.run(change())
    assert [problem.partition(":")[0] for problem in problems_of(caught.value)] == ["last_name", "email"]


def test_enabling_tells_how_many_tokens_work_again_and_a_reset_whether_the_user_is_disabled(
    store: MemoryAccounts, passwords: Argon2Passwords
) -> None:
    async def facts() -> None:
        await users.add_user(store, passwords, "ann", "word")
        for _ in range(2):
            await users.issue_token(store, "ann")
        await users.disable_user(store, "ann")
        with pytest.raises(NotAuthenticatedError, match="disabled"):
            await users.issue_token(store, "ann")

        assert await users.enable_user(store, "ann") == 2
        assert await users.reset_password(store, passwords, "ann", "other") == (2, True)
        await users.disable_user(store, "ann")
        assert await users.reset_password(store, passwords, "ann", "other") == (0, False)

    asyncio.run(facts())


def test_groups_are_made_listed_and_given_permissions(store: MemoryAccounts) -> None:
    async def facts() -> None:
        assert await users.add_group(store, "Auditors")
        assert not await users.add_group(store, "Auditors")
        assert not await users.grant(store, "Auditors", ["view_lead", "app.view_client"])
        groups = await users.list_groups(store)

        assert list(groups) == sorted([*GROUPS, "Auditors"])
        assert groups["Auditors"] == ["app.view_client", "app.view_lead"]
        with pytest.raises(InvalidError, match=r"did you mean app\.view_client\?"):
            await users.grant(store, "Auditors", ["view_clients"])
        with pytest.raises(InvalidError, match="blank"):
            await users.grant(store, " ", ["view_client"])

    asyncio.run(facts())


def test_an_embedding_program_acts_as_a_user_whom_it_knows_by_name(passwords: Argon2Passwords) -> None:
    async def facts() -> None:
        database = MemoryDatabase()
        store = database.accounts
        await users.add_user(store, passwords, "ann", "word", groups=["Sales", "Instructors"])
        who = await users.act_as(store, "ann", request_id="a job")

        assert who.actor.permissions == GROUPS["Sales"] | GROUPS["Instructors"]
        assert await records.create(database, who, CLIENTS, {"name": "a"})
        assert database.events[0].actor_name == "ann"
        await users.disable_user(store, "ann")
        with pytest.raises(NotAuthenticatedError):
            await users.act_as(store, "ann")

    asyncio.run(facts())
