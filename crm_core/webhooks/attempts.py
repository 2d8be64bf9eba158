"""Attempts at sending a delivery, and what comes of them."""

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from uuid import UUID

import attrs

_MAX_TEXT_LENGTH: Final = 1_024


# Control characters but for tabs and line feeds, and halves of characters.
_NO_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@attrs.frozen(kw_only=True)
class Attempt:
    """One try at sending a delivery: what a sender is handed.

    Attributes:
        delivery: the delivery's id, the same in every try (``webhook-id``).
        webhook: whose it is.
        number: which try it is, from 1.
        claim: tells this try from all others of the delivery, also when its tries are counted anew.
        method: the HTTP method.
        url: where it goes.
        headers: the webhook's own headers, filled.
        body: the exact bytes to send and sign; empty for GET.
        secrets: what to sign with, ``whsec_…``, the newest first.
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


def _storable(text: str) -> str:
    """A text that every store takes, of bounded length."""
    return _NO_TEXT.sub("", text[:_MAX_TEXT_LENGTH])


@attrs.frozen(kw_only=True)
class Outcome:
    """What came of an attempt. Its texts are freed of control characters and cut, whoever made them.

    Attributes:
        status: the receiver's HTTP status; None where there was no answer.
        error: why there was none, for people; empty where there was one.
        answer: the beginning of the receiver's answer.
        retry_after: seconds that the receiver asks to wait.
        timed_out: whether the receiver took too long.
        is_hopeless: whether the same request could never be sent, whatever changes at the receiver.
    """

    status: int | None = None
    error: str = attrs.field(default="", converter=_storable)
    answer: str = attrs.field(default="", converter=_storable)
    retry_after: float | None = None
    timed_out: bool = False
    is_hopeless: bool = False


class Claim(NamedTuple):
    """Attempts that were claimed, and whether it is worth asking for more at once."""

    attempts: Sequence[Attempt]
    more: bool
