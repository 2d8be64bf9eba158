"""Users: as lists show them, as administrators manage them, and as callers with their current permissions."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple, Self
from uuid import UUID

import attrs

from crm_core.errors import NotAuthenticatedError, PermissionDeniedError
from crm_core.input.texts import normal
from crm_core.model.permissions import PERMISSIONS
from crm_core.model.records import NOTHING_AHEAD, ReadAhead

#: In place of a password hash where no password fits.
NO_PASSWORD: Final = "!"  # noqa: S105  # it is none


def normal_username(username: str) -> str:
    """Return a username in the one Unicode form (NFC) in which usernames are kept and compared."""
    return normal(username)


@attrs.frozen(kw_only=True, slots=False)
class User:
    """A person who can log in, as the user lists show one (decision 10).

    Attributes:
        id: the id of the user, a number.
        username: the name to log in with.
        first_name: the first name; may be empty.
        last_name: the last name; may be empty.
        email: the e-mail address; may be empty.
    """

    id: int
    username: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""

    @property
    def name(self) -> str:
        """Return first and last name, or the username where both are empty (decision 25)."""
        return f"{self.first_name} {self.last_name}".strip() or self.username


@attrs.frozen(kw_only=True)
class Account:
    """A user as administrators see one.

    Attributes:
        user: the person.
        groups: the names of the groups that they are in, in alphabetical order.
        is_superuser: whether they may do everything.
        is_active: whether they can log in and their tokens work.
    """

    user: User
    groups: tuple[str, ...] = ()
    is_superuser: bool = False
    is_active: bool = True


@attrs.frozen(kw_only=True)
class UserChange:
    """What to change of a user; None leaves a value as it is.

    Attributes:
        groups: the groups to be in, in place of all present ones.
    """

    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    is_superuser: bool | None = None
    is_active: bool | None = None
    groups: frozenset[str] | None = None


@attrs.frozen(kw_only=True)
class NewToken:
    """A token that is to be kept.

    Attributes:
        id: the id under which its user sees it.
        hash: its hash, 32 bytes; the token itself is not stored.
        prefix: its first characters.
        permissions: what it is narrowed to; None for a token that may do whatever its user may.
    """

    id: UUID
    hash: bytes
    prefix: str
    permissions: frozenset[str] | None = None


@attrs.frozen(kw_only=True)
class IssuedToken:
    """A token as its user and administrators see one (decision 82).

    Attributes:
        id: the id of the token, by which its user can revoke it.
        prefix: its first characters; the token itself is not stored.
        permissions: what it is narrowed to; None for a token that may do whatever its user may.
        created_at: when it was issued, UTC.
        last_used_at: when it was last used, UTC, exact to a minute.
    """

    id: UUID
    prefix: str
    permissions: frozenset[str] | None = None
    created_at: dt.datetime
    last_used_at: dt.datetime


@attrs.frozen(kw_only=True)
class OwnToken:
    """A token as its user sees one (decision 83).

    Attributes:
        id: the id of the token, by which it can be revoked.
        prefix: the first characters of the token, which itself is not stored.
        permissions: what the token is narrowed to; None if it may do whatever its user may.
        is_current: whether it is the token of this request.
        created_at: when it was issued.
        last_used_at: when it was last used, exact to a minute.
    """

    id: UUID
    prefix: str
    permissions: tuple[str, ...] | None
    is_current: bool
    created_at: dt.datetime
    last_used_at: dt.datetime


@attrs.frozen(kw_only=True)
class Actor:
    """The user who makes a request, with the permissions that they have in it.

    Attributes:
        user: the person.
        groups: the names of the groups that they are in.
        permissions: what they may do at this moment.
        is_superuser: whether they may do everything.
    """

    user: User
    groups: tuple[str, ...] = ()
    permissions: frozenset[str] = frozenset()
    is_superuser: bool = False

    @property
    def granted(self) -> frozenset[str]:
        """Return all that the actor may do; superusers have all permissions."""
        return frozenset(PERMISSIONS) if self.is_superuser else self.permissions

    def narrowed(self, permissions: frozenset[str] | None) -> Self:
        """Return the same user with those of these permissions that they have (decision 82); None changes nothing.

        A superuser who is narrowed is none: they have these permissions and no others.
        """
        if permissions is None:
            return self
        return attrs.evolve(self, permissions=self.granted & permissions, is_superuser=False)

    def may(self, needed: str) -> bool:
        """Return whether the actor has the permission; superusers have all."""
        return self.is_superuser or needed in self.permissions


def actor_of(account: Account, permissions: Iterable[str]) -> Actor:
    """Return the actor that a user is. Raises NotAuthenticatedError for a disabled user.

    Args:
        account: the user.
        permissions: what the groups of the user may do.
    """
    if not account.is_active:
        raise NotAuthenticatedError("User inactive or deleted.")
    return Actor(
        user=account.user,
        groups=account.groups,
        permissions=frozenset(permissions),
        is_superuser=account.is_superuser,
    )


#: After how many days without use a token expires by default (decision 23).
TOKEN_DAYS: Final = 30
#: The system itself as an actor: it is not a user, and events name it without an id.
SYSTEM: Final = Actor(user=User(id=0, username="system"), is_superuser=True)


class Authentication(NamedTuple):
    """The user of a token, and what was read together with the token, all of one moment.

    Attributes:
        actor: the user.
        catalogs: the catalog version of every entity.
        ahead: the record that the request is about, if the store reads it together with the token.
    """

    actor: Actor
    catalogs: Mapping[str, int]
    ahead: ReadAhead = NOTHING_AHEAD


class Idempotency(NamedTuple):
    """Identifies a repeated request: the key that the client chose, and a hash of the request."""

    key: str
    fingerprint: bytes


@attrs.frozen(kw_only=True)
class Caller:
    """The actor of a request, with the time and new ids, which the pure core cannot get itself.

    Attributes:
        actor: the user.
        now: the time of the request, UTC.
        new_id: a source of new ids, ascending.
        request_id: the id of the request in logs and events.
        catalogs: catalog versions that were read with the credentials; others are read when needed.
        ahead: records that were read with the credentials; others are read when needed.
        idempotency: identifies the request if it is repeated; None if the client sent no key.
        tells_webhooks: whether webhooks are told of what it changes.
        priority: that of the deliveries to webhooks which follow (``webhooks.deliveries.Delivery``).
    """

    actor: Actor
    now: dt.datetime
    new_id: Callable[[], UUID]
    request_id: str = ""
    catalogs: Mapping[str, int] = attrs.field(factory=dict)
    ahead: ReadAhead = NOTHING_AHEAD
    idempotency: Idempotency | None = None
    tells_webhooks: bool = True
    priority: int = 0


def require(actor: Actor, needed: str) -> None:
    """Raise PermissionDeniedError unless the actor has the permission."""
    if not actor.may(needed):
        raise PermissionDeniedError
