"""Attempts at sending a delivery: what a sender gets, what it returns, and how workers claim them."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

import attrs

#: How long a claimed attempt belongs to one worker. It is longer than any attempt takes; after it others may claim it.
LEASE: Final = timedelta(seconds=30)
#: Attempts that one worker has in flight at one endpoint; at an endpoint that fails it is one.
MAX_CONCURRENCY_PER_ENDPOINT: Final = 16

_MAX_TEXT_LENGTH: Final = 1_024

# Control characters except tabs and line feeds, and lone surrogates.
_NOT_STORABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@attrs.frozen(kw_only=True)
class Attempt:
    """One attempt at sending a delivery.

    Attributes:
        delivery: the delivery's id, the same in every attempt (header ``webhook-id``).
        webhook: the id of the webhook.
        number: the number of the attempt, from 1.
        claim: a number that no other attempt of the delivery has, even after its attempts are counted from 1 again.
        method: the HTTP method.
        url: the receiver's URL.
        headers: the webhook's own headers, with values filled in.
        body: the exact bytes to send and sign; empty for GET.
        secrets: the secrets to sign with, ``whsec_…``, the newest first.
        error: why it cannot be sent, so that the delivery is dead; empty if it can.
    """

    delivery: UUID
    webhook: UUID
    number: int
    claim: int
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    secrets: tuple[str, ...]
    error: str = ""


def _storable(text: str) -> str:
    return _NOT_STORABLE.sub("", text[:_MAX_TEXT_LENGTH])


@attrs.frozen(kw_only=True)
class Outcome:
    """The outcome of an attempt. Its texts lose control characters and are cut to 1,024 characters.

    Attributes:
        status: the receiver's HTTP status; None if there was no answer.
        error: why there was no answer, for people; empty if there was one.
        answer: the beginning of the receiver's answer.
        retry_after: seconds that the receiver asks to wait.
        timed_out: the receiver took too long.
        is_hopeless: the same request could never be sent, whatever the receiver does.
    """

    status: int | None = None
    error: str = attrs.field(default="", converter=_storable)
    answer: str = attrs.field(default="", converter=_storable)
    retry_after: float | None = None
    timed_out: bool = False
    is_hopeless: bool = False

    @property
    def is_success(self) -> bool:
        """Return whether the receiver accepted the request, which only a status of 2xx says."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004  # the class of statuses


class Claim(NamedTuple):
    """Attempts that a worker has claimed.

    Attributes:
        attempts: the attempts, each under a lease.
        more: more attempts are due now.
    """

    attempts: Sequence[Attempt]
    more: bool
