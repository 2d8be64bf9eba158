"""Users, their groups and permissions, and how failed logins slow further ones down."""

import datetime as dt
import math
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple
from uuid import UUID

import attrs

from crm_core.errors import NotAuthenticatedError, PermissionDeniedError

ACTIONS: Final = ("view", "add", "change", "delete")
NOUNS: Final = (
    "client",
    "service",
    "lead",
    "followup",
    "pipeline",
    "cohort",
    "enrollment",
    "enrollmentdetail",
    "transferrequest",
    "attribute",
    "webhook",
    "user",
)


def permission(action: str, noun: str) -> str:
    """A permission as Django names it: ``app.add_lead``."""
    return f"app.{action}_{noun}"


#: Every permission there is.
PERMISSIONS: Final = frozenset(permission(action, noun) for noun in NOUNS for action in ACTIONS)


def _all_of(*nouns: str, actions: Iterable[str] = ACTIONS) -> frozenset[str]:
    return frozenset(permission(action, noun) for noun in nouns for action in actions)


def _view_all_but(*nouns: str) -> frozenset[str]:
    return _all_of(*(noun for noun in NOUNS if noun not in nouns), actions=("view",))


_TEACHING = _view_all_but("webhook", "lead", "client") | _all_of("followup", actions=("add", "change"))

#: The groups that exist from the start (ruling 24).
GROUPS: Final[Mapping[str, frozenset[str]]] = {
    "Sales": _all_of("client", "lead", "followup")
    | _all_of("service", actions=("view", "add", "change"))
    | _view_all_but("webhook"),
    "Operations": PERMISSIONS - _all_of("webhook", "attribute", actions=("add", "change", "delete")),
    "Instructors": _TEACHING,
    "Teacher Assistant": _TEACHING,
}


def normal_username(username: str) -> str:
    """A username in the one Unicode form in which usernames are kept and compared."""
    return unicodedata.normalize("NFC", username)


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


@attrs.frozen
class Failures:
    """Failed logins that count against one key.

    Attributes:
        count: how many since they were last forgotten.
        latest: when the last one was, UTC.
    """

    count: int
    latest: dt.datetime


#: Failures are forgotten when the latest is older than this, the longest wait.
FAILURE_WINDOW: Final = dt.timedelta(minutes=15)
_FREE_FAILURES: Final = {"user": 10, "address": 100}


def failure_keys(username: str, address: str) -> Mapping[str, str]:
    """What a failed login counts against: the pair, and the address alone; never the user alone.

    So nobody can lock somebody else out from another address.
    """
    return {"user": f"user {address} {normal_username(username)}", "address": f"address {address}"}


def seconds_to_wait(failures: Mapping[str, Failures], now: dt.datetime) -> int:
    """Whole seconds until the next attempt is allowed: none for a few failures, then doubling up to 15 minutes."""
    return max((_wait(kind, each, now) for kind, each in failures.items()), default=0)


def _wait(kind: str, failures: Failures, now: dt.datetime) -> int:
    beyond = failures.count - _FREE_FAILURES[kind]
    if beyond < 0:
        return 0
    delay = min(2.0 ** min(beyond, 20), FAILURE_WINDOW.total_seconds())
    return max(0, math.ceil(delay - (now - failures.latest).total_seconds()))


def read_authorization(header: str | None) -> str:
    """The token of an ``Authorization`` header; raises NotAuthenticatedError with the texts of the documented API."""
    if not is_ours(header):
        raise NotAuthenticatedError
    _, *parts = (header or "").split()
    if not parts:
        raise NotAuthenticatedError("Invalid token header. No credentials provided.")
    if len(parts) > 1:
        raise NotAuthenticatedError("Invalid token header. Token string should not contain spaces.")
    return parts[0]


def is_ours(header: str | None) -> bool:
    """Whether an ``Authorization`` header is of a scheme that carries tokens; others are as good as none."""
    return (header or "").strip().partition(" ")[0].lower() in {"token", "bearer"}
