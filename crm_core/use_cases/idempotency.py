"""Requests repeated under their ``Idempotency-Key``: each takes effect once, and has one answer (decision 51)."""

from collections.abc import Awaitable, Callable, Container
from typing import Final
from uuid import UUID

from crm_core.engine.receipts import ERASED_ANSWER, Document, Receipt
from crm_core.errors import (
    CrmError,
    DuplicateRequestError,
    ErasedError,
    IdempotencyKeyReusedError,
    RequestInProgressError,
    UnavailableError,
)
from crm_core.model.accounts import Caller, Idempotency
from crm_core.ports import Database

#: The requests with an idempotency key that are in progress in this process, by user and key. This saves work only: the
#: database ensures that no request takes effect twice.
_in_progress: Final[set[tuple[int, str]]] = set()


async def answered_once(
    db: Database, who: Caller, id_: UUID, change: Callable[[], Awaitable[Document | None]]
) -> tuple[UUID, Document]:
    """Make a change; return the record's id and the answer, which is the earlier one if the request is repeated.

    Args:
        db: the store of records.
        who: the caller, with the idempotency of the request.
        id_: the id of the record.
        change: makes the change, and leaves the receipt.

    Raises IdempotencyKeyReusedError or RequestInProgressError, and the errors of the change.
    """
    if who.idempotency is None:
        return id_, _written(await change())
    key = who.actor.user.id, who.idempotency.key
    if key in _in_progress:
        raise RequestInProgressError
    _in_progress.add(key)
    try:
        if replayed := await _replayed(db, who, who.idempotency):
            return replayed
        try:
            return id_, _written(await change())
        except UnavailableError:
            raise
        except (CrmError, DuplicateRequestError) as error:
            # Another process may have carried out the request since, so that its value is taken by its own record.
            if replayed := await _replayed(db, who, who.idempotency):
                return replayed
            if isinstance(error, DuplicateRequestError):
                raise RequestInProgressError from None
            raise
    finally:
        _in_progress.discard(key)


async def _replayed(db: Database, who: Caller, idempotency: Idempotency) -> tuple[UUID, Document] | None:
    receipt = await kept_receipt(db, who, {idempotency.fingerprint})
    return (receipt.record, receipt.answer) if receipt else None


async def kept_receipt(db: Database, who: Caller, fingerprints: Container[bytes]) -> Receipt | None:
    """Return the receipt of an earlier request with the caller's idempotency key, its answer marked as replayed.

    Args:
        db: the store of records.
        who: the caller.
        fingerprints: those that the request can have had.

    Raises IdempotencyKeyReusedError if it was another request, ErasedError if its answer was erased.
    """
    receipt = await db.receipt(who.actor.user.id, who.idempotency.key) if who.idempotency else None
    if receipt is None:
        return None
    if receipt.fingerprint not in fingerprints:
        raise IdempotencyKeyReusedError
    if receipt.answer.body == ERASED_ANSWER:
        raise ErasedError
    return receipt._replace(answer=receipt.answer._replace(is_replayed=True))


def _written(document: Document | None) -> Document:
    if document is None:  # a decision that puts a record answers with it
        raise AssertionError
    return document
