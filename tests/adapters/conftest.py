"""What several adapters' tests begin with."""

import asyncio
from collections.abc import Callable

import psycopg
import pytest

from crm_adapters.postgres.sql.migrations import migrate
from crm_core.testing.machine import USERS


@pytest.fixture(scope="module")
def url(new_database: Callable[[], str]) -> str:
    """A migrated database with the users that the contract asks for."""
    url = new_database()
    asyncio.run(migrate(url))
    with psycopg.connect(url) as connection:
        for number in USERS:
            connection.execute("insert into app_user (username, password_hash) values (%s, '!')", (f"user {number}",))
    return url
