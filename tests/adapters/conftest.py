"""What several adapters' tests begin with."""

import asyncio
from collections.abc import Callable

import psycopg
import pytest

from crm_adapters.postgres.sql.migrations import migrate
from crm_core.testing.machine import DISABLED_USER, USERS


@pytest.fixture(scope="module")
def url(new_database: Callable[[], str]) -> str:
    """A migrated database with the users that the contract asks for."""
    url = new_database()
    asyncio.run(migrate(url))
    with psycopg.connect(url) as connection:
        for number in (*USERS, DISABLED_USER):
            connection.execute(
                "insert into app_user (username, password_hash, is_active) values (%s, '!', %s)",
                (f"user {number}", number != DISABLED_USER),
            )
    return url
