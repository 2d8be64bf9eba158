"""Receipts: what requests with an idempotency key were answered."""

from crm_adapters.postgres.connection.session import Connection, fetch
from crm_adapters.postgres.sql.statements import query
from crm_core.engine.changes import Changes
from crm_core.engine.receipts import RECEIPTS_KEPT, Document, Receipt
from crm_core.errors import DuplicateRequestError


async def keep_receipt(connection: Connection, changes: Changes, answer: Document | None) -> None:
    """Keep the receipt of a change that has one. Raises DuplicateRequestError if its key was used before."""
    if changes.receipt is None or changes.answer is None or answer is None:
        return
    user, (key, fingerprint) = changes.receipt
    params = {
        "user": user,
        "key": key,
        "fingerprint": fingerprint,
        "record": changes.answer.id,
        "version": answer.version,
        "body": answer.body.decode(),
        "kept": RECEIPTS_KEPT,
    }
    if not await fetch(connection, query("keep_receipt"), params):
        raise DuplicateRequestError


async def read_receipt(connection: Connection, user: int, key: str) -> Receipt | None:
    """Return the receipt of a request with this idempotency key, unless it has expired."""
    params = {"user": user, "key": key, "kept": RECEIPTS_KEPT}
    rows = await fetch(connection, query("receipt"), params)
    return Receipt(rows[0][0], rows[0][1], Document(rows[0][2], rows[0][3])) if rows else None
