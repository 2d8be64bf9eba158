"""Users, and callers: a user with what they may do at this moment."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple
from uuid import UUID

import attrs

from crm_core.errors import PermissionDeniedError
from crm_core.input.texts import normal


def normal_username(username: str) -> str:
    """A username in the one Unicode form in which usernames are kept and compared."""
    return normal(username)


@attrs.frozen(kw_only=True, slots=False)
class User:
    """A person who can log in, as the user lists show one (ruling 10)."""

    id: int
    username: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""

    @property
    def name(self) -> str:
        """First and last name, or the username where both are empty (ruling 25)."""
        return f"{self.first_name} {self.last_name}".strip() or self.username


@attrs.frozen(kw_only=True)
class Actor:
    """A user in the act: who they are and what they may do at this moment."""

    user: User
    groups: tuple[str, ...] = ()
    permissions: frozenset[str] = frozenset()
    is_superuser: bool = False

    def may(self, needed: str) -> bool:
        """Whether the actor has the permission; superusers have all."""
        return self.is_superuser or needed in self.permissions


#: The system itself, in the act: it is no user, and events name it without an id.
SYSTEM: Final = Actor(user=User(id=0, username="system"), is_superuser=True)


class Idempotency(NamedTuple):
    """By what a request is known when it comes again: the key that the client chose, and a hash of all it asks for."""

    key: str
    fingerprint: bytes


@attrs.frozen(kw_only=True)
class Caller:
    """Who asks, and what the pure core may not fetch for itself: the time and new ids.

    Attributes:
        actor: the user.
        now: the time of the request, UTC.
        new_id: a source of new ids, ascending.
        request_id: what the request is called in logs and events.
        catalogs: the catalog versions seen together with the credentials; entities not named are looked up.
        idempotency: by what the request is known when it comes again, if the client wants that.
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
