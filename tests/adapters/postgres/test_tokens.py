"""Authentication by tokens: what is kept of users between requests, and that nothing kept is ever old."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import psycopg
import pytest
from psycopg import sql

from crm_adapters.postgres.accounts import PostgresAccounts
from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.connection.session import Params, Row
from crm_core.errors import NotAuthenticatedError
from crm_core.model.accounts import Actor
from crm_core.testing.machine import USERS

Answer = tuple[Actor, Mapping[str, int]] | None

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
    """A pool that knows how many statements it has run."""

    count = 0

    async def fetch_again(self, statement: bytes | sql.Composed, params: Params) -> Sequence[Row]:
        self.count += 1
        return await super().fetch_again(statement, params)


class Worker:
    """Accounts on a pool of their own, as a worker has them, with a user in a group and their tokens."""

    def __init__(self, pool: CountingPool, writer: psycopg.AsyncConnection[Row]) -> None:
        self.pool = pool
        self.accounts = PostgresAccounts(pool)
        self.writer = writer

    async def who(self) -> Answer:
        return await self.accounts.authenticate(TOKENS[0])

    async def fresh(self) -> Answer:
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
