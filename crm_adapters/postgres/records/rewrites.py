"""Rewrites: the values of an attribute in all records that hold it, changed in the commit of its definition.

Nobody writes a record of the entity meanwhile: a writer that knows the old definition would leave a value behind. Those
who wait see the new definition afterwards, and decide again.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Final
from uuid import UUID

from crm_adapters.postgres.connection.lent import LentConnection
from crm_adapters.postgres.connection.session import Connection, Params, Row, fetch
from crm_adapters.postgres.records.commits import Group, Write, commit_whole_group
from crm_adapters.postgres.records.point_reads import record_of
from crm_adapters.postgres.sql.indexes import replace_indexes
from crm_adapters.postgres.sql.statements import query
from crm_core.engine.changes import Rewrite
from crm_core.engine.rewrites import may_change, rewritten
from crm_core.model.events import Event
from crm_core.model.evolutions import HeldValue, Holding
from crm_core.model.plain_values import json_text, parse_json

#: Rows that are read at once, and records that one statement writes.
_ROWS: Final = 5_000
_RECORDS: Final = 1_000


async def hold_entity(connection: Connection, rewrite: Rewrite) -> None:
    """Keep all writers of an entity waiting until the end of the transaction."""
    await fetch(connection, query("hold_entity", rewrite.before.entity), {})


async def rewrite_records(
    connection: Connection, rewrite: Rewrite, on_rewritten: Callable[[Sequence[Event]], None]
) -> None:
    """Change the values in all records that hold them, and put the indexes of the new definition in place.

    Args:
        connection: a connection that holds the entity.
        rewrite: the change.
        on_rewritten: is called with the events.
    """
    entity = rewrite.before.entity
    ids = await _concerned(connection, rewrite)
    preparing: asyncio.Future[Sequence[Write]] | None = None
    for start in range(0, len(ids) + _RECORDS, _RECORDS):
        batch, ready = ids[start : start + _RECORDS], preparing
        # While the server writes one batch, the next one is decided.
        rows = await fetch(connection, query("read_records", entity), {"ids": batch}) if batch else ()
        preparing = asyncio.ensure_future(asyncio.to_thread(_writes, rewrite, rows))
        writes = await ready if ready else ()
        if writes:
            await commit_whole_group(connection, Group(entity, "update_records", writes, ()), (), {})
            on_rewritten([write.change.event for write in writes])
    await replace_indexes(connection, rewrite.before, rewrite.after)


async def _concerned(connection: Connection, rewrite: Rewrite) -> Sequence[UUID]:
    """Return the ids of the records that change, as far as the values tell."""
    found: list[UUID] = []
    params: Params = {"name": rewrite.name, "item": rewrite.item, "unlike": rewrite.unlike}
    async with aclosing(_pieces(connection, query("holders", rewrite.before.entity), params)) as pieces:
        async for rows in pieces:
            found += await asyncio.to_thread(_ids, rewrite, rows)
    return found


def _ids(rewrite: Rewrite, rows: Sequence[Row]) -> Sequence[UUID]:
    return [id_ for id_, value in rows if may_change(rewrite, parse_json(value))]


def _writes(rewrite: Rewrite, rows: Sequence[Row]) -> Sequence[Write]:
    puts = (rewritten(rewrite, record_of(rewrite.before.entity, row)) for row in rows)
    writes = [Write(put) for put in puts if put]
    for write in writes:
        write.document  # noqa: B018  # it is encoded here, not on the event loop
    return writes


async def held_values(connection: Connection, entity: str, name: str) -> AsyncIterator[Sequence[HeldValue]]:
    """Yield the different values that records hold, inside a transaction."""
    async with aclosing(_pieces(connection, query("held_values", entity), {"name": name})) as pieces:
        async for rows in pieces:
            yield [HeldValue(parse_json(value), count) for value, count in rows]


async def count_holders(connection: Connection, entity: str, name: str) -> int:
    """Return how many records hold a value."""
    [(count,)] = await fetch(connection, query("count_holders", entity), {"name": name})
    return int(count)


async def first_holders(connection: Connection, entity: str, name: str, which: Holding, limit: int) -> Sequence[UUID]:
    """Return the ids of the first records that hold a value."""
    values = None if which.values is None else list(map(json_text, which.values))
    params: Params = {
        "name": name,
        "values": values,
        "unlike": which.unlike,
        "after": which.after or UUID(int=0),
        "limit": limit,
    }
    return [id_ for (id_,) in await fetch(connection, query("first_holders", entity), params)]


async def _pieces(
    connection: Connection | LentConnection, statement: bytes, params: Params
) -> AsyncGenerator[Sequence[Row], None]:
    """Yield the rows of a statement some at a time, so that not all of them are in memory."""
    if isinstance(connection, LentConnection):
        async for rows in connection.pieces(statement, params, _ROWS):
            yield rows
        return
    async with connection.cursor(name="holders") as cursor:
        await cursor.execute(statement, params)
        while rows := await cursor.fetchmany(_ROWS):
            yield rows
