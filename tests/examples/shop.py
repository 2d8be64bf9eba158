"""A shop beside the CRM: an order and its lead are committed together, and won leads are told to a function.

pip install 'crm-core[postgres,webhooks]'
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from uuid import UUID

from crm_adapters.postgres import Pool, PostgresAccounts, PostgresDatabase, PostgresFeed, PostgresOutbox
from crm_adapters.webhooks import HttpWebhookSender, policy_of
from crm_core import LEADS, Event, Lead
from crm_core.embedding import Awaiting, Crm, Session
from crm_core.use_cases import DeliveryWorker, Hooks

ORDERS = "create table if not exists shop_order (lead uuid references lead on delete cascade, item text)"


async def take_order(crm: Session[Awaiting], pipeline: UUID, customer: str) -> Lead:
    """Make the lead of an order; with a session on a connection, in the transaction of the order."""
    return await crm.leads.create(name=customer, pipeline=pipeline, stage="Ordered")


async def ship(crm: Session[Awaiting], lead: Lead) -> list[str]:
    """Set the stage of an order; return all stages that it had."""
    await crm.leads.change(lead.id, stage="Shipped", if_match=lead)
    changes = [entry.changes async for entry in crm.leads.history(lead.id)]
    return [change["stage"]["to"] for change in reversed(changes) if "stage" in change]


async def open_orders(crm: Session[Awaiting]) -> list[str]:
    """Return the customers whose orders wait."""
    return [lead.name async for lead in crm.leads.list(stage="Ordered", ordering="name")]


@asynccontextmanager
async def running(url: str, tell: Callable[[Event], None]) -> AsyncGenerator[tuple[Pool, Crm], None]:
    """Open the CRM of a migrated database; changes of leads are told, and webhooks sent, while the block runs."""
    async with Pool(url) as pool:
        outbox, feed, sender = PostgresOutbox(pool), PostgresFeed(pool), HttpWebhookSender(policy_of())
        db = PostgresDatabase(pool, outbox.wake, wake_feed=feed.wake)
        worker, hooks = DeliveryWorker(db, outbox, sender), Hooks(feed, "shop")

        async def told(event: Event) -> None:
            tell(event)

        hooks.on(LEADS, ["updated"], told)
        await hooks.restart()
        tasks = asyncio.gather(worker.run(), hooks.run())
        async with pool.transaction() as connection:
            await connection.execute(ORDERS)
        yield pool, Crm(db, users=PostgresAccounts(pool))
        worker.stop()
        hooks.stop()
        await tasks
        for each in (sender, outbox, feed, db):
            await each.close()
