"""Makes callers with the current time and new ids, and secrets: the clock and the randomness of the core."""

import base64
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from crm_core.model.accounts import Actor, Caller, Idempotency
from crm_core.model.records import NOTHING_AHEAD, ReadAhead

_COUNTER_BITS = 42
_RANDOM_BITS = 32


class _AscendingIds:
    """Makes ascending UUIDs of version 7 (RFC 9562, 5.7; a counter below the milliseconds, method 1 of 6.2)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def __call__(self) -> UUID:
        chance = secrets.randbits(_COUNTER_BITS - 1 + _RANDOM_BITS)
        now = (time.time_ns() // 1_000_000 << _COUNTER_BITS) | chance >> _RANDOM_BITS
        with self._lock:
            self._last = count = max(now, self._last + 1)
        milliseconds, counter = count >> _COUNTER_BITS, count & ((1 << _COUNTER_BITS) - 1)
        high, low = counter >> 30, counter & ((1 << 30) - 1)
        return UUID(
            int=milliseconds << 80
            | 0x7 << 76
            | high << 64
            | 0b10 << 62
            | low << _RANDOM_BITS
            | chance & ((1 << _RANDOM_BITS) - 1)
        )


new_id: Final[Callable[[], UUID]] = _AscendingIds()


def caller(
    actor: Actor,
    *,
    request_id: str = "",
    catalogs: Mapping[str, int] | None = None,
    ahead: ReadAhead = NOTHING_AHEAD,
    idempotency: Idempotency | None = None,
) -> Caller:
    """Return a caller with the current time and a source of ids; make one for each call.

    Args:
        actor: the user who acts.
        request_id: the id of the request in logs and events.
        catalogs: catalog versions that were read together with the credentials, by entity.
        ahead: records that were read together with the credentials.
        idempotency: identifies the request, so that a repetition changes nothing and gets the same answer.
    """
    return Caller(
        actor=actor,
        now=datetime.now(UTC),
        new_id=new_id,
        request_id=request_id,
        catalogs=catalogs or {},
        ahead=ahead,
        idempotency=idempotency,
    )


def new_secret() -> str:
    """Return a new secret for signing webhooks: ``whsec_`` and 32 random bytes in base64 (Standard Webhooks)."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
