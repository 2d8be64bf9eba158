"""The tokens and calendars of users, and what their users may do."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from crm_adapters import json_documents
from crm_core import User
from crm_core.model.accounts import TOKEN_DAYS, Account, Actor, Authentication, IssuedToken, NewToken, actor_of
from crm_core.model.calendars import Calendar, NewCalendar
from crm_core.model.entities import ENTITIES
from crm_core.model.plain_values import parse_json
from crm_core.model.records import Key
from tests.mariadb.connection import Pool, Session

_TOKEN: Final = "id, prefix, permissions, created_at, last_used_at"  # names of columns
_CALENDAR: Final = "id, name, prefix, created_at, last_used_at"
_USER: Final = "id, username, first_name, last_name, email, is_superuser, is_active"
#: Uses are kept exact to a minute, so that not every request writes.
_USE: Final = (
    "set last_used_at = utc_timestamp(6) where hash = %s and last_used_at < utc_timestamp(6) - interval 1 minute"
)


class MariadbTokens:
    """Tokens and calendars in MariaDB: the part of the port Accounts that is about them.

    Args:
        pool: the connections.
        token_days: after how many days without use a token expires.
    """

    def __init__(self, pool: Pool, *, token_days: int = TOKEN_DAYS) -> None:
        self._pool = pool
        self._is_used = f"last_used_at >= utc_timestamp(6) - interval {token_days} day"

    async def authenticate(self, token: bytes, *, ahead: Key | None = None) -> Authentication | None:  # noqa: ARG002  # records are read when needed
        """Return the user whose token has this hash, and the catalog versions."""

        async def read(session: Session) -> Authentication | None:
            statement = f"select user, permissions from token where hash = %s and {self._is_used}"
            for user, permissions in await session.rows(statement, token):
                actor = await read_actor(session, "id = %s", user)
                versions = dict(await session.rows("select entity, version from catalog"))
                assert actor is not None
                return Authentication(
                    actor.narrowed(_permissions(permissions)), {**dict.fromkeys(ENTITIES, 1), **versions}
                )
            return None

        found = await self._pool.run("read", read)
        if found:
            await self._run(f"update token {_USE}", token)
        return found

    async def add_token(self, user_id: int, token: NewToken, *, if_hash: str | None = None) -> bool:
        """Keep a token of an active user, with ``if_hash`` only if that is still the hash of their password."""
        permissions = None if token.permissions is None else json_documents.encode(sorted(token.permissions)).decode()
        kept = token.hash, token.id, user_id, token.prefix, permissions

        async def add(session: Session) -> bool:
            if not await _is_active(session, user_id, if_hash):
                return False
            insert = "insert into token values (%s, %s, %s, %s, %s, utc_timestamp(6), utc_timestamp(6))"
            return bool(await session.run(insert, *kept))

        return await self._pool.run("write", add)

    async def find_token(self, token: bytes) -> IssuedToken | None:
        """Return the token with this hash, if it has not expired."""
        rows = await self._rows(f"select {_TOKEN} from token where hash = %s and {self._is_used}", token)
        return _token(rows[0]) if rows else None

    async def list_tokens(
        self, user_id: int, *, limit: int | None = None, before: tuple[datetime, UUID] | None = None
    ) -> Sequence[IssuedToken]:
        """Return the tokens of a user that have not expired, the newest first."""
        at, id_ = before or (None, None)
        where = f"user = %s and {self._is_used} and (%s is null or (created_at, id) < (%s, %s))"
        statement = f"select {_TOKEN} from token where {where} order by created_at desc, id desc"
        return [_token(row) for row in await self._rows(statement, user_id, at, at, id_)][:limit]

    async def revoke_token(self, token: bytes) -> bool:
        """Delete a token; return whether there was one."""
        return bool(await self._run("delete from token where hash = %s", token))

    async def revoke_token_of(self, user_id: int, token_id: UUID) -> bool:
        """Delete a token of a user by its id; return whether there was one."""
        return bool(
            await self._run(f"delete from token where user = %s and id = %s and {self._is_used}", user_id, token_id)
        )

    async def add_calendar(self, user_id: int, calendar: NewCalendar) -> Calendar | None:
        """Keep a calendar of an active user, and return it."""
        kept = calendar.hash, calendar.id, user_id, calendar.prefix, calendar.name

        async def add(session: Session) -> Calendar | None:
            if not await _is_active(session, user_id, None):
                return None
            insert = "insert into calendar values (%s, %s, %s, %s, %s, utc_timestamp(6), utc_timestamp(6))"
            await session.run(insert, *kept)
            [row] = await session.rows(f"select {_CALENDAR} from calendar where hash = %s", calendar.hash)
            return _calendar(row)

        return await self._pool.run("write", add)

    async def list_calendars(self, user_id: int) -> Sequence[Calendar]:
        """Return the calendars of a user that have not expired, the newest first."""
        where = f"user = %s and {self._is_used} order by created_at desc, id desc"
        return [_calendar(row) for row in await self._rows(f"select {_CALENDAR} from calendar where {where}", user_id)]

    async def open_calendar(self, secret: bytes) -> Actor | None:
        """Return the user of the calendar whose secret has this hash, as they are now."""

        async def read(session: Session) -> Actor | None:
            owner = f"select user from calendar where hash = %s and {self._is_used}"
            return await read_actor(session, f"is_active and id = ({owner})", secret)

        await self._run(f"update calendar {_USE} and {self._is_used}", secret)
        return await self._pool.run("read", read)

    async def revoke_calendar(self, user_id: int, calendar_id: UUID) -> bool:
        """Delete a calendar of a user by its id; return whether there was one."""
        return bool(
            await self._run(
                f"delete from calendar where user = %s and id = %s and {self._is_used}", user_id, calendar_id
            )
        )

    async def _rows(self, statement: str, *params: object) -> list[tuple[Any, ...]]:
        return await self._pool.run("read", lambda session: session.rows(statement, *params))

    async def _run(self, statement: str, *params: object) -> int:
        return await self._pool.run("write", lambda session: session.run(statement, *params))


async def read_accounts(session: Session, where: str, *params: object) -> Sequence[Account]:
    """Return the users that meet a condition, by id."""
    rows = await session.rows(f"select {_USER} from app_user where {where} order by id", *params)
    memberships = await session.rows("select user, app_group from membership order by app_group")
    return [
        Account(
            user=User(id=id_, username=name, first_name=first, last_name=last, email=email),
            groups=tuple(group for user, group in memberships if user == id_),
            is_superuser=bool(is_superuser),
            is_active=bool(is_active),
        )
        for id_, name, first, last, email, is_superuser, is_active in rows
    ]


async def read_actor(session: Session, where: str, *params: object) -> Actor | None:
    """Return the user who meets a condition, with what the groups of the user may do."""
    for account in await read_accounts(session, where, *params):
        of_groups = "app_group in (select app_group from membership where user = %s)"
        rows = await session.rows(f"select name from permission where {of_groups}", account.user.id)
        return actor_of(account, [name for (name,) in rows])
    return None


async def _is_active(session: Session, user_id: int, if_hash: str | None) -> bool:
    """Return whether a user may log in; nobody resets the password until the transaction ends."""
    statement = "select is_active and (%s is null or password = %s) from app_user where id = %s for update"
    return any(is_active for (is_active,) in await session.rows(statement, if_hash, if_hash, user_id))


def _permissions(text: str | None) -> frozenset[str] | None:
    return None if text is None else frozenset(parse_json(text))


def _token(row: Sequence[Any]) -> IssuedToken:
    id_, prefix, permissions, created_at, last_used_at = row
    return IssuedToken(
        id=UUID(id_),
        prefix=prefix,
        permissions=_permissions(permissions),
        created_at=created_at,
        last_used_at=last_used_at,
    )


def _calendar(row: Sequence[Any]) -> Calendar:
    id_, name, prefix, created_at, last_used_at = row
    return Calendar(id=UUID(id_), name=name, prefix=prefix, created_at=created_at, last_used_at=last_used_at)
