"""MariadbAccounts: the ports Accounts and Users."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import attrs

from crm_core import User
from crm_core.model.accounts import NO_PASSWORD, Account, Actor, UserChange, normal_username
from crm_core.rules.accounts import MAX_TEXTS, check_groups
from crm_core.rules.login_throttle import Failures
from tests.mariadb.connection import Session, TakenError
from tests.mariadb.tokens import MariadbTokens, read_accounts, read_actor

__all__ = ["MariadbAccounts"]
_INSERT: Final = """
    insert into app_user (username, password, first_name, last_name, email, is_superuser)
    values (%s, %s, %s, %s, %s, %s)
"""
_COUNT: Final = """
    insert into failed_login values (%s, 1, %s) on duplicate key update count = count + 1, latest = value(latest)
"""


class MariadbAccounts(MariadbTokens):
    """Users, groups, tokens and calendars in MariaDB (``crm_core.ports.Users``, and so ``Accounts``)."""

    async def actor_of(self, user: int | str) -> Actor | None:
        """Return a user by id or name, with all that they may do. Raises NotAuthenticatedError for a disabled user."""
        where = "username = %s" if isinstance(user, str) else "id = %s"
        given = normal_username(user) if isinstance(user, str) else user
        return await self._pool.run("read", lambda session: read_actor(session, where, given))

    async def credentials(self, username: str) -> tuple[int, str] | None:
        """Return the id and password hash of an active user."""
        statement = "select id, password from app_user where username = %s and is_active"
        rows = await self._rows(statement, normal_username(username))
        return (rows[0][0], rows[0][1]) if rows else None

    async def set_password(self, user_id: int, password_hash: str, *, if_hash: str | None = None) -> None:
        """Keep another hash, with ``if_hash`` only if that is the current one; tokens stay."""
        where = "id = %s and (%s is null or password = %s)"
        await self._run(f"update app_user set password = %s where {where}", password_hash, user_id, if_hash, if_hash)

    async def members(self, group: str) -> Sequence[User]:
        """Return the active users of a group, by id."""
        where = "is_active and id in (select user from membership where app_group = %s)"
        return [account.user for account in await self._accounts(where, group)]

    # Failed logins

    async def failures(self, keys: Sequence[str]) -> Mapping[str, Failures]:
        """Return the failed logins counted against the keys."""
        return await self._pool.run("read", partial(_failures, keys=keys))

    async def add_failure(self, keys: Sequence[str], now: datetime, forget_after: timedelta) -> Mapping[str, Failures]:
        """Count one more failure against the keys and return the counts."""

        async def add(session: Session) -> Mapping[str, Failures]:
            await session.run("delete from failed_login where latest < %s", now - forget_after)
            for key in sorted(keys):
                await session.run(_COUNT, key, now)
            return await _failures(session, keys)

        return await self._pool.run("write", add)

    async def forget_failures(self, key: str) -> None:
        """Delete the count of a key."""
        await self._run("delete from failed_login where name = %s", key)

    async def remember_address(self, user_id: int, address: str, now: datetime, forget_after: timedelta) -> None:
        """Keep that a user logged in from an address, and delete those that are too long unused."""
        await self._run("replace into login_address values (%s, %s, %s)", user_id, address, now)
        await self._run("delete from login_address where user = %s and at < %s", user_id, now - forget_after)

    async def knows_address(self, username: str, address: str, since: datetime) -> bool:
        """Return whether the user with this name has logged in from an address since then."""
        of_user = "user = (select id from app_user where username = %s)"
        statement = f"select 1 from login_address where {of_user} and address = %s and at >= %s"
        return bool(await self._rows(statement, normal_username(username), address, since))

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
        kept = normal_username(username), password_hash, first_name, last_name, email, is_superuser

        async def add(session: Session) -> int | None:
            await _check_groups(session, groups)
            try:
                await session.run(_INSERT, *kept)
            except TakenError:
                return None
            [(id_,)] = await session.rows("select last_insert_id()")
            await _join(session, id_, groups)
            return int(id_)

        return await self._pool.run("write", add)

    async def find_user(self, username: str) -> Account | None:
        """Return the user with this name, disabled or not."""
        found = await self._accounts("username = %s", normal_username(username))
        return found[0] if found else None

    async def list_users(self) -> Sequence[Account]:
        """Return all users, by id, the disabled ones too."""
        return await self._accounts("true")

    async def change_user(self, user_id: int, change: UserChange) -> None:
        """Change a user, all or nothing. Raises NotFoundError for an unknown group."""
        values = {name: value for name, value in attrs.asdict(change, recurse=False).items() if value is not None}
        groups = values.pop("groups", None)

        async def apply(session: Session) -> None:
            for name, value in values.items():
                await session.run(f"update app_user set {name} = %s where id = %s", value, user_id)
            if groups is not None:
                await _check_groups(session, groups)
                await session.run("delete from membership where user = %s", user_id)
                await _join(session, user_id, groups)

        await self._pool.run("write", apply)

    async def reset_password(self, user_id: int, password_hash: str) -> int:
        """Keep another hash and delete all tokens of the user; return how many there were."""

        async def reset(session: Session) -> int:
            await session.run("update app_user set password = %s where id = %s", password_hash, user_id)
            return await _revoke(session, user_id, None)

        return await self._pool.run("write", reset)

    async def erase_user(self, user_id: int, username: str) -> None:
        """Put a username in place of all that identifies a user."""
        texts = "".join(f", {name} = ''" for name in MAX_TEXTS)
        rights = "is_active = false, is_superuser = false"
        erase = f"update app_user set username = %s, password = %s, {rights}{texts} where id = %s"

        async def forget(session: Session) -> None:
            [(name,)] = await session.rows("select username from app_user where id = %s for update", user_id)
            ending = f" {name}"
            await session.run("delete from failed_login where right(name, char_length(%s)) = %s", ending, ending)
            await session.run("delete from login_address where user = %s", user_id)
            await session.run("delete from membership where user = %s", user_id)
            await session.run(erase, username, NO_PASSWORD, user_id)
            await _revoke(session, user_id, None)

        await self._pool.run("write", forget)

    async def revoke_tokens(self, user_id: int, prefix: str | None = None) -> int:
        """Delete the tokens and calendars of a user with this prefix, or all; return how many there were."""
        return await self._pool.run("write", lambda session: _revoke(session, user_id, prefix))

    # Groups

    async def list_groups(self) -> Mapping[str, frozenset[str]]:
        """Return the permissions of every group."""
        groups = await self._rows(
            "select g.name, p.name from app_group g left join permission p on p.app_group = g.name"
        )
        names = {group for group, _ in groups}
        return {name: frozenset(each for group, each in groups if group == name and each) for name in sorted(names)}

    async def grant(self, group: str, permissions: Iterable[str]) -> bool:
        """Give a group permissions; return whether the group was created by this."""

        async def give(session: Session) -> bool:
            is_new = await session.run("insert ignore into app_group values (%s)", group)
            for each in sorted(set(permissions)):
                await session.run("insert ignore into permission values (%s, %s)", group, each)
            return bool(is_new)

        return await self._pool.run("write", give)

    async def revoke(self, group: str, permissions: Iterable[str]) -> None:
        """Take permissions from a group. Raises NotFoundError for an unknown group."""

        async def take(session: Session) -> None:
            await _check_groups(session, [group])
            for each in sorted(set(permissions)):
                await session.run("delete from permission where app_group = %s and name = %s", group, each)

        await self._pool.run("write", take)

    async def _accounts(self, where: str, *params: object) -> Sequence[Account]:
        return await self._pool.run("read", lambda session: read_accounts(session, where, *params))


async def _failures(session: Session, keys: Sequence[str]) -> Mapping[str, Failures]:
    if not keys:
        return {}
    rows = await session.rows("select name, count, latest from failed_login where name in %s", tuple(keys))
    return {name: Failures(count, latest) for name, count, latest in rows}


async def _check_groups(session: Session, names: Iterable[str]) -> None:
    check_groups(sorted(set(names)), [name for (name,) in await session.rows("select name from app_group")])


async def _join(session: Session, user_id: int, groups: Iterable[str]) -> None:
    for group in sorted(set(groups)):
        await session.run("insert into membership values (%s, %s)", user_id, group)


async def _revoke(session: Session, user_id: int, prefix: str | None) -> int:
    """Delete the tokens and calendars of a user; return how many there were."""
    where = "user = %s and (%s is null or prefix = %s)"
    tables = ("token", "calendar")
    return sum([await session.run(f"delete from {table} where {where}", user_id, prefix, prefix) for table in tables])
