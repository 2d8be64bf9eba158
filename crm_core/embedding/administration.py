"""The calls of administrators: users, groups and tokens, as the command line has them.

They check no permission: a program that can make them can administer the store.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypedDict, Unpack

import attrs

from crm_core.embedding.calls import CallGroup, R_co, call, needed
from crm_core.model.accounts import Account, IssuedToken, UserChange
from crm_core.use_cases import users
from crm_core.use_cases.users import PasswordReset
from crm_core.use_cases.webhooks import CreatedWebhook


class PersonInput(TypedDict, total=False):
    """What is kept of a user beside the name to log in with.

    Attributes:
        first_name: the first name; may be empty.
        last_name: the last name; may be empty.
        email: the e-mail address; may be empty.
        groups: the names of all groups to be in.
    """

    first_name: str
    last_name: str
    email: str
    groups: Iterable[str]


class UserInput(PersonInput, total=False):
    """What can be changed of a user.

    Attributes:
        first_name: the first name; may be empty.
        last_name: the last name; may be empty.
        email: the e-mail address; may be empty.
        groups: the names of all groups to be in.
        is_superuser: whether they may do everything.
    """

    is_superuser: bool


@attrs.define(slots=False, eq=False)
class UserCalls(CallGroup[R_co]):
    """The calls that manage who can log in."""

    @call
    async def add(self, username: str, password: str, /, **values: Unpack[UserInput]) -> Account:
        """Add a user; return them. Raises UsernameTakenError, NotFoundError for an unknown group.

        Args:
            username: the name to log in with.
            password: the password.
            values: what is kept of them.
        """
        context = self.context
        passwords = needed(context.passwords, "passwords")
        await users.add_user(context.accounts, passwords, username, password, **values)
        return await users.find_user(context.accounts, username)

    @call
    async def add_external(self, username: str, /, **values: Unpack[PersonInput]) -> Account:
        """Add a user who logs in elsewhere, as no password fits; return them. Raises what ``add`` does.

        Args:
            username: the name by which ``as_user`` finds them.
            values: what is kept of them.
        """
        await users.add_external_user(self.context.accounts, username, **values)
        return await users.find_user(self.context.accounts, username)

    @call
    async def get(self, username: str, /) -> Account:
        """Return a user, disabled or not. Raises UnknownUserError.

        Args:
            username: the name to log in with.
        """
        return await users.find_user(self.context.accounts, username)

    @call
    async def list(self, /) -> tuple[Account, ...]:
        """Return all users, by id, the disabled ones too."""
        return tuple(await users.list_users(self.context.accounts))

    @call
    async def change(self, username: str, /, **values: Unpack[UserInput]) -> Account:
        """Change a user, from the next call on; return them. Raises UnknownUserError, NotFoundError for a group.

        Args:
            username: as in ``get``.
            values: what to change.
        """
        fields: dict[str, Any] = dict(values)
        await users.change_user(self.context.accounts, username, UserChange(**fields))
        return await users.find_user(self.context.accounts, username)

    @call
    async def reset_password(self, username: str, password: str, /) -> PasswordReset:
        """Give a user another password and revoke all their tokens. Raises UnknownUserError.

        Args:
            username: as in ``get``.
            password: the new password.
        """
        context = self.context
        return await users.reset_password(context.accounts, needed(context.passwords, "passwords"), username, password)

    @call
    async def disable(self, username: str, /) -> tuple[CreatedWebhook, ...]:
        """Refuse a user's logins and tokens; return the active webhooks that they created. Raises UnknownUserError.

        Args:
            username: as in ``get``.
        """
        return tuple(await users.disable_user(self.context.accounts, username, self.context.db))

    @call
    async def enable(self, username: str, /) -> int:
        """Let a disabled user in again; return how many tokens work again. Raises UnknownUserError.

        Args:
            username: as in ``get``.
        """
        return await users.enable_user(self.context.accounts, username)

    @call
    async def erase(self, username: str, /) -> tuple[str, int]:
        """Put a neutral name in place of a user's, for good; the user is disabled. Raises UnknownUserError.

        Return the new name, and how many records had the old one.

        Args:
            username: as in ``get``.
        """
        return await users.erase_user(self.context.accounts, self.context.db, username)


@attrs.define(slots=False, eq=False)
class GroupCalls(CallGroup[R_co]):
    """The calls that manage what the users of a group may do."""

    @call
    async def add(self, group: str, /) -> bool:
        """Create a group without permissions; return False if it exists already.

        Args:
            group: the name of the group.
        """
        return await users.add_group(self.context.accounts, group)

    @call
    async def list(self, /) -> Mapping[str, Sequence[str]]:
        """Return the permissions of every group, both in alphabetical order."""
        return await users.list_groups(self.context.accounts)

    @call
    async def grant(self, group: str, permissions: Collection[str], /) -> bool:
        """Give a group permissions, and create it if it is new; return whether it is.

        Args:
            group: the name of the group.
            permissions: the permissions, such as ``app.view_lead``; they may lack their ``app.``.
        """
        return await users.grant(self.context.accounts, group, permissions)

    @call
    async def revoke(self, group: str, permissions: Collection[str], /) -> None:
        """Take permissions from a group. Raises NotFoundError for an unknown group.

        Args:
            group: the name of the group.
            permissions: as in ``grant``.
        """
        await users.revoke(self.context.accounts, group, permissions)


@attrs.define(slots=False, eq=False)
class TokenCalls(CallGroup[R_co]):
    """The calls that manage the tokens by which requests over HTTP are authenticated."""

    @call
    async def issue(self, username: str, /, *, only: Collection[str] | None = None) -> str:
        """Return a new token of a user; it cannot be shown again.

        Args:
            username: the name of the user.
            only: the permissions that the token is narrowed to; None for whatever the user may do.

        Raises UnknownUserError, NotAuthenticatedError for a disabled user.
        """
        return await users.issue_token(self.context.accounts, username, only=only)

    @call
    async def list(self, username: str, /) -> tuple[IssuedToken, ...]:
        """Return the tokens of a user that still work, the oldest first. Raises UnknownUserError.

        Args:
            username: the name of the user.
        """
        return tuple(await users.list_tokens(self.context.accounts, username))

    @call
    async def revoke(self, username: str, prefix: str | None = None, /) -> int:
        """Revoke tokens of a user; return how many there were. Raises UnknownUserError.

        Args:
            username: the name of the user.
            prefix: the first characters of a token, as ``list`` has them; None for all tokens.
        """
        return await users.revoke_tokens(self.context.accounts, username, prefix)
