"""How failed logins slow down further ones (decision 52)."""

import datetime as dt
import math
from collections.abc import Mapping
from typing import Final

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

#: How many failures have no wait, by the kind of key.
_FAILURES_BEFORE_WAIT: Final = {"user": 10, "address": 100}


def failure_keys(username: str, address: str) -> Mapping[str, str]:
    """Return the keys that a failed login counts against: user and address together, and the address alone.

    It never counts against the user alone, so that nobody can lock another user out from elsewhere.
    """
    return {"user": f"user {address} {normal_username(username)}", "address": f"address {address}"}


def seconds_to_wait(failures: Mapping[str, Failures], now: dt.datetime) -> int:
    """Return whole seconds until the next attempt: 0 below ``_FAILURES_BEFORE_WAIT``, then doubling up to 900."""
    return max((_wait(kind, counted, now) for kind, counted in failures.items()), default=0)


def _wait(kind: str, failures: Failures, now: dt.datetime) -> int:
    beyond = failures.count - _FAILURES_BEFORE_WAIT[kind]
    if beyond < 0:
        return 0
    delay = min(2.0 ** min(beyond, 20), FAILURE_WINDOW.total_seconds())
    return max(0, math.ceil(delay - (now - failures.latest).total_seconds()))
