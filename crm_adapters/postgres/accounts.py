"""Users, groups and tokens in PostgreSQL."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from crm_adapters.postgres.connection.options import transaction
from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.connection.session import Row
from crm_adapters.postgres.connection.timeouts import BATCH_WINDOW
from crm_adapters.postgres.records.batching import Loader
from crm_adapters.postgres.records.replica import Replica
from crm_adapters.postgres.sql.statements import authenticate, query
from crm_core.errors import NotAuthenticatedError, UnavailableError
from crm_core.model.accounts import Actor, User, normal_username
from crm_core.rules.login_throttle import Failures


class UserRow(NamedTuple):
    """A user as the command line lists one."""

    username: str
    first_name: str
    last_name: str
    email: str
    is_active: bool
    is_superuser: bool
    groups: list[str]


class _Session(NamedTuple):
    """Whom a token lets in, and the catalogs' versions of that moment."""

    is_active: bool
    actor: Actor
    catalogs: Mapping[str, int]


def _session_of(row: Row) -> _Session:
    _, id_, username, first_name, last_name, email, is_active, is_superuser, groups, permissions, catalogs, *_ = row
    user = User(id=id_, username=username, first_name=first_name, last_name=last_name, email=email)
    actor = Actor(user=user, groups=tuple(groups), permissions=frozenset(permissions), is_superuser=is_superuser)
    return _Session(is_active, actor, msgspec.json.decode(catalogs, type=dict[str, int]))


