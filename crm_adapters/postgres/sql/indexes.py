"""Builds and drops indexes of attributes with ``is_indexed``, and of events, without stopping writers."""

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

#: Advisory locks of a process that builds; arbitrary numbers that nothing else locks.
_LOCK: Final = 0x63726D_1D8
_WRITTEN_LOCK: Final = 0x63726D_1D9
# Without parameters, so that it is one message: an open statement keeps a snapshot, and the build would wait for it.
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
    sql.Composed(
        [sql.SQL("drop index concurrently if exists event_written")]
    ),  # left incomplete by a builder that died
    sql.Composed([sql.SQL("create index concurrently event_written on event (actor, xid)")]),
)


def concerns(event: Event) -> bool:
    """Return whether a change of a definition adds or removes the need for an index."""
    change = event.changes.get("is_indexed")
    return isinstance(change, Mapping) and any(change.values())


async def follow_definitions(conninfo: str) -> None:
    """Build and drop indexes as the definitions say. A failure is logged: without an index, lists are slower only."""
    await _build(conninfo, _LOCK, _changes)


async def build_written(conninfo: str) -> None:
    """Build the index by which a user's last transaction is found. A failure is logged."""

    async def missing(connection: Connection) -> Sequence[sql.Composed]:
        return () if await has_written(connection) else _WRITTEN

    await _build(conninfo, _WRITTEN_LOCK, missing)


async def _build(conninfo: str, lock: int, missing: Callable[[Connection], Awaitable[Sequence[sql.Composed]]]) -> None:
    """Run the statements that are missing until none is, unless another process is doing so.

    This may take long, so it uses a connection of its own. The lock belongs to a transaction on a second connection,
    because a pooler would lend a session with its lock to the next client.
    """
    try:
        async with await connect(conninfo, application_name="crm indexes", autocommit=True) as connection:
            # A process that does not get the lock relies on its holder, which checks once more after it is free.
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
    """Return whether the index exists by which a user's last transaction is found."""
    return (True,) in await fetch(connection, _WRITTEN_IS_THERE, {})


async def _changes(connection: Connection) -> Sequence[sql.Composed]:
    """Return the statements that build and drop what is missing and superfluous."""
    wanted = {name: (entity, attribute, kind) for name, entity, attribute, kind in await fetch(connection, _WANTED, {})}
    present = await fetch(connection, _PRESENT, {})
    # An index that a crash left incomplete is invalid, and is built again.
    sound = {name for name, is_valid in present if is_valid and name in wanted}
    statements = [
        sql.SQL("drop index concurrently if exists {}").format(sql.Identifier(n)) for n, _ in present if n not in sound
    ]
    built = wanted.keys() - sound
    statements += [_create(name, *wanted[name]) for name in built]
    # The planner avoids an index on an expression until analyze has counted its values.
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
