"""A limit of the requests of each token: a bucket that holds so many, and is filled again evenly."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from crm_http.settings import RateLimit

#: How many tokens are counted; of more, those without a request for longest begin anew.
_MAX_TOKENS: Final = 10_000
#: Seconds by which the sum of many intervals may be wrong.
_INEXACT: Final = 1e-6


class TokenRates:
    """Counts the requests of each token, in this worker (the token bucket algorithm).

    Args:
        limit: how many requests a token may make.
        clock: returns seconds.
    """

    def __init__(self, limit: RateLimit, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._interval = limit.seconds / limit.requests
        self._clock = clock
        # The time at which the bucket of a token is full again.
        self._full_at: OrderedDict[bytes, float] = OrderedDict()

    def seconds_to_wait(self, token: bytes) -> int:
        """Count a request of a token; return 0, or the whole seconds to wait if it is one too many and not counted."""
        now = self._clock()
        full_at = max(self._full_at.get(token, now), now) + self._interval
        wait = full_at - now - self._limit.seconds
        if wait > _INEXACT:
            return math.ceil(wait)
        self._full_at[token] = full_at
        self._full_at.move_to_end(token)
        if len(self._full_at) > _MAX_TOKENS:
            self._full_at.popitem(last=False)
        return 0
