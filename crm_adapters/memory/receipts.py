"""The receipts of requests in memory."""

from collections.abc import Callable, Collection
from datetime import datetime
from uuid import UUID

from crm_core.engine.changes import Reply
from crm_core.engine.receipts import ERASED_ANSWER, RECEIPTS_KEPT, Document, Receipt, ReceiptKey
from crm_core.model.authors import with_author
from crm_core.model.records import Key


class MemoryReceipts:
    """Receipts by user and idempotency key.

    Args:
        clock: returns the time, UTC.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._kept: dict[tuple[int, str], tuple[datetime, Receipt]] = {}

    def get(self, user: int, key: str) -> Receipt | None:
        """Return the receipt of a request, unless it has expired."""
        kept_at, receipt = self._kept.get((user, key)) or (None, None)
        return receipt if kept_at and self._clock() - kept_at < RECEIPTS_KEPT else None

    def keep(self, key: ReceiptKey, answer: Key | Reply, document: Document) -> None:
        """Keep the answer to a request."""
        if isinstance(answer.id, UUID):
            receipt = Receipt(key.idempotency.fingerprint, answer.id, document)
            self._kept[key.user, key.idempotency.key] = self._clock(), receipt

    def rename_author(self, user: int, name: str) -> None:
        """Put a name in place of a user's in all answers."""
        for place, (at, receipt) in self._kept.items():
            body = with_author(receipt.answer.body.decode(), user, name).encode()
            self._kept[place] = at, receipt._replace(answer=Document(receipt.answer.version, body))

    def forget(self, records: Collection[UUID | int]) -> None:
        """Forget the answers that have one of some records, or a part of one."""
        for place, (at, receipt) in self._kept.items():
            is_part = not receipt.answer.version and any(str(id_).encode() in receipt.answer.body for id_ in records)
            if receipt.record in records or is_part:
                answer = Document(receipt.answer.version, ERASED_ANSWER)
                self._kept[place] = at, receipt._replace(answer=answer)
