"""How failed logins slow down further ones (decision 52)."""

import datetime as dt
import ipaddress
import math
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import attrs

from crm_core.model.accounts import normal_username


@attrs.frozen
class Failures:
    """Failed logins counted against one key.

    Attributes:
        count: how many since the count last began again.
        latest: when the latest one was, UTC.
    """

    count: int
    latest: dt.datetime


#: Failures are forgotten when the latest is older than this, which is also the longest wait.
FAILURE_WINDOW: Final = dt.timedelta(minutes=15)


class Limit(NamedTuple):
    """A limit of failed logins of one kind.

    Attributes:
        free: how many failures have no wait.
        max_wait: the longest wait after further failures.
    """

    free: int
    max_wait: dt.timedelta


#: The limits by kind of key. That of an account slows down guesses from many addresses. Its wait is short, as anybody
#: can cause it, and it does not apply to an address from which the user has logged in.
LIMITS: Final[Mapping[str, Limit]] = {
    "user": Limit(10, FAILURE_WINDOW),
    "address": Limit(100, FAILURE_WINDOW),
    "account": Limit(50, dt.timedelta(minutes=1)),
}

#: How long the addresses from which a user logged in are remembered.
ADDRESS_MEMORY: Final = dt.timedelta(days=90)
#: A customer with IPv6 has at least a network of this prefix, and so any number of addresses.
_IPV6_PREFIX: Final = 64


def counted_address(address: str) -> str:
    """Return what failures from an address are counted against: of an IPv6 address its network of 64 bits."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _IPV6_PREFIX), strict=False))


def failure_keys(username: str, address: str) -> Mapping[str, str]:
    """Return the keys that a failed login counts against: user and address together, and the address alone.

    With these nobody can lock another user out from elsewhere.

    Args:
        username: as it was sent.
        address: as ``counted_address`` returns it.
    """
    return {"user": f"user {address} {normal_username(username)}", "address": f"address {address}"}


def account_key(username: str) -> str:
    """Return the key that failed logins of a user count against wherever they come from."""
    return f"account {normal_username(username)}"


def seconds_to_wait(failures: Mapping[str, Failures], now: dt.datetime) -> int:
    """Return whole seconds until the next attempt: 0 up to the limit, then doubling up to its ``max_wait``.

    Args:
        failures: what is counted, by kind of key.
        now: the time, UTC.
    """
    return max((_wait(LIMITS[kind], counted, now) for kind, counted in failures.items()), default=0)


def newly_throttled(failures: Mapping[str, Failures]) -> Sequence[str]:
    """Return the kinds of key whose latest failure is the first after which attempts have to wait."""
    return [kind for kind, counted in failures.items() if counted.count == LIMITS[kind].free]


def _wait(limit: Limit, failures: Failures, now: dt.datetime) -> int:
    beyond = failures.count - limit.free
    if beyond < 0:
        return 0
    delay = min(2.0 ** min(beyond, 20), limit.max_wait.total_seconds())
    return max(0, math.ceil(delay - (now - failures.latest).total_seconds()))
