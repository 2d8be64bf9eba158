"""Authenticates requests by their tokens.

One small row is read per token: whose it is, and the version of the directory, which moves whenever users, groups,
permissions or catalogs change. What a version says of a user is read once and kept, so nothing kept is ever old.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec

from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.connection.session import Row
from crm_adapters.postgres.connection.timeouts import BATCH_WINDOW
from crm_adapters.postgres.records.loader import Loader
from crm_adapters.postgres.records.replica import Replica
from crm_adapters.postgres.sql.statements import authenticate, query
from crm_core.errors import UnavailableError
from crm_core.model.accounts import Actor, User

#: Users that a worker keeps; each takes some kilobytes.
_MAX_KEPT: Final = 2_000


class Session(NamedTuple):
    """The user of a token, and the versions of the catalogs, under a version of the directory."""

    version: UUID
    is_active: bool
    actor: Actor
    catalogs: Mapping[str, int]


class Tokens:
    """Returns the sessions of tokens; concurrent requests share one query.

    Args:
        pool: where connections come from.
        token_days: after how many days without use a token expires.
        replica: is told the last transaction of each user.
    """

    def __init__(self, pool: Pool, *, token_days: int, replica: Replica | None) -> None:
        self._pool = pool
        self._token_days = token_days
        self._replica = replica
        self._loader: Loader[bytes, Session] = Loader(self._load, window=BATCH_WINDOW)
        self._kept: dict[int, Session] = {}
        self._background: set[asyncio.Task[Any]] = set()

    async def session(self, token: bytes) -> Session | None:
        """Return the session of the token with this hash, as it is now; None if the token is not valid."""
        return await self._loader.load(token)

    async def _load(self, hashes: list[bytes]) -> Mapping[bytes, Session]:
        params = {"hashes": hashes, "token_days": self._token_days}
        with_written = self._replica is not None and self._replica.notes_writes
        rows = await self._pool.fetch_again(authenticate(with_written=with_written), params)
        if self._replica is not None and with_written:
            for _, user, _, written, _, _ in rows:
                self._replica.note(user, written)
        if used := [row[0] for row in rows if row[-1]]:
            self._touch(used)
        sessions = await self._sessions({user: version for _, user, version, *_ in rows})
        return {token: _narrowed(sessions[user], only) for token, user, _, _, only, _ in rows if user in sessions}

    async def _sessions(self, versions: Mapping[int, UUID]) -> Mapping[int, Session]:
        """Return the sessions of users under these versions of the directory, or later ones."""
        found = {user: self._kept[user] for user in versions if user in self._kept}
        unknown = [user for user in versions if user not in found or found[user].version != versions[user]]
        if not unknown:
            return found
        read = {row[0]: _session_of(row) for row in await self._pool.fetch_again(query("sessions"), {"users": unknown})}
        for user in unknown:
            self._kept.pop(user, None)
            found.pop(user, None)
        self._kept |= read
        while len(self._kept) > _MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        return found | read

    def _touch(self, hashes: list[bytes]) -> None:
        """Record the use in the background, because it may fail or have to wait for a lock."""

        async def touch() -> None:
            with suppress(UnavailableError):  # the next use records it
                await self._pool.fetch(query("touch_tokens"), {"hashes": hashes})

        task = asyncio.create_task(touch())
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def close(self) -> None:
        """Wait until every use of a token is recorded."""
        await asyncio.gather(*self._background, return_exceptions=True)


def _narrowed(session: Session, permissions: list[str] | None) -> Session:
    # What is kept is of the user: the permissions of a token come with every reading of it.
    return session if permissions is None else session._replace(actor=session.actor.narrowed(frozenset(permissions)))


def _session_of(row: Row) -> Session:
    id_, username, first_name, last_name, email, is_active, is_superuser, groups, permissions, catalogs, version = row
    actor = Actor(
        user=User(id=id_, username=username, first_name=first_name, last_name=last_name, email=email),
        groups=tuple(groups),
        permissions=frozenset(permissions),
        is_superuser=is_superuser,
    )
    return Session(version, is_active, actor, msgspec.json.decode(catalogs, type=dict[str, int]))
