"""Receipts: what requests with an idempotency key were answered."""

from collections.abc import Mapping, Sequence

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


async def read_receipts(connection: Connection, wanted: Sequence[tuple[int, str]]) -> Mapping[tuple[int, str], Receipt]:
    """Return those receipts of users and idempotency keys that are there and have not expired."""
    users, keys = zip(*wanted, strict=True)
    params = {"users": list(users), "keys": list(keys), "kept": RECEIPTS_KEPT}
    rows = await fetch(connection, query("receipts"), params)
    return {
        (user, key): Receipt(fingerprint, record, Document(version, body))
        for user, key, fingerprint, record, version, body in rows
    }
