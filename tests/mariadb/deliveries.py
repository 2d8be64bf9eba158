"""What commits leave for webhooks: deliveries, and a secret for each new webhook."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from crm_adapters import json_documents
from crm_core.use_cases.callers import new_secret
from crm_core.webhooks.deliveries import Delivery
from tests.mariadb.connection import Session

_INSERT: Final = """
    insert into delivery (
        id, webhook, record, version, type, priority, method, url, headers, body, state, error, answer, next_at,
        created_at, finished_at
    ) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, '', %s, %s, %s)
"""


async def append(session: Session, deliveries: Iterable[Delivery]) -> None:
    """Keep the deliveries of a commit, but those of webhooks that it deleted."""
    now = await session.now()
    there = {UUID(webhook) for (webhook,) in await session.rows("select webhook from secret")}
    for each in (each for each in deliveries if each.webhook in there):
        headers = json_documents.encode(each.headers).decode()
        request = each.method, each.url, headers, json_documents.body_of(each)
        state = "dead" if each.error else "pending", each.error
        times = now, now, now if each.error else None
        place = each.id, each.webhook, each.record, each.version, each.type, each.priority
        await session.run(_INSERT, *place, *request, *state, *times)


async def add_webhook(session: Session, webhook: UUID | int) -> None:
    """Make a secret for a webhook that has none."""
    if not await session.rows("select 1 from secret where webhook = %s", webhook):
        await session.run("insert into secret (webhook, secret) values (%s, %s)", webhook, new_secret())


async def remove_webhook(session: Session, webhook: UUID | int) -> None:
    """Delete all that belongs to a deleted webhook."""
    for table in ("secret", "endpoint", "delivery"):
        await session.run(f"delete from {table} where webhook = %s", webhook)


async def forget(session: Session, record: UUID, version: int) -> None:
    """Delete the deliveries of an erased record before the version of its erasure."""
    await session.run("delete from delivery where record = %s and version < %s", record, version)
