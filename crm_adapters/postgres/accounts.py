"""Keeps users, groups and tokens in PostgreSQL."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

import attrs

from crm_adapters.postgres.actors import account_of, read_actor, user_of
from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.connection.session import Connection, Row, transaction
from crm_adapters.postgres.records.replica import Replica
from crm_adapters.postgres.sql.statements import query
from crm_adapters.postgres.tokens import Tokens
from crm_core.errors import NotAuthenticatedError
from crm_core.model.accounts import (
    NO_PASSWORD,
    TOKEN_DAYS,
    Account,
    Actor,
    Authentication,
    IssuedToken,
    NewToken,
    User,
    UserChange,
    normal_username,
)
from crm_core.model.calendars import Calendar, NewCalendar
from crm_core.model.records import Key
from crm_core.rules.accounts import check_groups
from crm_core.rules.login_throttle import Failures


class PostgresAccounts:
    """Keeps users, groups and tokens in PostgreSQL (``crm_core.ports.Users``, and so ``Accounts``).

    Args:
        pool: where connections come from.
        token_days: after how many days without use a token expires.
        replica: is told the last transaction of each user.
    """

    def __init__(self, pool: Pool, *, token_days: int = TOKEN_DAYS, replica: Replica | None = None) -> None:
        self._pool = pool
        self._token_days = token_days
        self._tokens = Tokens(pool, token_days=token_days, replica=replica)

    async def authenticate(self, token: bytes, *, ahead: Key | None = None) -> Authentication | None:
        """Return the user whose token has this hash, and the versions of the catalogs at this moment."""
        session = await self._tokens.session(token, ahead)
        if session is None:
            return None
        if not session.is_active:
            raise NotAuthenticatedError("User inactive or deleted.")
        return Authentication(session.actor, session.catalogs, session.ahead)

    async def close(self) -> None:
        """Wait until every use of a token is recorded."""
        await self._tokens.close()

    async def actor_of(self, user: int | str) -> Actor | None:
        """Return a user by id or name, with all that they may do. Raises NotAuthenticatedError for a disabled user."""
        return await read_actor(self._pool.fetch_again, user)

    async def credentials(self, username: str) -> tuple[int, str] | None:
        """Return the id and password hash of an active user."""
        rows = await self._pool.fetch_again(query("credentials"), {"username": normal_username(username)})
        return (rows[0][0], rows[0][1]) if rows else None

    async def set_password(self, user_id: int, password_hash: str, *, if_hash: str | None = None) -> None:
        """Keep another hash, with ``if_hash`` only if that is the current one; tokens stay."""
        params = {"user_id": user_id, "password_hash": password_hash, "if_hash": if_hash}
        await self._pool.fetch(query("set_password"), params)

    async def add_token(self, user_id: int, token: NewToken, *, if_hash: str | None = None) -> bool:
        """Keep a token of an active user, with ``if_hash`` only if that is still the hash of their password."""
        params = attrs.asdict(token) | {
            "user_id": user_id,
            "permissions": None if token.permissions is None else sorted(token.permissions),
            "if_hash": if_hash,
            "token_days": self._token_days,
        }
        return bool(await self._pool.fetch(query("add_token"), params))

    async def find_token(self, token: bytes) -> IssuedToken | None:
        """Return the token with this hash, if it has not expired."""
        rows = await self._pool.fetch_again(query("find_token"), {"hash": token, "token_days": self._token_days})
        return _token_of(rows[0]) if rows else None

    async def list_tokens(
        self, user_id: int, *, limit: int | None = None, before: tuple[datetime, UUID] | None = None
    ) -> Sequence[IssuedToken]:
        """Return the tokens of a user that have not expired, the newest first."""
        created_at, id_ = before or (None, None)
        params = {"user_id": user_id, "limit": limit, "before": created_at, "before_id": id_}
        rows = await self._pool.fetch_again(query("list_tokens"), params | {"token_days": self._token_days})
        return [_token_of(row) for row in rows]

    async def revoke_token(self, token: bytes) -> bool:
        """Delete a token; return whether there was one."""
        return bool(await self._pool.fetch(query("revoke_token"), {"hash": token}))

    async def revoke_token_of(self, user_id: int, token_id: UUID) -> bool:
        """Delete a token of a user by its id; return whether there was one."""
        params = {"user_id": user_id, "id": token_id, "token_days": self._token_days}
        return bool(await self._pool.fetch(query("revoke_token_of"), params))

    async def add_calendar(self, user_id: int, calendar: NewCalendar) -> Calendar | None:
        """Keep a calendar of an active user, and return it."""
        params = attrs.asdict(calendar) | {"user_id": user_id, "token_days": self._token_days}
        rows = await self._pool.fetch(query("add_calendar"), params)
        return _calendar_of(rows[0]) if rows else None

    async def list_calendars(self, user_id: int) -> Sequence[Calendar]:
        """Return the calendars of a user that have not expired, the newest first."""
        params = {"user_id": user_id, "token_days": self._token_days}
        return [_calendar_of(row) for row in await self._pool.fetch_again(query("list_calendars"), params)]

    async def open_calendar(self, secret: bytes) -> Actor | None:
        """Return the user of the calendar whose secret has this hash, as they are now."""
        params = {"hash": secret, "token_days": self._token_days}
        rows = await self._pool.fetch_again(query("find_calendar"), params)
        if not rows:
            return None
        [[user_id, is_recorded]] = rows
        if not is_recorded:
            await self._pool.fetch(query("touch_calendar"), params)
        with suppress(NotAuthenticatedError):
            return await self.actor_of(user_id)
        return None

    async def revoke_calendar(self, user_id: int, calendar_id: UUID) -> bool:
        """Delete a calendar of a user by its id; return whether there was one."""
        params = {"user_id": user_id, "id": calendar_id, "token_days": self._token_days}
        return bool(await self._pool.fetch(query("revoke_calendar"), params))

    async def members(self, group: str) -> Sequence[User]:
        """Return the active users of a group, by id."""
        rows = await self._pool.fetch_again(query("members"), {"group": group})
        return [user_of(row) for row in rows]

    async def failures(self, keys: Sequence[str]) -> Mapping[str, Failures]:
        """Return the failed logins counted against the keys."""
        rows = await self._pool.fetch_again(query("failures"), {"keys": list(keys)})
        return {key: Failures(count, latest) for key, count, latest in rows}

    async def add_failure(self, keys: Sequence[str], now: datetime, forget_after: timedelta) -> Mapping[str, Failures]:
        """Count one more failure against the keys and return the counts."""
        params = {"keys": list(keys), "now": now, "forget_after": forget_after}
        rows = await self._pool.fetch(query("add_failure"), params)
        return {key: Failures(count, latest) for key, count, latest in rows}

    async def forget_failures(self, key: str) -> None:
        """Delete the count of a key."""
        await self._pool.fetch(query("forget_failures"), {"key": key})

    async def remember_address(self, user_id: int, address: str, now: datetime, forget_after: timedelta) -> None:
        """Keep that a user logged in from an address, and delete those that are too long unused."""
        params = {"user_id": user_id, "address": address, "now": now, "forget_after": forget_after}
        await self._pool.fetch(query("remember_address"), params)

    async def knows_address(self, username: str, address: str, since: datetime) -> bool:
        """Return whether the user with this name has logged in from an address since then."""
        params = {"username": normal_username(username), "address": address, "since": since}
        return bool(await self._pool.fetch_again(query("knows_address"), params))

    # What administrators do

    async def add_user(
        self,
        username: str,
        password_hash: str,
        *,
        first_name: str = "",
        last_name: str = "",
        email: str = "",
        is_superuser: bool = False,
        groups: Iterable[str] = (),
    ) -> int | None:
        """Keep a new user; return the id, or None if the name is taken. Raises NotFoundError for an unknown group."""
        params = {
            "username": normal_username(username),
            "password_hash": password_hash,
            "first_name": first_name,
            "last_name": last_name,
            "email": email,
            "is_superuser": is_superuser,
        }
        async with self._pool.connect() as connection, transaction(connection):
            cursor = await connection.execute(query("add_user"), params)
            row = await cursor.fetchone()
            if row is None:
                return None
            await _add_memberships(connection, row[0], list(groups))
        return int(row[0])

    async def find_user(self, username: str) -> Account | None:
        """Return the user with this name, disabled or not."""
        rows = await self._pool.fetch(query("find_user"), {"username": normal_username(username)})
        return account_of(rows[0]) if rows else None

    async def list_users(self) -> Sequence[Account]:
        """Return all users, by id, the disabled ones too."""
        return [account_of(row) for row in await self._pool.fetch(query("list_users"), {})]

    async def change_user(self, user_id: int, change: UserChange) -> None:
        """Change a user. Raises NotFoundError for an unknown group."""
        params = attrs.asdict(change, recurse=False) | {"user_id": user_id, "groups": list(change.groups or ())}
        async with self._pool.connect() as connection, transaction(connection):
            await connection.execute(query("change_user"), params)
            if change.groups is not None:
                await connection.execute(query("remove_memberships"), params)
                await _add_memberships(connection, user_id, params["groups"])

    async def reset_password(self, user_id: int, password_hash: str) -> int:
        """Keep another hash and delete all tokens of the user; return how many there were."""
        params = {"user_id": user_id, "password_hash": password_hash, "if_hash": None, "prefix": None}
        async with self._pool.connect() as connection, transaction(connection):
            # In this order: a login with the old password that adds a token at the same moment is waited for.
            await connection.execute(query("set_password"), params)
            cursor = await connection.execute(query("revoke_tokens"), params)
            return len(await cursor.fetchall())

    async def erase_user(self, user_id: int, username: str) -> None:
        """Put a username in place of all that identifies a user."""
        params = {"user_id": user_id, "username": username, "password_hash": NO_PASSWORD}
        await self._pool.fetch(query("erase_user"), params)

    async def revoke_tokens(self, user_id: int, prefix: str | None = None) -> int:
        """Delete the tokens and calendars of a user with this prefix, or all; return how many there were."""
        return len(await self._pool.fetch(query("revoke_tokens"), {"user_id": user_id, "prefix": prefix}))

    async def list_groups(self) -> Mapping[str, frozenset[str]]:
        """Return the permissions of every group."""
        rows = await self._pool.fetch(query("list_groups"), {})
        return {name: frozenset(permissions) for name, permissions in rows}

    async def grant(self, group: str, permissions: Iterable[str]) -> bool:
        """Give a group permissions; return whether the group was created by this."""
        async with self._pool.connect() as connection, transaction(connection):
            cursor = await connection.execute(query("add_group"), {"name": group})
            is_new = await cursor.fetchone() is not None
            await connection.execute(query("grant"), {"name": group, "permissions": list(permissions)})
        return is_new

    async def revoke(self, group: str, permissions: Iterable[str]) -> None:
        """Take permissions from a group. Raises NotFoundError for an unknown group."""
        check_groups([group], await self.list_groups())
        await self._pool.fetch(query("revoke"), {"name": group, "permissions": list(permissions)})


async def _add_memberships(connection: Connection, user_id: int, groups: Sequence[str]) -> None:
    cursor = await connection.execute(query("list_groups"))
    check_groups(groups, [name for name, _ in await cursor.fetchall()])
    await connection.execute(query("add_memberships"), {"user_id": user_id, "groups": groups})


def _token_of(row: Row) -> IssuedToken:
    id_, prefix, permissions, created_at, last_used_at = row
    narrowed = None if permissions is None else frozenset(permissions)
    return IssuedToken(id=id_, prefix=prefix, permissions=narrowed, created_at=created_at, last_used_at=last_used_at)


def _calendar_of(row: Row) -> Calendar:
    id_, name, prefix, created_at, last_used_at = row
    return Calendar(id=id_, name=name, prefix=prefix, created_at=created_at, last_used_at=last_used_at)