class PostgresAccounts:
    """The Accounts port, and what the command line manages users with.

    Args:
        pool: where connections come from.
        token_days: after how many days without use a token ends.
        replica: is told what users wrote last.
    """

    def __init__(self, pool: Pool, *, token_days: int = 30, replica: Replica | None = None) -> None:
        self._pool = pool
        self._token_days = token_days
        self._replica = replica
        self._sessions: Loader[bytes, _Session] = Loader(self._load_sessions, window=BATCH_WINDOW)
        self._background: set[asyncio.Task[Any]] = set()

    async def authenticate(self, token: bytes) -> tuple[Actor, Mapping[str, int]] | None:
        """The user whose token has this hash, and the catalogs' versions of this moment."""
        session = await self._sessions.load(token)
        if session is None:
            return None
        if not session.is_active:
            raise NotAuthenticatedError("User inactive or deleted.")
        return session.actor, session.catalogs

    async def _load_sessions(self, hashes: list[bytes]) -> Mapping[bytes, _Session]:
        params = {"hashes": hashes, "token_days": self._token_days}
        with_written = self._replica is not None and self._replica.notes_writes
        rows = await self._pool.fetch_again(authenticate(with_written=with_written), params)
        if self._replica is not None and with_written:
            for row in rows:
                self._replica.note(row[1], row[-2])
        if used := [row[0] for row in rows if row[-1]]:
            self._touch(used)
        return {row[0]: _session_of(row) for row in rows}

    def _touch(self, hashes: list[bytes]) -> None:
        """Remember the use beside the request, not within it: it may fail, and others may wait for the row."""

        async def touch() -> None:
            with suppress(UnavailableError):  # the next use tells it
                await self._pool.fetch(query("touch_tokens"), {"hashes": hashes})

        task = asyncio.create_task(touch())
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def close(self) -> None:
        """Wait for what runs in the background."""
        await asyncio.gather(*self._background, return_exceptions=True)

    async def credentials(self, username: str) -> tuple[int, str] | None:
        """The id and password hash of an active user."""
        rows = await self._pool.fetch_again(query("credentials"), {"username": normal_username(username)})
        return (rows[0][0], rows[0][1]) if rows else None

    async def set_password(self, user_id: int, password_hash: str, *, seen: str | None = None) -> None:
        """Keep a new hash, with ``seen`` only in place of that one; tokens stay."""
        params = {"user_id": user_id, "password_hash": password_hash, "seen": seen}
        await self._pool.fetch(query("set_password"), params)

    async def add_token(self, user_id: int, token: bytes, prefix: str, *, seen: str | None = None) -> bool:
        """Keep a token of an active user, with ``seen`` only while that is the hash of their password."""
        params = {"user_id": user_id, "hash": token, "prefix": prefix, "seen": seen, "token_days": self._token_days}
        return bool(await self._pool.fetch(query("add_token"), params))

    async def revoke_token(self, token: bytes) -> bool:
        """Forget a token; whether there was one."""
        return bool(await self._pool.fetch(query("revoke_token"), {"hash": token}))

    async def members(self, group: str) -> Sequence[User]:
        """The active users of a group, by id."""
        rows = await self._pool.fetch_again(query("members"), {"group": group})
        return [User(id=i, username=n, first_name=f, last_name=s, email=e) for i, n, f, s, e in rows]

    async def failures(self, keys: Sequence[str]) -> Mapping[str, Failures]:
        """The failed logins counted against the keys."""
        rows = await self._pool.fetch_again(query("failures"), {"keys": list(keys)})
        return {key: Failures(count, latest) for key, count, latest in rows}

    async def add_failure(self, keys: Sequence[str], now: datetime, forget_after: timedelta) -> None:
        """Count one more against each key."""
        await self._pool.fetch(query("add_failure"), {"keys": list(keys), "now": now, "forget_after": forget_after})

    async def forget_failures(self, key: str) -> None:
        """Start over for a key."""
        await self._pool.fetch(query("forget_failures"), {"key": key})

    # What follows is for the command line.

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
        """A new user's id, or None when the name is taken."""
        async with self._pool.connect() as connection, transaction(connection):
            cursor = await connection.execute(
                query("add_user"),
                {
                    "username": normal_username(username),
                    "password_hash": password_hash,
                    "first_name": first_name,
                    "last_name": last_name,
                    "email": email,
                    "is_superuser": is_superuser,
                },
            )
            row = await cursor.fetchone()
            if row is None:
                return None
            await connection.execute(query("add_memberships"), {"user_id": row[0], "groups": list(groups)})
        return int(row[0])

    async def users(self) -> Sequence[UserRow]:
        """All users, by id."""
        return [UserRow(*row) for row in await self._pool.fetch(query("users"), {})]

    async def user_id(self, username: str) -> int | None:
        """The id of a user by name."""
        rows = await self._pool.fetch(query("user_id"), {"username": normal_username(username)})
        return rows[0][0] if rows else None

    async def disable(self, username: str) -> bool:
        """Let a user in no more, from the next request on. Whether there is such a user."""
        return bool(await self._pool.fetch(query("disable_user"), {"username": normal_username(username)}))

    async def tokens(self, username: str) -> Sequence[tuple[str, datetime, datetime]]:
        """The first characters of a user's tokens, when each was made and last used."""
        rows = await self._pool.fetch(query("tokens"), {"username": normal_username(username)})
        return [(prefix, created, used) for prefix, created, used in rows]

    async def revoke_tokens(self, user_id: int) -> int:
        """Forget all tokens of a user; how many there were."""
        return len(await self._pool.fetch(query("revoke_tokens"), {"user_id": user_id}))

    async def revoke_tokens_with_prefix(self, username: str, prefix: str) -> int:
        """Forget a user's token by its first characters; how many there were."""
        params = {"username": normal_username(username), "prefix": prefix}
        return len(await self._pool.fetch(query("revoke_tokens_with_prefix"), params))

    async def groups(self) -> Mapping[str, Sequence[str]]:
        """The permissions of every group."""
        return dict(await self._pool.fetch(query("groups"), {}))

    async def grant(self, group: str, permissions: Iterable[str]) -> None:
        """Give a group permissions; a group that is new is made."""
        await self._pool.fetch(query("add_group"), {"name": group})
        await self._pool.fetch(query("grant"), {"name": group, "permissions": list(permissions)})

    async def revoke(self, group: str, permissions: Iterable[str]) -> None:
        """Take permissions from a group."""
        await self._pool.fetch(query("revoke"), {"name": group, "permissions": list(permissions)})
