"""Users: as lists show them, as administrators manage them, and as callers with what they may do at this moment."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple
from uuid import UUID

import attrs

from crm_core.errors import PermissionDeniedError
from crm_core.input.texts import normal


def normal_username(username: str) -> str:
    """Return a username in the one Unicode form (NFC) in which usernames are kept and compared."""
    return normal(username)


@attrs.frozen(kw_only=True, slots=False)
class User:
    """A person who can log in, as the user lists show one (decision 10)."""

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


@attrs.frozen
class IssuedToken:
    """A token as administrators see one.

    Attributes:
        prefix: its first characters; the token itself is kept nowhere.
        created_at: when it was issued, UTC.
        last_used_at: when a request came with it, UTC, exact to a minute.
    """

    prefix: str
    created_at: dt.datetime
    last_used_at: dt.datetime


@attrs.frozen(kw_only=True)
class Actor:
    """The user who acts: who they are and what they may do at this moment."""

    user: User
    groups: tuple[str, ...] = ()
    permissions: frozenset[str] = frozenset()
    is_superuser: bool = False

    def may(self, needed: str) -> bool:
        """Return whether the actor has the permission; superusers have all."""
        return self.is_superuser or needed in self.permissions


#: The system itself as an actor: it is not a user, and events name it without an id.
SYSTEM: Final = Actor(user=User(id=0, username="system"), is_superuser=True)


class Idempotency(NamedTuple):
    """What identifies a request when it is sent again: the key that the client chose, and a hash of its content."""

    key: str
    fingerprint: bytes


@attrs.frozen(kw_only=True)
class Caller:
    """The actor of a request, with what the pure core may not fetch for itself: the time and new ids.

    Attributes:
        actor: the user.
        now: the time of the request, UTC.
        new_id: a source of new ids, ascending.
        request_id: the name of the request in logs and events.
        catalogs: the catalog versions read together with the credentials; entities not named are looked up.
        idempotency: what identifies the request when it is sent again, if the client wants that.
    """

    actor: Actor
    now: dt.datetime
    new_id: Callable[[], UUID]
    request_id: str = ""
    catalogs: Mapping[str, int] = attrs.field(factory=dict)
    idempotency: Idempotency | None = None


def require(actor: Actor, needed: str) -> None:
    """Raise PermissionDeniedError unless the actor has the permission."""
    if not actor.may(needed):
        raise PermissionDeniedError
