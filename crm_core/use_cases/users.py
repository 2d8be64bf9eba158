"""Manages users, groups and tokens for administrators, on the command line or from Python.

Permissions are not checked here: a program that can call these functions can administer the store.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import attrs

from crm_core.errors import NotAuthenticatedError, UnknownUserError, UsernameTakenError, invalid
from crm_core.input.texts import normal
from crm_core.model.accounts import NO_PASSWORD, Account, Actor, Caller, Idempotency, IssuedToken, UserChange
from crm_core.ports import Actors, Database, Passwords, Users
from crm_core.rules.accounts import (
    MAX_TEXTS,
    check_flags,
    check_new_user,
    check_password,
    is_user,
    is_username,
    neutral_name,
    read_group_name,
    read_group_names,
    read_new_username,
    read_permissions,
    read_user_texts,
)
from crm_core.use_cases import accounts
from crm_core.use_cases.callers import caller
from crm_core.use_cases.webhooks import CreatedWebhook, active_webhooks


class PasswordReset(NamedTuple):
    """The result of setting a new password.

    Attributes:
        revoked: how many tokens were revoked.
        is_active: whether the user can log in with it; a disabled one cannot.
    """

    revoked: int
    is_active: bool


async def add_user(
    users: Users,
    passwords: Passwords,
    username: str,
    password: str,
    *,
    first_name: str = "",
    last_name: str = "",
    email: str = "",
    is_superuser: bool = False,
    groups: Iterable[str] = (),
) -> int:
    """Add a user and return the id.

    Raises InvalidError with the problems of every field, UsernameTakenError, NotFoundError for an unknown group.
    """
    texts = {"first_name": first_name, "last_name": last_name, "email": email}
    name = check_new_user(username, password, texts)
    check_flags(is_superuser=is_superuser)
    names, kept = read_group_names(groups), read_user_texts(texts)
    password_hash = await passwords.hash(normal(password))
    id_ = await users.add_user(name, password_hash, is_superuser=is_superuser, groups=names, **kept)
    if id_ is None:
        raise UsernameTakenError
    return id_


async def add_external_user(
    users: Users,
    username: str,
    *,
    first_name: str = "",
    last_name: str = "",
    email: str = "",
    groups: Iterable[str] = (),
) -> int:
    """Add a user who logs in elsewhere, as no password fits; return the id, by which calls can be made as the user.

    Raises what ``add_user`` does.
    """
    texts: Mapping[str, Any] = read_user_texts({"first_name": first_name, "last_name": last_name, "email": email})
    name, names = read_new_username(username), read_group_names(groups)
    id_ = await users.add_user(name, NO_PASSWORD, groups=names, **texts)
    if id_ is None:
        raise UsernameTakenError
    return id_


async def change_user(users: Users, username: str, change: UserChange) -> None:
    """Change a user, from the next request on. A user who was erased stays disabled.

    Raises InvalidError with the problems of every field, UnknownUserError, NotFoundError for an unknown group.
    """
    values = attrs.asdict(change, recurse=False)
    texts: Mapping[str, Any] = read_user_texts({field: values[field] for field in MAX_TEXTS})
    flags = {name: values[name] for name in ("is_superuser", "is_active") if values[name] is not None}
    check_flags(**flags)
    groups = None if change.groups is None else frozenset(read_group_names(change.groups))
    account = await find_user(users, username)
    if change.is_active and account.user.username == neutral_name(account.user.id):
        raise invalid("is_active", "invalid", "This user was erased and stays disabled: add a new one.")
    await users.change_user(account.user.id, attrs.evolve(change, groups=groups, **texts))


async def find_user(users: Users, username: str) -> Account:
    """Return a user by name, disabled or not. Raises UnknownUserError."""
    account = await users.find_user(username) if is_username(username) else None
    if account is None:
        raise UnknownUserError(str(username))
    return account


async def list_users(users: Users) -> Sequence[Account]:
    """Return all users, by id, the disabled ones too."""
    return await users.list_users()


async def disable_user(users: Users, username: str, db: Database | None = None) -> Sequence[CreatedWebhook]:
    """Refuse a user's logins and tokens, from the next request on. Raises UnknownUserError.

    Return the active webhooks that the user created, if ``db`` is given: they stay active.
    """
    await change_user(users, username, UserChange(is_active=False))
    if db is None:
        return ()
    account = await find_user(users, username)
    return await active_webhooks(db, (account.user.id,))


async def erase_user(users: Users, db: Database, username: str) -> tuple[str, int]:
    """Put a neutral name in place of a user's wherever it is kept (decision 120); the user is disabled for good.

    Return the new name, and how many records had the old one. Raises UnknownUserError.
    """
    account = await find_user(users, username)
    name = neutral_name(account.user.id)
    await users.erase_user(account.user.id, name)
    return name, await db.rename_author(account.user.id, name)


async def enable_user(users: Users, username: str) -> int:
    """Let a disabled user in again; return how many tokens work again.

    Raises UnknownUserError, and InvalidError for one who was erased.
    """
    await change_user(users, username, UserChange(is_active=True))
    return len(await list_tokens(users, username))


async def reset_password(users: Users, passwords: Passwords, username: str, password: str) -> PasswordReset:
    """Give a user another password and revoke all their tokens. Raises InvalidError, UnknownUserError."""
    checked = check_password(password)
    account = await find_user(users, username)
    revoked = await users.reset_password(account.user.id, await passwords.hash(checked))
    return PasswordReset(revoked, account.is_active)


async def add_group(users: Users, group: str) -> bool:
    """Create a group without permissions; return False if it exists already. Raises InvalidError."""
    return await grant(users, group, ())


async def grant(users: Users, group: str, permissions: Collection[str]) -> bool:
    """Give a group permissions, and create it if it is new; return whether it is. Raises InvalidError."""
    return await users.grant(read_group_name(group), read_permissions(permissions))


async def revoke(users: Users, group: str, permissions: Collection[str]) -> None:
    """Take permissions from a group. Raises InvalidError, NotFoundError for an unknown group."""
    await users.revoke(read_group_name(group), read_permissions(permissions))


async def list_groups(users: Users) -> dict[str, Sequence[str]]:
    """Return the permissions of every group, both in alphabetical order."""
    groups = await users.list_groups()
    return {name: sorted(groups[name]) for name in sorted(groups)}


async def issue_token(users: Users, username: str, *, only: Collection[str] | None = None) -> str:
    """Return a new token of a user; it cannot be shown again.

    Args:
        users: where users and tokens are stored.
        username: the user's name.
        only: the permissions that the token is narrowed to (decision 82); None for whatever the user may do.

    Raises InvalidError, UnknownUserError, NotAuthenticatedError for a disabled user.
    """
    permissions = None if only is None else frozenset(read_permissions(only))
    account = await find_user(users, username)
    token = await accounts.issue_token(users, account.user.id, permissions)
    if token is None:
        raise NotAuthenticatedError(f"{username} is disabled.")
    return token


async def list_tokens(users: Users, username: str) -> Sequence[IssuedToken]:
    """Return the valid tokens of a user, the oldest first. Raises UnknownUserError."""
    account = await find_user(users, username)
    return list(reversed(await users.list_tokens(account.user.id)))


async def revoke_tokens(users: Users, username: str, prefix: str | None = None) -> int:
    """Revoke the tokens of a user that ``list_tokens`` shows with this prefix, or all; return how many there were.

    Raises UnknownUserError.
    """
    account = await find_user(users, username)
    is_any = prefix is None or is_username(prefix)  # no prefix is longer, or has other characters
    return await users.revoke_tokens(account.user.id, prefix) if is_any else 0


async def actor_of(actors: Actors, user: int | str) -> Actor:
    """Return a user whom the embedding program has authenticated itself, with their permissions at this moment.

    Args:
        actors: where users are stored.
        user: the id of the user, or the name.

    Raises UnknownUserError, NotAuthenticatedError for a disabled user.
    """
    actor = await actors.actor_of(user) if is_user(user) else None
    if actor is None:
        raise UnknownUserError(str(user))
    return actor


async def act_as(
    actors: Actors, user: int | str, *, request_id: str = "", idempotency: Idempotency | None = None
) -> Caller:
    """Return a caller for a user whom the embedding program has authenticated itself; errors are as of ``actor_of``."""
    return caller(await actor_of(actors, user), request_id=request_id, idempotency=idempotency)
