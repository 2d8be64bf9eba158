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
from crm_core.use_cases.randomness import random_bytes

#: The counter is in two parts: its low bits are below the variant, the others below the version.
_COUNTER_BITS: Final = 42
_LOW_BITS: Final = 30
_RANDOM_BITS: Final = 32
#: Bytes of chance for an id: its random bits, and where its counter begins, with one more bit to count on.
_CHANCE_BYTES: Final = 10
_COUNTER_SHIFT: Final = 8 * _CHANCE_BYTES - (_COUNTER_BITS - 1)
_VERSION_AND_VARIANT: Final = 0x7 << 76 | 0b10 << 62


class _AscendingIds:
    """Makes ascending UUIDs of version 7 (RFC 9562, 5.7; a counter below the milliseconds, method 1 of 6.2)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def __call__(self) -> UUID:
        chance = int.from_bytes(random_bytes(_CHANCE_BYTES))
        now = time.time_ns() // 1_000_000 << _COUNTER_BITS | chance >> _COUNTER_SHIFT
        with self._lock:
            self._last = count = max(now, self._last + 1)
        milliseconds, high, low = count >> _COUNTER_BITS, count >> _LOW_BITS & 0xFFF, count & 0x3FFFFFFF
        random = chance & 0xFFFFFFFF
        return UUID(int=milliseconds << 80 | high << 64 | low << _RANDOM_BITS | random | _VERSION_AND_VARIANT)


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
