"""Reads users: as administrators see them, and as actors."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from psycopg import sql

from crm_adapters.postgres.connection.prepared_statements import Params, Row
from crm_adapters.postgres.sql.statements import query
from crm_core.model.accounts import Account, Actor, User, actor_of, normal_username


async def read_actor(
    fetch: Callable[[bytes | sql.Composed, Params], Awaitable[Sequence[Row]]], user: int | str
) -> Actor | None:
    """Return a user by id or name, with all that they may do. Raises NotAuthenticatedError for a disabled user."""
    id_, name = (None, normal_username(user)) if isinstance(user, str) else (user, None)
    rows = await fetch(query("actor_of"), {"id": id_, "username": name})
    if not rows:
        return None
    *account, permissions = rows[0]
    return actor_of(account_of(account), permissions)


def account_of(row: Sequence[Any]) -> Account:
    """Return the user of a row of the statements that read users."""
    *user, is_active, is_superuser, groups = row
    return Account(user=user_of(user), groups=tuple(groups), is_superuser=is_superuser, is_active=is_active)


def user_of(values: Sequence[Any]) -> User:
    """Return the person of the first columns of such a row."""
    id_, username, first_name, last_name, email = values
    return User(id=id_, username=username, first_name=first_name, last_name=last_name, email=email)
