"""Keeps users, groups and tokens in memory."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import attrs

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
    actor_of,
    normal_username,
)
from crm_core.model.calendars import Calendar, NewCalendar
from crm_core.model.entities import ENTITIES
from crm_core.model.permissions import GROUPS
from crm_core.model.records import Key
from crm_core.model.registered import use_resources
from crm_core.rules.accounts import MAX_TEXTS, check_groups
from crm_core.rules.login_throttle import Failures


@attrs.frozen
class _Entry:
    account: Account
    password_hash: str


@attrs.frozen
class _TokenEntry:
    user_id: int
    token: IssuedToken


@attrs.frozen
class _CalendarEntry:
    user_id: int
    calendar: Calendar


def utc_now() -> datetime:
    """Return the time of this machine."""
    return datetime.now(UTC)


class MemoryAccounts:
    """Keeps users, groups, tokens and calendars in memory (``crm_core.ports.Users``, and so ``Accounts``).

    Args:
        token_days: after how many days without use a token expires.
        clock: returns the time, UTC.

    Attributes:
        catalog_versions: the version of every entity's attributes and webhooks. Their database increments it, and every
            authentication returns it.
    """

    def __init__(self, *, token_days: int = TOKEN_DAYS, clock: Callable[[], datetime] = utc_now) -> None:
        use_resources("MemoryAccounts")
        self.catalog_versions: dict[str, int] = dict.fromkeys(ENTITIES, 1)
        self._unused_for = timedelta(days=token_days)
        self._clock = clock
        self._entries: dict[int, _Entry] = {}
        self._groups: dict[str, frozenset[str]] = dict(GROUPS)
        self._tokens: dict[bytes, _TokenEntry] = {}
        self._calendars: dict[bytes, _CalendarEntry] = {}
        self._failures: dict[str, Failures] = {}
        self._addresses: dict[int, dict[str, datetime]] = {}

    # What requests and logins need

    async def authenticate(self, token: bytes, *, ahead: Key | None = None) -> Authentication | None:  # noqa: ARG002  # records are as near as tokens
        """Return the user whose token has this hash, and the catalog versions."""
        entry = self._tokens.get(token)
        if entry is None or self._is_unused(entry.token):
            return None
        account = self._entries[entry.user_id].account
        actor = actor_of(account, self._permissions(account))
        self._tokens[token] = attrs.evolve(entry, token=attrs.evolve(entry.token, last_used_at=self._clock()))
        return Authentication(actor.narrowed(entry.token.permissions), dict(self.catalog_versions))

    async def actor_of(self, user: int | str) -> Actor | None:
        """Return a user by id or name, with all that they may do. Raises NotAuthenticatedError for a disabled user."""
        entry = self._find(user) if isinstance(user, str) else self._entries.get(user)
        return actor_of(entry.account, self._permissions(entry.account)) if entry else None

    async def credentials(self, username: str) -> tuple[int, str] | None:
        """Return the id and password hash of an active user."""
        entry = self._find(username)
        return (entry.account.user.id, entry.password_hash) if entry and entry.account.is_active else None

    async def set_password(self, user_id: int, password_hash: str, *, if_hash: str | None = None) -> None:
        """Keep another hash, with ``if_hash`` only if that is the current one; tokens stay."""
        entry = self._entries[user_id]
        if if_hash in (None, entry.password_hash):
            self._entries[user_id] = attrs.evolve(entry, password_hash=password_hash)

    async def add_token(self, user_id: int, token: NewToken, *, if_hash: str | None = None) -> bool:
        """Keep a token of an active user, with ``if_hash`` only if that is still the hash of their password."""
        entry = self._entries[user_id]
        if not entry.account.is_active or if_hash not in (None, entry.password_hash):
            return False
        now = self._clock()
        self._tokens[token.hash] = _TokenEntry(
            user_id,
            IssuedToken(
                id=token.id, prefix=token.prefix, permissions=token.permissions, created_at=now, last_used_at=now
            ),
        )
        return True

    async def find_token(self, token: bytes) -> IssuedToken | None:
        """Return the token with this hash, if it has not expired."""
        entry = self._tokens.get(token)
        return entry.token if entry and not self._is_unused(entry.token) else None

    async def list_tokens(
        self, user_id: int, *, limit: int | None = None, before: tuple[datetime, UUID] | None = None
    ) -> Sequence[IssuedToken]:
        """Return the tokens of a user that have not expired, the newest first."""
        found = [
            entry.token
            for entry in self._tokens.values()
            if entry.user_id == user_id and not self._is_unused(entry.token)
        ]
        newest_first = sorted(found, key=_age, reverse=True)
        return [token for token in newest_first if before is None or _age(token) < before][:limit]

    async def revoke_token(self, token: bytes) -> bool:
        """Delete a token; return whether there was one."""
        return self._tokens.pop(token, None) is not None

    async def revoke_token_of(self, user_id: int, token_id: UUID) -> bool:
        """Delete a token of a user by its id; return whether there was one."""
        hashes = [
            hash_
            for hash_, entry in self._tokens.items()
            if entry.user_id == user_id and entry.token.id == token_id and not self._is_unused(entry.token)
        ]
        return any([await self.revoke_token(hash_) for hash_ in hashes])

    async def add_calendar(self, user_id: int, calendar: NewCalendar) -> Calendar | None:
        """Keep a calendar of an active user, and return it."""
        if not self._entries[user_id].account.is_active:
            return None
        now = self._clock()
        kept = Calendar(id=calendar.id, name=calendar.name, prefix=calendar.prefix, created_at=now, last_used_at=now)
        self._calendars[calendar.hash] = _CalendarEntry(user_id, kept)
        return kept

    async def list_calendars(self, user_id: int) -> Sequence[Calendar]:
        """Return the calendars of a user that have not expired, the newest first."""
        entries = self._calendars.values()
        found = [each.calendar for each in entries if each.user_id == user_id and not self._is_unused(each.calendar)]
        return sorted(found, key=_age, reverse=True)

    async def open_calendar(self, secret: bytes) -> Actor | None:
        """Return the user of the calendar whose secret has this hash, as they are now."""
        entry = self._calendars.get(secret)
        if entry is None or self._is_unused(entry.calendar):
            return None
        calendar = attrs.evolve(entry.calendar, last_used_at=self._clock())
        self._calendars[secret] = attrs.evolve(entry, calendar=calendar)
        account = self._entries[entry.user_id].account
        return await self.actor_of(entry.user_id) if account.is_active else None

    async def revoke_calendar(self, user_id: int, calendar_id: UUID) -> bool:
        """Delete a calendar of a user by its id; return whether there was one."""
        found = [each for each in await self.list_calendars(user_id) if each.id == calendar_id]
        self._calendars = {hash_: each for hash_, each in self._calendars.items() if each.calendar not in found}
        return bool(found)

    async def members(self, group: str) -> Sequence[User]:
        """Return the active users of a group, by id."""
        accounts = [entry.account for entry in self._entries.values()]
        return [account.user for account in accounts if account.is_active and group in account.groups]

    async def failures(self, keys: Sequence[str]) -> Mapping[str, Failures]:
        """Return the failed logins counted against the keys."""
        return {key: self._failures[key] for key in keys if key in self._failures}

    async def add_failure(self, keys: Sequence[str], now: datetime, forget_after: timedelta) -> Mapping[str, Failures]:
        """Count one more failure against the keys and return the counts."""
        self._forget_failures_before(now - forget_after)
        for key in keys:
            before = self._failures.pop(key, None)
            self._failures[key] = Failures(before.count + 1 if before else 1, now)
        return {key: self._failures[key] for key in keys}

    async def forget_failures(self, key: str) -> None:
        """Delete the count of a key."""
        self._failures.pop(key, None)

    async def remember_address(self, user_id: int, address: str, now: datetime, forget_after: timedelta) -> None:
        """Keep that a user logged in from an address, and delete those that are too long unused."""
        known = self._addresses.setdefault(user_id, {})
        known[address] = now
        self._addresses[user_id] = {place: at for place, at in known.items() if at >= now - forget_after}

    async def knows_address(self, username: str, address: str, since: datetime) -> bool:
        """Return whether the user with this name has logged in from an address since then."""
        entry = self._find(username)
        at = self._addresses.get(entry.account.user.id, {}).get(address) if entry else None
        return at is not None and at >= since

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
        names = self._known(groups)
        if self._find(username) is not None:
            return None
        user = User(
            id=max(self._entries, default=0) + 1,
            username=normal_username(username),
            first_name=first_name,
            last_name=last_name,
            email=email,
        )
        self._entries[user.id] = _Entry(Account(user=user, groups=names, is_superuser=is_superuser), password_hash)
        return user.id

    async def find_user(self, username: str) -> Account | None:
        """Return the user with this name, disabled or not."""
        entry = self._find(username)
        return entry.account if entry else None

    async def list_users(self) -> Sequence[Account]:
        """Return all users, by id, the disabled ones too."""
        return [entry.account for entry in self._entries.values()]

    async def change_user(self, user_id: int, change: UserChange) -> None:
        """Change a user. Raises NotFoundError for an unknown group."""
        entry = self._entries[user_id]
        values = {name: value for name, value in attrs.asdict(change, recurse=False).items() if value is not None}
        if "groups" in values:
            values["groups"] = self._known(values["groups"])
        personal = {name: values.pop(name) for name in MAX_TEXTS if name in values}
        user = attrs.evolve(entry.account.user, **personal)
        self._entries[user_id] = attrs.evolve(entry, account=attrs.evolve(entry.account, user=user, **values))

    async def reset_password(self, user_id: int, password_hash: str) -> int:
        """Keep another hash and delete all tokens of the user; return how many there were."""
        await self.set_password(user_id, password_hash)
        return await self.revoke_tokens(user_id)

    async def erase_user(self, user_id: int, username: str) -> None:
        """Put a username in place of all that identifies a user."""
        entry = self._entries[user_id]
        ending = f" {entry.account.user.username}"
        self._failures = {key: each for key, each in self._failures.items() if not key.endswith(ending)}
        self._addresses.pop(user_id, None)
        user = User(id=user_id, username=username)
        account = Account(user=user, is_active=False)
        self._entries[user_id] = attrs.evolve(entry, account=account, password_hash=NO_PASSWORD)
        await self.revoke_tokens(user_id)

    async def revoke_tokens(self, user_id: int, prefix: str | None = None) -> int:
        """Delete the tokens and calendars of a user with this prefix, or all; return how many there were."""
        tokens = {hash_: (entry.user_id, entry.token.prefix) for hash_, entry in self._tokens.items()}
        calendars = {hash_: (entry.user_id, entry.calendar.prefix) for hash_, entry in self._calendars.items()}
        kept = {**tokens, **calendars}
        revoked = [hash_ for hash_, (owner, own) in kept.items() if owner == user_id and prefix in (None, own)]
        for hash_ in revoked:
            self._tokens.pop(hash_, None)
            self._calendars.pop(hash_, None)
        return len(revoked)

    async def list_groups(self) -> Mapping[str, frozenset[str]]:
        """Return the permissions of every group."""
        return dict(self._groups)

    async def grant(self, group: str, permissions: Iterable[str]) -> bool:
        """Give a group permissions; return whether the group was created by this."""
        is_new = group not in self._groups
        self._groups[group] = self._groups.get(group, frozenset()) | set(permissions)
        return is_new

    async def revoke(self, group: str, permissions: Iterable[str]) -> None:
        """Take permissions from a group. Raises NotFoundError for an unknown group."""
        check_groups([group], self._groups)
        self._groups[group] -= set(permissions)

    def fill(self, accounts: Iterable[Account], groups: Mapping[str, frozenset[str]]) -> None:
        """Keep users without passwords, and groups in place of all others."""
        self._groups = dict(groups)
        self._entries |= {account.user.id: _Entry(account, NO_PASSWORD) for account in accounts}

    def has_user(self, user_id: object) -> bool:
        """Return whether there is a user with this id, disabled or not."""
        return user_id in self._entries

    def has_active_user(self, user_id: object) -> bool:
        """Return whether there is a user with this id who is not disabled."""
        return any(entry.account.user.id == user_id for entry in self._entries.values() if entry.account.is_active)

    def _permissions(self, account: Account) -> frozenset[str]:
        return frozenset[str]().union(*(self._groups[name] for name in account.groups))

    def _find(self, username: str) -> _Entry | None:
        normal = normal_username(username)
        return next((entry for entry in self._entries.values() if entry.account.user.username == normal), None)

    def _known(self, groups: Iterable[str]) -> tuple[str, ...]:
        names = sorted(set(groups))
        check_groups(names, self._groups)
        return tuple(names)

    def _is_unused(self, kept: IssuedToken | Calendar) -> bool:
        return self._clock() - kept.last_used_at > self._unused_for

    def _forget_failures_before(self, moment: datetime) -> None:
        # They are in the order of their latest failure, so the first that still counts ends the search.
        for key, counted in list(self._failures.items()):
            if counted.latest >= moment:
                break
            del self._failures[key]


def _age(kept: IssuedToken | Calendar) -> tuple[datetime, UUID]:
    return kept.created_at, kept.id
