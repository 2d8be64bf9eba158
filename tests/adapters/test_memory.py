"""The memory's database and accounts: the contract, the machine, and what is their own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, Phase, settings

from crm_adapters.memory import MemoryAccounts, MemoryDatabase
from crm_core.engine.changes import Changes
from crm_core.engine.queries import Query
from crm_core.errors import NotAuthenticatedError, NotFoundError
from crm_core.model.permissions import GROUPS
from crm_core.ports import Accounts, Database
from crm_core.resources import ATTRIBUTES, CLIENTS, SERVICES
from crm_core.rules.login_throttle import Failures
from crm_core.rules.needs import Known, Needs, Steps
from crm_core.testing.contract import DatabaseContract
from crm_core.testing.machine import USERS, assert_agreement
from crm_core.testing.scene import Scene

START = datetime(2026, 1, 1, tzinfo=UTC)


async def memory() -> MemoryDatabase:
    database = MemoryDatabase()
    for number in USERS:
        await database.accounts.add_user(f"user {number}", "!")
    return database


class TestMemoryDatabase(DatabaseContract):
    @asynccontextmanager
    async def open(self) -> AsyncIterator[Database]:
        yield await memory()


@asynccontextmanager
async def two_memories() -> AsyncIterator[tuple[Database, Database]]:
    yield await memory(), await memory()


def test_two_memories_agree() -> None:
    quick = settings(
        max_examples=12,
        stateful_step_count=25,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )

    assert_agreement(two_memories, settings=quick)


def test_events_are_kept_in_order() -> None:
    async def happened() -> list[tuple[str, int, str]]:
        scene = Scene(database := await memory())
        client = await scene.create(CLIENTS, name="a")
        service = await scene.create(SERVICES, name="s", client=client)
        await scene.patch(CLIENTS, client, name="b")
        await scene.patch(CLIENTS, client, name="b")
        await scene.delete(SERVICES, service)
        return [(event.resource, event.version, event.kind) for event in database.events]

    assert asyncio.run(happened()) == [
        ("client", 1, "created"),
        ("service", 1, "created"),
        ("client", 2, "updated"),
        ("service", 2, "deleted"),
    ]


def test_what_a_decision_knows_is_not_read_again() -> None:
    class CountingDatabase(MemoryDatabase):
        reads = 0

        def _read(self, needs: Needs) -> Known:
            self.reads += 1
            return super()._read(needs)

    def decide() -> Steps[Changes]:
        first = yield Needs(catalogs={"client": None})
        assert (yield Needs(catalogs={"client": 1})) == first
        return Changes()

    asyncio.run((database := CountingDatabase()).change(decide))

    assert database.reads == 1


def test_a_page_without_a_limit_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="limit"):
        asyncio.run(MemoryDatabase().page(Query(resource=CLIENTS)))


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def accounts(clock: Clock) -> MemoryAccounts:
    return MemoryAccounts(clock=clock)


def test_it_is_the_port(accounts: MemoryAccounts) -> None:
    port: Accounts = accounts

    assert asyncio.run(port.credentials("nobody")) is None


def test_a_token_tells_the_user_and_what_they_may_do_at_this_moment(accounts: MemoryAccounts) -> None:
    async def tell() -> None:
        user = await accounts.add_user("ann", "hash", first_name="Ann", groups=["Sales", "Instructors"])
        await accounts.add_token(user, b"token", "tok")
        found = await accounts.authenticate(b"token")

        assert found is not None
        actor, _ = found
        assert (actor.user.id, actor.user.name, actor.groups) == (user, "Ann", ("Instructors", "Sales"))
        assert actor.permissions == GROUPS["Sales"] | GROUPS["Instructors"]
        assert not actor.is_superuser

        await accounts.revoke("Sales", ["app.add_lead"])
        await accounts.grant("Instructors", ["app.delete_cohort"])
        found = await accounts.authenticate(b"token")

        assert found is not None
        assert not found[0].may("app.add_lead")
        assert found[0].may("app.delete_cohort")

    asyncio.run(tell())


def test_a_token_comes_with_the_catalog_versions() -> None:
    async def versions() -> list[object]:
        scene = Scene(database := await memory())
        await database.accounts.add_token(USERS[0], b"token", "tok")
        before = await database.accounts.authenticate(b"token")
        await scene.create(ATTRIBUTES, "lead", name="n", label="l", type="text")
        after = await database.accounts.authenticate(b"token")
        return [before and before[1], after and after[1], (await scene.catalog("lead")).version]

    assert asyncio.run(versions()) == [
        {"client": 1, "service": 1, "lead": 1, "follow_up": 1},
        {"client": 1, "service": 1, "lead": 2, "follow_up": 1},
        2,
    ]


def test_a_token_ends_when_revoked_or_too_long_unused(accounts: MemoryAccounts, clock: Clock) -> None:
    async def tell() -> None:
        user = await accounts.add_user("ann", "hash")
        for token in (b"one", b"two", b"three"):
            await accounts.add_token(user, token, "tok")

        assert await accounts.revoke_token(b"one")
        assert not await accounts.revoke_token(b"one")
        assert await accounts.authenticate(b"one") is None

        clock.now += timedelta(days=30)
        assert await accounts.authenticate(b"two")
        clock.now += timedelta(days=1)
        assert await accounts.authenticate(b"two")
        assert await accounts.authenticate(b"three") is None
        assert await accounts.revoke_tokens(user) == 1
        assert await accounts.authenticate(b"two") is None

    asyncio.run(tell())


def test_a_disabled_user_is_out_at_once(accounts: MemoryAccounts) -> None:
    async def tell() -> None:
        user = await accounts.add_user("ann", "hash", groups=["Sales"])
        await accounts.add_token(user, b"token", "tok")
        await accounts.disable("ann")

        assert await accounts.credentials("ann") is None
        assert await accounts.members("Sales") == []
        assert [each.id for each in await accounts.users()] == [user]
        with pytest.raises(NotAuthenticatedError, match="User inactive or deleted"):
            await accounts.authenticate(b"token")

    asyncio.run(tell())


def test_usernames_are_exact_but_for_their_unicode_form(accounts: MemoryAccounts) -> None:
    async def tell() -> None:
        user = await accounts.add_user("Zoe\u0308", "hash")

        assert await accounts.credentials("Zo\u00eb") == (user, "hash")
        assert await accounts.credentials("zo\u00eb") is None
        assert await accounts.add_user("Zo\u00eb", "hash") is None

    asyncio.run(tell())


def test_a_new_password_keeps_the_tokens(accounts: MemoryAccounts) -> None:
    async def tell() -> None:
        user = await accounts.add_user("ann", "old")
        await accounts.add_token(user, b"token", "tok")
        await accounts.set_password(user, "new")

        assert await accounts.credentials("ann") == (user, "new")
        assert await accounts.authenticate(b"token")

    asyncio.run(tell())


def test_what_is_not_there_is_named(accounts: MemoryAccounts) -> None:
    async def tell() -> None:
        assert not await accounts.disable("nobody")
        with pytest.raises(NotFoundError, match="Nothing"):
            await accounts.revoke("Nothing", ["app.add_lead"])
        with pytest.raises(NotFoundError):
            await accounts.add_user("ann", "hash", groups=["Nothing"])
        assert await accounts.users() == []
        assert await accounts.groups() == GROUPS

    asyncio.run(tell())


def test_failures_are_counted_until_they_are_forgotten(accounts: MemoryAccounts) -> None:
    window = timedelta(minutes=15)

    async def tell() -> None:
        await accounts.add_failure(["a", "b"], START, window)
        await accounts.add_failure(["a"], START + window, window)
        assert await accounts.failures(["a", "b", "c"]) == {"a": Failures(2, START + window), "b": Failures(1, START)}

        await accounts.forget_failures("a")
        await accounts.forget_failures("a")
        later = START + window + timedelta(seconds=1)
        await accounts.add_failure(["b"], later, window)
        assert await accounts.failures(["a", "b"]) == {"b": Failures(1, later)}

    asyncio.run(tell())
