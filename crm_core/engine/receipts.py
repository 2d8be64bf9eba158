"""Documents as clients see them, and receipts, by which a request that is sent again is known (idempotency)."""

from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

from crm_core.model.accounts import Idempotency


class Document(NamedTuple):
    """A record as clients see it: JSON bytes, and the version that they show.

    With ``is_replayed`` it is what an earlier request with the same idempotency key was answered.
    """

    version: int
    body: bytes
    is_replayed: bool = False


#: How long a request is known when it comes again.
RECEIPTS_KEPT: Final = timedelta(hours=24)


class ReceiptKey(NamedTuple):
    """Whose request it was, by id, and by what it is known."""

    user: int
    idempotency: Idempotency


class Receipt(NamedTuple):
    """That a request was carried out: what it was, and the answer to it."""

    fingerprint: bytes
    record: UUID
    answer: Document
