"""Authenticates requests by their tokens.

One small row is read per token: whose it is, and the version of the directory, which moves whenever users, groups,
permissions or catalogs change. What a version says of a user is read once and kept, so nothing kept is ever old.

The record that a request is about is read by the same statement, of the same moment, if its token was valid before:
what strangers send costs no more than a look for their token.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

import msgspec

from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.connection.session import Row
from crm_adapters.postgres.connection.timeouts import BATCH_WINDOW
from crm_adapters.postgres.records.loader import Loader
from crm_adapters.postgres.records.replica import Replica
from crm_adapters.postgres.sql.statements import authenticate, authenticate_ahead, query
from crm_core.errors import UnavailableError
from crm_core.model.accounts import Actor, User
from crm_core.model.records import NOTHING_AHEAD, Document, Key, ReadAhead
from crm_core.model.registered import use_resources
from crm_core.resources import RESOURCES

#: Users and tokens that a worker keeps; each user takes some kilobytes.
_MAX_KEPT: Final = 2_000

#: Columns of the statement `authenticate`.
_TOKEN_COLUMNS: Final = 6


class Session(NamedTuple):
    """The user of a token, and the versions of the catalogs, under a version of the directory."""

    version: UUID
    is_active: bool
    actor: Actor
    catalogs: Mapping[str, int]
    ahead: ReadAhead = NOTHING_AHEAD


_LoadAhead: TypeAlias = Callable[[list[tuple[bytes, Key]]], Awaitable[Mapping[tuple[bytes, Key], Session]]]


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
        use_resources("a store of tokens")
        self._loaders_ahead = {name: Loader(self._load_ahead(name), window=BATCH_WINDOW) for name in RESOURCES}
        self._kept: dict[int, Session] = {}
        self._valid: dict[bytes, None] = {}
        self._background: set[asyncio.Task[Any]] = set()

    async def session(self, token: bytes, ahead: Key | None = None) -> Session | None:
        """Return the session of the token with this hash, as it is now; None if the token is not valid.

        With a replica no record is read ahead, as records are to be read there.
        """
        if ahead is None or token not in self._valid or self._replica is not None:
            return await self._loader.load(token)
        return await self._loaders_ahead[ahead.resource].load((token, ahead))

    async def _load(self, hashes: list[bytes]) -> Mapping[bytes, Session]:
        params = {"hashes": hashes, "token_days": self._token_days}
        with_written = self._replica is not None and self._replica.notes_writes
        rows = await self._pool.fetch_again(authenticate(with_written=with_written), params)
        if self._replica is not None and with_written:
            for _, user, _, written, _, _ in rows:
                self._replica.note(user, written)
        return await self._by_token(hashes, rows)

    def _load_ahead(self, resource: str) -> _LoadAhead:
        async def load(wanted: list[tuple[bytes, Key]]) -> Mapping[tuple[bytes, Key], Session]:
            hashes = list({token for token, _ in wanted})
            params = {"hashes": hashes, "token_days": self._token_days, "ids": list({key.id for _, key in wanted})}
            rows = await self._pool.fetch_again(authenticate_ahead(resource), params)
            sessions = await self._by_token(hashes, [row[:_TOKEN_COLUMNS] for row in rows if row[0] is not None])
            versions = {row[0]: row[2] for row in rows}
            documents = {row[-3]: Document(row[-2], row[-1]) for row in rows if row[0] is None}
            return {
                # If the directory has changed since, its session is of a later moment than the record.
                (token, key): session._replace(ahead={key: documents.get(key.id)})
                if (session := sessions[token]).version == versions[token]
                else session
                for token, key in wanted
                if token in sessions
            }

        return load

    async def _by_token(self, hashes: list[bytes], rows: Sequence[Row]) -> Mapping[bytes, Session]:
        """Return the sessions of those tokens that have a row, and remember which are valid."""
        if used := [row[0] for row in rows if row[-1]]:
            self._touch(used)
        users = await self._sessions({user: version for _, user, version, *_ in rows})
        found = {token: _narrowed(users[user], only) for token, user, _, _, only, _ in rows if user in users}
        self._valid |= dict.fromkeys(found)
        for token in hashes:
            if token not in found:
                self._valid.pop(token, None)
        _forget_the_oldest(self._valid)
        return found

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
        _forget_the_oldest(self._kept)
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


def _forget_the_oldest(kept: dict[Any, Any]) -> None:
    while len(kept) > _MAX_KEPT:
        del kept[next(iter(kept))]


def _narrowed(session: Session, permissions: list[str] | None) -> Session:
    # What is kept is of the user: the permissions of a token come with every reading of it.
    return session if permissions is None else session._replace(actor=session.actor.narrowed(frozenset(permissions)))


def _session_of(row: Row) -> Session:
    """Return the session of a row of the statement ``sessions``."""
    id_, username, first_name, last_name, email, is_active, is_superuser, groups, permissions, catalogs, version = row
    actor = Actor(
        user=User(id=id_, username=username, first_name=first_name, last_name=last_name, email=email),
        groups=tuple(groups),
        permissions=frozenset(permissions),
        is_superuser=is_superuser,
    )
    return Session(version, is_active, actor, msgspec.json.decode(catalogs, type=dict[str, int]))
