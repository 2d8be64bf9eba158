"""Indexes that attributes ask for (``is_indexed``): built and dropped without stopping writers."""

import logging
from collections.abc import Mapping, Sequence
from typing import Final

import psycopg
from psycopg import AsyncConnection, sql

from crm_adapters.postgres.records import INDEXED_LENGTH
from crm_adapters.postgres.rows import Connection, Row, fetch
from crm_core.events import Event

logger = logging.getLogger("crm.postgres")

#: One process at a time builds; an arbitrary number that nothing else locks.
_LOCK: Final = 0x63726D_1D8

_WANTED: Final = b"""
select 'attribute_' || replace(id::text, '-', ''), entity, name, type from attribute
where is_indexed and type in ('number', 'text', 'date', 'file')"""
_PRESENT: Final = b"""
select relname, indisvalid from pg_index join pg_class on pg_class.oid = indexrelid
where relname ~ '^attribute_[0-9a-f]{32}$' and relnamespace = current_schema()::regnamespace"""


def concerns(event: Event) -> bool:
    """Whether a change of a definition may call for an index, or make one useless."""
    change = event.changes.get("is_indexed")
    return event.resource == "attribute" and isinstance(change, Mapping) and any(change.values())


async def follow_definitions(conninfo: str) -> None:
    """Bring the indexes in line with the definitions.

    It takes as long as it takes, so it has a connection of its own. A failure is logged: lists are right without it.
    """
    try:
        async with await AsyncConnection.connect(
            conninfo, autocommit=True, application_name="crm indexes"
        ) as connection:
            [(is_free,)] = await fetch(connection, b"select pg_try_advisory_lock(%(lock)s)", {"lock": _LOCK})
            if is_free:  # whoever has it looks again before they end
                while await _follow(connection):
                    pass
                await fetch(connection, b"select pg_advisory_unlock(%(lock)s)", {"lock": _LOCK})
    except psycopg.Error as error:
        logger.warning("attribute indexes were not brought in line: %s", error.sqlstate)


async def _follow(connection: Connection) -> bool:
    """Build and drop; whether there was anything to do."""
    wanted = {name: (entity, attribute, kind) for name, entity, attribute, kind in await fetch(connection, _WANTED, {})}
    present: Sequence[Row] = await fetch(connection, _PRESENT, {})
    # An index that a crash left half built is invalid, and is built anew.
    sound = {name for name, is_valid in present if is_valid and name in wanted}
    statements = [
        sql.SQL("drop index concurrently if exists {}").format(sql.Identifier(n)) for n, _ in present if n not in sound
    ]
    built = wanted.keys() - sound
    statements += [_create(name, *wanted[name]) for name in built]
    # What the index is over is counted for the planner by the next analyze only; until then it guesses, and avoids it.
    statements += [sql.SQL("analyze {}").format(sql.Identifier(entity)) for entity in {wanted[n][0] for n in built}]
    for statement in statements:
        await connection.execute(statement)
    return bool(statements)


def _create(name: str, entity: str, attribute: str, kind: str) -> sql.Composed:
    literal = sql.Literal(attribute)
    if kind == "number":
        value: sql.Composable = sql.SQL("crm_number(attributes, {})").format(literal)
    else:
        value = sql.SQL('left(crm_text(attributes, {}), {}) collate "C"').format(literal, sql.Literal(INDEXED_LENGTH))
    return sql.SQL("create index concurrently if not exists {} on {} (({}), id)").format(
        sql.Identifier(name), sql.Identifier(entity), value
    )
