"""What several adapters' tests begin with."""

from collections.abc import Callable

import psycopg
import pytest

from crm_core.testing.machine import DISABLED_USER, USERS


@pytest.fixture(scope="module")
def url(migrated_database: Callable[[], str]) -> str:
    """A migrated database with the users that the contract asks for."""
    url = migrated_database()
    with psycopg.connect(url) as connection:
        for number in (*USERS, DISABLED_USER):
            connection.execute(
                "insert into app_user (username, password_hash, is_active) values (%s, '!', %s)",
                (f"user {number}", number != DISABLED_USER),
            )
    return url
