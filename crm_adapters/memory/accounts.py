"""Users, groups and tokens in memory."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import attrs

from crm_core.errors import NotAuthenticatedError, NotFoundError
from crm_core.model.accounts import Actor, User, normal_username
from crm_core.model.permissions import GROUPS
from crm_core.rules.attributes import ENTITIES
from crm_core.rules.login_throttle import Failures


@attrs.frozen(kw_only=True)
class _Account:
    user: User
    password_hash: str
    is_superuser: bool
    groups: frozenset[str]
    is_active: bool = True


@attrs.frozen
class _Token:
    user_id: int
    last_used: datetime


def utc_now() -> datetime:
    """The time of this machine."""
    return datetime.now(UTC)


class MemoryAccounts:
    """Users, groups and tokens in memory (``crm_core.ports.Accounts``).

    Attributes:
        catalog_versions: the version of every entity's attributes and webhooks; the database that keeps those
            moves it, and it comes with every authentication.
    """

    def __init__(self, *, token_days: int = 30, clock: Callable[[], datetime] = utc_now) -> None:
        self.catalog_versions = dict.fromkeys(ENTITIES, 1)
        self._unused_for = timedelta(days=token_days)
        self._clock = clock
        self._accounts: dict[int, _Account] = {}
        self._groups: dict[str, frozenset[str]] = dict(GROUPS)
        self._tokens: dict[bytes, _Token] = {}
        self._failures: dict[str, Failures] = {}

    # What the core asks for

    async def authenticate(self, token: bytes) -> tuple[Actor, Mapping[str, int]] | None:
        """The user whose token has this hash, and the catalog versions."""
        found = self._tokens.get(token)
        if found is None:
            return None
        now = self._clock()
        if now - found.last_used > self._unused_for:
            del self._tokens[token]
            return None
        account = self._accounts[found.user_id]
        if not account.is_active:
            raise NotAuthenticatedError("User inactive or deleted.")
        self._tokens[token] = attrs.evolve(found, last_used=now)
        return self._actor(account), dict(self.catalog_versions)

    async def credentials(self, username: str) -> tuple[int, str] | None:
        """The id and password hash of an active user."""
        account = self._find(username)
        return (account.user.id, account.password_hash) if account and account.is_active else None

    async def set_password(self, user_id: int, password_hash: str, *, seen: str | None = None) -> None:
        """Keep another hash, with ``seen`` only in place of that one; tokens stay."""
        account = self._accounts[user_id]
        if seen in (None, account.password_hash):
            self._accounts[user_id] = attrs.evolve(account, password_hash=password_hash)

    async def add_token(self, user_id: int, token: bytes, prefix: str, *, seen: str | None = None) -> bool:  # noqa: ARG002  # nobody lists tokens here
        """Keep a token of an active user, with ``seen`` only while that is the hash of their password."""
        account = self._accounts[user_id]
        if not account.is_active or seen not in (None, account.password_hash):
            return False
        self._tokens[token] = _Token(user_id, self._clock())
        return True

    async def revoke_token(self, token: bytes) -> bool:
        """Forget a token; whether there was one."""
        return self._tokens.pop(token, None) is not None

    async def members(self, group: str) -> Sequence[User]:
        """The active users of a group, by id."""
        return [each.user for each in self._accounts.values() if each.is_active and group in each.groups]

    async def failures(self, keys: Sequence[str]) -> Mapping[str, Failures]:
        """The failed logins counted against the keys."""
        return {key: self._failures[key] for key in keys if key in self._failures}

    async def add_failure(self, keys: Sequence[str], now: datetime, forget_after: timedelta) -> None:
        """Count one more against each key."""
        self._forget_failures_before(now - forget_after)
        for key in keys:
            before = self._failures.pop(key, None)
            self._failures[key] = Failures(before.count + 1 if before else 1, now)

    async def forget_failures(self, key: str) -> None:
        """Start over for a key."""
        self._failures.pop(key, None)

    # What administrators do

    async def add_user(  # a user has these
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
        """A new user's id, or None when the name is taken. Raises NotFoundError for an unknown group."""
        if self._find(username) is not None:
            return None
        user = User(
            id=len(self._accounts) + 1,
            username=normal_username(username),
            first_name=first_name,
            last_name=last_name,
            email=email,
        )
        self._accounts[user.id] = _Account(
            user=user,
            password_hash=password_hash,
            is_superuser=is_superuser,
            groups=frozenset(self._known_group(name) for name in groups),
        )
        return user.id

    async def users(self) -> list[User]:
        """Every user, by id, the disabled ones too."""
        return [account.user for account in self._accounts.values()]

    async def disable(self, username: str) -> bool:
        """Let a user in no more, from the next request on. Whether there is such a user."""
        account = self._find(username)
        if account is not None:
            self._accounts[account.user.id] = attrs.evolve(account, is_active=False)
        return account is not None

    async def revoke_tokens(self, user_id: int) -> int:
        """Forget every token of a user; how many there were."""
        theirs = [token for token, each in self._tokens.items() if each.user_id == user_id]
        for token in theirs:
            del self._tokens[token]
        return len(theirs)

    async def groups(self) -> Mapping[str, frozenset[str]]:
        """The permissions of every group."""
        return dict(self._groups)

    async def grant(self, group: str, permissions: Iterable[str]) -> None:
        """Give a group permissions; a group that is new is made."""
        self._groups[group] = self._groups.get(group, frozenset()) | set(permissions)

    async def revoke(self, group: str, permissions: Iterable[str]) -> None:
        """Take permissions from a group. Raises NotFoundError."""
        self._groups[group] = self._groups[self._known_group(group)] - set(permissions)

    def has_user(self, user_id: object) -> bool:
        """Whether there is a user with this id, disabled or not."""
        return user_id in self._accounts

    def _actor(self, account: _Account) -> Actor:
        return Actor(
            user=account.user,
            groups=tuple(sorted(account.groups)),
            permissions=frozenset[str]().union(*(self._groups[name] for name in account.groups)),
            is_superuser=account.is_superuser,
        )

    def _find(self, username: str) -> _Account | None:
        wanted = normal_username(username)
        return next((each for each in self._accounts.values() if each.user.username == wanted), None)

    def _known_group(self, name: str) -> str:
        if name not in self._groups:
            raise NotFoundError(f'There is no group "{name}".')
        return name

    def _forget_failures_before(self, moment: datetime) -> None:
        # They are in the order of their latest, so that forgetting stops at the first that still counts.
        for key, each in list(self._failures.items()):
            if each.latest >= moment:
                break
            del self._failures[key]
