"""Users, their tokens, their calendars and their passwords."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from crm_core.model.accounts import Account, Actor, Authentication, IssuedToken, NewToken, User, UserChange
from crm_core.model.calendars import Calendar, NewCalendar
from crm_core.model.records import Key
from crm_core.rules.login_throttle import Failures


class Actors(Protocol):
    """Finds the users in whose name an embedding program acts. May raise UnavailableError."""

    async def actor_of(self, user: int | str) -> Actor | None:
        """Return a user by id or name, with all that they may do at this moment; None if there is none.

        Raises NotAuthenticatedError for a disabled user.
        """
        ...


class Accounts(Actors, Protocol):
    """Authenticates requests and logins, and finds actors.

    Methods may raise UnavailableError, and no other error of the store's own.
    """

    async def authenticate(self, token: bytes, *, ahead: Key | None = None) -> Authentication | None:
        """Return the user whose token has this hash, and the catalog version of every entity at this moment.

        A store that can read the record ``ahead`` together with the token returns it too.

        The user is narrowed to the permissions of the token (``Actor.narrowed``).

        None if the token is unknown, revoked or expired. Raises NotAuthenticatedError for a disabled user.
        """

    async def credentials(self, username: str) -> tuple[int, str] | None:
        """Return the id and password hash of an active user, whose name may be in any Unicode form."""

    async def set_password(self, user_id: int, password_hash: str, *, if_hash: str | None = None) -> None:
        """Keep a new password hash; tokens stay. With ``if_hash`` only if that is the current hash."""

    async def add_token(self, user_id: int, token: NewToken, *, if_hash: str | None = None) -> bool:
        """Keep a token of an active user; return whether it was kept.

        Args:
            user_id: the user's id.
            token: the token.
            if_hash: keep it only if this is still the hash of the user's password.
        """
        ...

    async def find_token(self, token: bytes) -> IssuedToken | None:
        """Return the token with this hash, if it has not expired. This is no use of it."""

    async def list_tokens(
        self, user_id: int, *, limit: int | None = None, before: tuple[datetime, UUID] | None = None
    ) -> Sequence[IssuedToken]:
        """Return the tokens of a user that have not expired, the newest first.

        Args:
            user_id: the user's id.
            limit: the most tokens; None for all.
            before: only those older than this time and id, where the previous page ended.
        """
        ...

    async def revoke_token(self, token: bytes) -> bool:
        """Delete a token by its hash; return whether there was one."""
        ...

    async def revoke_token_of(self, user_id: int, token_id: UUID) -> bool:
        """Delete a token of a user by its id; return whether there was one."""
        ...

    async def add_calendar(self, user_id: int, calendar: NewCalendar) -> Calendar | None:
        """Keep a calendar of an active user, and return it; None if the user is disabled."""

    async def list_calendars(self, user_id: int) -> Sequence[Calendar]:
        """Return the calendars of a user that have not expired, the newest first. They expire as tokens do."""
        ...

    async def open_calendar(self, secret: bytes) -> Actor | None:
        """Return the user of the calendar whose secret has this hash, as they are now. This is a use of it.

        None if the secret is unknown, revoked or expired, or if the user is disabled.
        """

    async def revoke_calendar(self, user_id: int, calendar_id: UUID) -> bool:
        """Delete a calendar of a user by its id; return whether there was one."""
        ...

    async def members(self, group: str) -> Sequence[User]:
        """Return the active users of a group, by id."""
        ...

    async def failures(self, keys: Sequence[str]) -> Mapping[str, Failures]:
        """Return the failed logins counted against the keys."""
        ...

    async def add_failure(self, keys: Sequence[str], now: datetime, forget_after: timedelta) -> Mapping[str, Failures]:
        """Count one more failure against the keys and return the counts.

        A count whose latest failure is older than ``forget_after`` begins again.
        """
        ...

    async def forget_failures(self, key: str) -> None:
        """Delete the count of a key."""

    async def remember_address(self, user_id: int, address: str, now: datetime, forget_after: timedelta) -> None:
        """Keep that a user logged in from an address; those last used longer than ``forget_after`` ago are deleted."""

    async def knows_address(self, username: str, address: str, since: datetime) -> bool:
        """Return whether the user with this name has logged in from an address since then."""
        ...


class Users(Accounts, Protocol):
    """Manages users, groups and tokens for administrators; includes Accounts.

    A new store has no users and the groups of ``crm_core.model.permissions.GROUPS``. Names are checked by the use
    cases (``crm_core.use_cases.users``); those of users may be in any Unicode form and are kept in NFC.
    """

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

    async def find_user(self, username: str) -> Account | None:
        """Return the user with this name, disabled or not."""

    async def list_users(self) -> Sequence[Account]:
        """Return all users, by id, the disabled ones too."""
        ...

    async def change_user(self, user_id: int, change: UserChange) -> None:
        """Change a user, all or nothing, from the next request on. Raises NotFoundError for an unknown group."""

    async def reset_password(self, user_id: int, password_hash: str) -> int:
        """Keep a new password hash and delete all tokens and calendars of the user; return how many there were.

        All of that is done, or nothing.
        """
        ...

    async def erase_user(self, user_id: int, username: str) -> None:
        """Put a username in place of all that identifies a user, all or nothing, and disable the user.

        The names, the e-mail address, the password, tokens, calendars, groups, failed logins and addresses of logins
        go.
        """

    async def revoke_tokens(self, user_id: int, prefix: str | None = None) -> int:
        """Delete the tokens and calendars of a user that have this prefix, or all; return how many there were."""
        ...

    async def list_groups(self) -> Mapping[str, frozenset[str]]:
        """Return the permissions of every group."""
        ...

    async def grant(self, group: str, permissions: Iterable[str]) -> bool:
        """Give a group permissions; return whether the group was created by this."""
        ...

    async def revoke(self, group: str, permissions: Iterable[str]) -> None:
        """Take permissions from a group. Raises NotFoundError for an unknown group."""


class Passwords(Protocol):
    """Hashes passwords outside the event loop. Raises UnavailableError if too many calls wait."""

    async def hash(self, password: str) -> str:
        """Return a salted hash of a password."""
        ...

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Return whether the hash is of the password. None takes the same time and returns False."""
        ...

    def is_outdated(self, password_hash: str) -> bool:
        """Return whether the hash was made with other parameters than today's."""
        ...
