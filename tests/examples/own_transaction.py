"""A service of one's own beside the CRM: an order and the lead that it makes are committed together or not at all.

pip install 'crm-core[postgres]' litestar uvicorn
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, Request, Response, post
from psycopg_pool import AsyncConnectionPool

from crm_adapters.postgres import PostgresDatabase
from crm_core import LEADS, Actor, InvalidError, User, flatten
from crm_core.use_cases import caller, records

ORDERS = "create table if not exists shop_order (item text, customer text)"


def create_app(url: str, user: User) -> Litestar:
    """The service.

    Args:
        url: a database that ``crm migrate`` was run on.
        user: a user of the CRM, in whose name leads are made.
    """
    pool = AsyncConnectionPool(url, open=False)
    shop = Actor(user=user, permissions=frozenset({LEADS.permission("add")}))

    @asynccontextmanager
    async def running(_: Litestar) -> AsyncIterator[None]:
        async with pool:
            async with pool.connection() as connection:
                await connection.execute(ORDERS)
            yield

    @post("/orders")
    async def order(request: Request[Any, Any, Any]) -> dict[str, str]:
        sent = await request.json()
        # psycopg's own block: it commits at its end, and rolls back when anything is raised inside.
        async with pool.connection() as connection:
            await connection.execute("insert into shop_order values (%s, %s)", [sent["item"], sent["customer"]])
            db = PostgresDatabase.on(connection)
            lead, _ = await records.create(db, caller(shop), LEADS, {"name": sent["customer"]})
        return {"lead": str(lead)}

    return Litestar([order], lifespan=[running], exception_handlers={InvalidError: refused})


def refused(_: Request[Any, Any, Any], error: InvalidError) -> Response[list[str]]:
    """What the core refuses, as this service tells it."""
    return Response(list(flatten(error.problems)), status_code=422)
