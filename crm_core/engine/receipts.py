"""Documents as clients see them, and receipts: what is kept of a request so that it can be repeated (idempotency)."""

from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

from crm_core.model.accounts import Idempotency


class Document(NamedTuple):
    """A record as clients see it: JSON bytes, and the version that they show.

    With ``is_replayed`` it is the answer to an earlier request with the same idempotency key.
    """

    version: int
    body: bytes
    is_replayed: bool = False


#: How long a receipt is kept.
RECEIPTS_KEPT: Final = timedelta(hours=24)


class ReceiptKey(NamedTuple):
    """The id of the user who made a request, and the idempotency of that request."""

    user: int
    idempotency: Idempotency


class Receipt(NamedTuple):
    """The fingerprint of a request that was carried out, the record that it was about, and its answer."""

    fingerprint: bytes
    record: UUID
    answer: Document
