"""Indexes that attributes ask for (``is_indexed``): built and dropped without stopping writers."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import psycopg
from psycopg import sql

from crm_adapters.postgres.connection.options import connect
from crm_adapters.postgres.connection.session import Connection, fetch
from crm_adapters.postgres.sql.list_queries import INDEXED_LENGTH
from crm_core.model.events import Event

logger = logging.getLogger("crm.postgres")

#: One process at a time builds; arbitrary numbers that nothing else locks.
_LOCK: Final = 0x63726D_1D8
_WRITTEN_LOCK: Final = 0x63726D_1D9
# Without parameters, so that it is run whole at once: what is left open keeps a snapshot, for which a build would wait.
_TRY_LOCK: Final = sql.SQL(
    "select pg_try_advisory_xact_lock({}), set_config('idle_in_transaction_session_timeout', '0', true)"
)

_WANTED: Final = b"""
select 'attribute_' || replace(id::text, '-', ''), entity, name, type from attribute
where is_indexed and type in ('number', 'text', 'date', 'file')"""
_PRESENT: Final = b"""
select relname, indisvalid from pg_index join pg_class on pg_class.oid = indexrelid
where relname ~ '^attribute_[0-9a-f]{32}$' and relnamespace = current_schema()::regnamespace"""

_WRITTEN_IS_THERE: Final = b"select indisvalid from pg_index where indexrelid = to_regclass('event_written')"
_WRITTEN: Final = (
    sql.Composed([sql.SQL("drop index concurrently if exists event_written")]),  # half built when a builder died
    sql.Composed([sql.SQL("create index concurrently event_written on event (actor, xid)")]),
)


def concerns(event: Event) -> bool:
    """Whether a change of a definition may call for an index, or make one useless."""
    change = event.changes.get("is_indexed")
    return event.resource == "attribute" and isinstance(change, Mapping) and any(change.values())


async def follow_definitions(conninfo: str) -> None:
    """Bring the indexes in line with the definitions. A failure is logged: lists are right without it."""
    await _build(conninfo, _LOCK, _changes)


async def build_written(conninfo: str) -> None:
    """Build the index that tells what a user wrote last. A failure is logged."""

    async def missing(connection: Connection) -> Sequence[sql.Composed]:
        return () if await has_written(connection) else _WRITTEN

    await _build(conninfo, _WRITTEN_LOCK, missing)


async def _build(conninfo: str, lock: int, missing: Callable[[Connection], Awaitable[Sequence[sql.Composed]]]) -> None:
    """Run the statements that are missing until none is, if nobody else is at it, who looks again before they end.

    It takes as long as it takes, so it has a connection of its own. The lock is a transaction's, on another one: a
    pooler would lend a session's lock to whoever comes next.
    """
    try:
        async with await connect(conninfo, application_name="crm indexes", autocommit=True) as connection:
            # Whoever was refused the lock has ended by the time it is free: what they wanted is seen by a last look.
            while await missing(connection):
                async with await connect(conninfo, application_name="crm indexes") as guard:
                    taken = await (await guard.execute(_TRY_LOCK.format(lock))).fetchone()
                    if not taken or not taken[0]:
                        return
                    while statements := await missing(connection):
                        for statement in statements:
                            await connection.execute(statement)
    except psycopg.Error as error:
        logger.warning("indexes were not brought in line: %s", error.sqlstate)


async def has_written(connection: Connection) -> bool:
    """Whether the index is there that tells what a user wrote last."""
    return (True,) in await fetch(connection, _WRITTEN_IS_THERE, {})


async def _changes(connection: Connection) -> Sequence[sql.Composed]:
    """What must be run to build and drop."""
    wanted = {name: (entity, attribute, kind) for name, entity, attribute, kind in await fetch(connection, _WANTED, {})}
    present = await fetch(connection, _PRESENT, {})
    # An index that a crash left half built is invalid, and is built anew.
    sound = {name for name, is_valid in present if is_valid and name in wanted}
    statements = [
        sql.SQL("drop index concurrently if exists {}").format(sql.Identifier(n)) for n, _ in present if n not in sound
    ]
    built = wanted.keys() - sound
    statements += [_create(name, *wanted[name]) for name in built]
    # What the index is over is counted for the planner by the next analyze only; until then it guesses, and avoids it.
    statements += [sql.SQL("analyze {}").format(sql.Identifier(entity)) for entity in {wanted[n][0] for n in built}]
    return statements


def _create(name: str, entity: str, attribute: str, kind: str) -> sql.Composed:
    literal = sql.Literal(attribute)
    if kind == "number":
        value: sql.Composable = sql.SQL("crm_number(attributes, {})").format(literal)
    else:
        value = sql.SQL('left(crm_text(attributes, {}), {}) collate "C"').format(literal, sql.Literal(INDEXED_LENGTH))
    return sql.SQL("create index concurrently if not exists {} on {} (({}), id)").format(
        sql.Identifier(name), sql.Identifier(entity), value
    )
