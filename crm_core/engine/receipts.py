"""Receipts, by which a repeated request gets the same answer (idempotency)."""

from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

from crm_core.model.accounts import Idempotency
from crm_core.model.records import Document

__all__ = ["ERASED_ANSWER", "RECEIPTS_KEPT", "Document", "Receipt", "ReceiptKey"]

#: How long a receipt is kept.
RECEIPTS_KEPT: Final = timedelta(hours=24)
#: The answer in a receipt of a record that was erased.
ERASED_ANSWER: Final = b"null"


class ReceiptKey(NamedTuple):
    """The key of a receipt: the id of the user who made the request, and its idempotency."""

    user: int
    idempotency: Idempotency


class Receipt(NamedTuple):
    """The fingerprint of a request that was carried out, the record that it was about, and its answer."""

    fingerprint: bytes
    record: UUID
    answer: Document
