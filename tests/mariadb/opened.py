"""Databases of a server, empty but for the users of the contract."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import attrs

from crm_core.model.accounts import UserChange
from crm_core.testing import DISABLED_USER, USERS
from tests.mariadb.accounts import MariadbAccounts
from tests.mariadb.connection import Pool, Session, microseconds
from tests.mariadb.database import MariadbDatabase, begin, migrate
from tests.mariadb.schema import TABLES

#: The columns of times by their tables: what lets time pass makes them earlier.
_TIMES: Final = {
    "delivery": ("next_at", "created_at", "attempted_at", "finished_at"),
    "endpoint": ("failing_since", "paused_until"),
    "secret": ("until",),
    "token": ("created_at", "last_used_at"),
    "calendar": ("created_at", "last_used_at"),
}


@attrs.frozen
class Stores:
    """What keeps records, users and deliveries on a server, and its connections."""

    pool: Pool
    database: MariadbDatabase
    accounts: MariadbAccounts

    async def add_users(self) -> None:
        """Add the users of the contract."""
        for number in (*USERS, DISABLED_USER):
            await self.accounts.add_user(f"user {number}", "!")
        await self.accounts.change_user(DISABLED_USER, UserChange(is_active=False))

    async def elapse(self, time: timedelta) -> None:
        """Let time pass."""

        async def make_older(session: Session) -> None:
            for table, columns in _TIMES.items():
                earlier = ", ".join(f"{each} = {each} - interval {microseconds(time)} microsecond" for each in columns)
                await session.run(f"update {table} set {earlier}")

        await self.pool.run("write", make_older)


async def prepared(address: Mapping[str, str]) -> Mapping[str, str]:
    """Create a database with tables on a server; return how to reach it."""
    server = Pool(address)
    await server.run("write", lambda session: session.run("create database crm"))
    await server.close()
    pool = Pool({**address, "db": "crm"})
    await migrate(pool)
    await pool.close()
    return pool.address


@asynccontextmanager
async def opened(address: Mapping[str, str]) -> AsyncIterator[Stores]:
    """Open a database, without anything in it."""
    pool = Pool(address)
    try:
        await pool.run("write", _empty)
        yield Stores(pool, MariadbDatabase(pool), MariadbAccounts(pool))
    finally:
        await pool.close()


async def _empty(session: Session) -> None:
    for table in TABLES:
        await session.run(f"delete from {table}")
    await session.run("alter table app_user auto_increment = 1")
    await begin(session)
