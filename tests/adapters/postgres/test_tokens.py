"""Authentication by tokens: what is kept of users between requests, and that nothing kept is ever old."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql

from crm_adapters.postgres.accounts import PostgresAccounts
from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.connection.session import Params, Row
from crm_adapters.postgres.records.database import PostgresDatabase
from crm_adapters.postgres.records.replica import Replica
from crm_core.errors import NotAuthenticatedError
from crm_core.model.accounts import Authentication
from crm_core.model.records import Key
from crm_core.testing.machine import USERS

TOKENS = [hashlib.sha256(b"token %d" % number).digest() for number in (1, 2)]
#: Every kind of statement that changes what a token stands for.
CHANGES = {
    "a user's name": "update app_user set first_name = 'Zoë' where id = 1",
    "a user who becomes superuser": "update app_user set is_superuser = true where id = 1",
    "a user who comes into a group": "insert into membership values (1, 'Readers')",
    "a user who leaves a group": "delete from membership where user_id = 1",
    "a permission that is given": "insert into group_permission values ('Writers', 'add_lead')",
    "a permission that is taken": "delete from group_permission where permission = 'change_lead'",
    "all permissions that are taken": "truncate group_permission",
    "a group that ends": "delete from app_group where name = 'Writers'",
    "a catalog that changes": "update catalog set version = version + 1 where entity = 'lead'",
}


class CountingPool(Pool):
    """A pool that knows how many statements it has run; after the next one something may happen elsewhere."""

    count = 0
    then: str | None = None

    async def fetch_again(self, statement: bytes | sql.Composed, params: Params) -> Sequence[Row]:
        self.count += 1
        rows = await super().fetch_again(statement, params)
        if self.then is not None:
            happening, self.then = self.then, None
            await self.fetch(happening.encode(), {})
        return rows


class Worker:
    """Accounts on a pool of their own, as a worker has them, with a user in a group and their tokens."""

    def __init__(self, pool: CountingPool, writer: psycopg.AsyncConnection[Row]) -> None:
        self.pool = pool
        self.accounts = PostgresAccounts(pool)
        self.writer = writer

    async def who(self) -> Authentication | None:
        return await self.accounts.authenticate(TOKENS[0])

    async def fresh(self) -> Authentication | None:
        """What a worker says that has kept nothing."""
        return await PostgresAccounts(self.pool).authenticate(TOKENS[0])


@asynccontextmanager
async def worker(url: str) -> AsyncIterator[Worker]:
    async with (
        CountingPool(url) as pool,
        await psycopg.AsyncConnection.connect(url, autocommit=True) as writer,
    ):
        await writer.execute("delete from token; delete from app_group; delete from membership")
        await writer.execute("update app_user set first_name = '', is_active = true, is_superuser = false")
        await writer.execute("insert into app_group values ('Readers'), ('Writers')")
        await writer.execute("insert into group_permission values ('Readers', 'view_lead'), ('Writers', 'change_lead')")
        await writer.execute("insert into membership values (1, 'Writers')")
        for token in TOKENS:
            await writer.execute("insert into token (hash, user_id, prefix) values (%s, 1, '')", (token,))
        made = Worker(pool, writer)
        yield made
        await made.accounts.close()


async def client(w: Worker) -> Key:
    """Make a client, and return its key."""
    id_ = uuid4()
    await w.writer.execute(
        """insert into client (id, version, document) values (%(id)s, 1, json_build_object(
            'id', %(id)s::uuid, 'name', 'x', 'attributes', '{}'::json, 'created_at', '2025-01-15T10:00:00Z'))""",
        {"id": id_},
    )
    return Key("client", id_)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_change_counts_from_the_next_request(url: str, change: str) -> None:
    async def facts() -> None:
        async with worker(url) as w:
            before = await w.who()
            await w.writer.execute(change.encode())
            assert before != await w.who() == await w.fresh()

    asyncio.run(facts())


def test_a_user_who_is_locked_out_is_refused_from_the_next_request(url: str) -> None:
    async def facts() -> None:
        async with worker(url) as w:
            await w.who()
            await w.writer.execute("update app_user set is_active = false where id = 1")
            with pytest.raises(NotAuthenticatedError, match="inactive"):
                await w.who()
            await w.writer.execute("update app_user set is_active = true where id = 1")
            assert await w.who()

    asyncio.run(facts())


def test_a_token_that_is_revoked_or_a_user_who_is_gone_is_unknown_from_the_next_request(url: str) -> None:
    async def facts() -> None:
        async with worker(url) as w:
            assert await w.who()
            await w.writer.execute("delete from token where hash = %s", (TOKENS[0],))
            assert await w.who() is None
            assert await w.accounts.authenticate(TOKENS[1])

            [[other]] = await (
                await w.writer.execute(
                    "insert into app_user (username, password_hash) values ('leaver', '!') returning id"
                )
            ).fetchall()
            await w.writer.execute("insert into token (hash, user_id, prefix) values (%s, %s, '')", (TOKENS[0], other))
            assert await w.who()
            await w.writer.execute("delete from app_user where id = %s", (other,))
            assert await w.who() is None

    asyncio.run(facts())


def test_what_is_kept_of_a_user_is_not_read_again(url: str) -> None:
    async def facts() -> None:
        async with worker(url) as w:
            await w.who()
            w.pool.count = 0
            await asyncio.gather(w.who(), w.who(), w.accounts.authenticate(TOKENS[1]))
            assert w.pool.count == 1

    asyncio.run(facts())


def test_tokens_of_one_user_that_are_read_at_once_have_each_their_own_permissions(url: str) -> None:
    async def facts() -> None:
        async with worker(url) as w:
            await w.writer.execute(
                "update token set permissions = '{change_lead,view_lead}' where hash = %s", (TOKENS[1],)
            )
            await w.writer.execute("update app_user set is_superuser = true where id = 1")
            full, narrow = await asyncio.gather(*map(w.accounts.authenticate, TOKENS))
            assert full
            assert narrow
            assert full[0].is_superuser
            assert (narrow[0].permissions, narrow[0].is_superuser) == (frozenset(), False), "no permissions of ours"

    asyncio.run(facts())


def test_a_new_password_leaves_what_is_kept(url: str) -> None:
    async def facts() -> None:
        async with worker(url) as w:
            await w.who()
            w.pool.count = 0
            await w.accounts.set_password(1, "another")
            await w.who()
            assert w.pool.count == 1

    asyncio.run(facts())


def test_a_request_amid_a_change_leaves_nothing_old_behind(url: str) -> None:
    async def facts() -> None:
        async with worker(url) as w:
            before = await w.who()
            async with w.writer.transaction():
                await w.writer.execute("insert into group_permission values ('Writers', 'add_lead')")
                assert await w.who() == await w.fresh() == before
            assert before != await w.who() == await w.fresh()

    asyncio.run(facts())


def test_two_who_change_several_catalogs_at_once_do_not_deadlock(url: str) -> None:
    async def facts() -> None:
        move = "update catalog set version = version + 1 where entity = %s"
        async with (
            worker(url),
            await psycopg.AsyncConnection.connect(url) as first,
            await psycopg.AsyncConnection.connect(url) as second,
        ):
            await first.execute(move, ("client",))
            other = asyncio.create_task(second.execute(move, ("lead",)))
            _, waiting = await asyncio.wait({other}, timeout=0.2)
            assert waiting
            await first.execute(move, ("lead",))
            await first.commit()
            await other
            await second.execute(move, ("client",))
            await second.commit()

    asyncio.run(facts())


def test_the_first_user_has_the_number_that_these_facts_use() -> None:
    assert USERS[0] == 1


def test_a_record_comes_with_a_token_that_was_valid_before(url: str) -> None:
    async def facts() -> None:
        async with worker(url) as w:
            key = await client(w)
            missing = Key("client", UUID(int=1))
            assert await w.accounts.authenticate(TOKENS[0], ahead=key) == await w.who()  # the token was unknown
            w.pool.count = 0
            found, nothing = await asyncio.gather(
                w.accounts.authenticate(TOKENS[0], ahead=key), w.accounts.authenticate(TOKENS[0], ahead=missing)
            )
            assert w.pool.count == 1
            assert found is not None
            assert found.ahead == {key: await PostgresDatabase(w.pool).get(key)}
            assert nothing is not None
            assert nothing.ahead == {missing: None}

    asyncio.run(facts())


def test_no_record_comes_with_a_token_that_was_revoked_and_issued_again(url: str) -> None:
    async def facts() -> None:
        async with worker(url) as w:
            key = await client(w)
            await w.who()
            await w.writer.execute("delete from token where hash = %s", (TOKENS[0],))
            assert await w.accounts.authenticate(TOKENS[0], ahead=key) is None
            await w.writer.execute("insert into token (hash, user_id, prefix) values (%s, 1, '')", (TOKENS[0],))
            again = await w.accounts.authenticate(TOKENS[0], ahead=key)
            assert again is not None
            assert not again.ahead

    asyncio.run(facts())


def test_no_record_comes_with_permissions_of_a_later_moment(url: str) -> None:
    async def facts() -> None:
        async with worker(url) as w:
            key = await client(w)
            await w.who()
            await w.writer.execute("update app_user set is_superuser = true where id = 1")
            # Between the record and the user, somebody changes something again.
            w.pool.then = "update app_user set first_name = 'Zoë' where id = 1"
            changed = await w.accounts.authenticate(TOKENS[0], ahead=key)
            assert changed is not None
            assert changed.actor.is_superuser
            assert not changed.ahead
            after = await w.accounts.authenticate(TOKENS[0], ahead=key)
            assert after is not None
            assert after.ahead.keys() == {key}

    asyncio.run(facts())


def test_with_a_replica_records_are_read_there(url: str) -> None:
    async def facts() -> None:
        async with worker(url) as w:
            key = await client(w)
            accounts = PostgresAccounts(w.pool, replica=Replica(url, w.pool))
            for _ in range(3):
                known = await accounts.authenticate(TOKENS[0], ahead=key)
                assert known is not None
                assert not known.ahead

    asyncio.run(facts())
