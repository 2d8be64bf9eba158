"""Builds and drops indexes without stopping writers: those of attributes that are indexed or unique, and of events."""

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID, uuid4

import psycopg
from psycopg import sql

from crm_adapters.postgres.connection.errors import UNIQUE_PREFIX
from crm_adapters.postgres.connection.options import connect
from crm_adapters.postgres.connection.session import Connection, fetch
from crm_adapters.postgres.sql.list_queries import INDEXED_LENGTH
from crm_adapters.postgres.sql.uniqueness import how_built, index_statement
from crm_core.model.entities import Attribute
from crm_core.model.events import Event
from crm_core.rules.needs import UniqueAttribute

logger: Final = logging.getLogger("crm.postgres")

#: Advisory locks of a process that builds; arbitrary numbers that nothing else locks.
_LOCK: Final = 0x63726D_1D8
_WRITTEN_LOCK: Final = 0x63726D_1D9
# Without parameters, so that it is one message: an open statement keeps a snapshot, and the build would wait for it.
_TRY_LOCK: Final = sql.SQL(
    "select pg_try_advisory_xact_lock({}), set_config('idle_in_transaction_session_timeout', '0', true)"
)

_WANTED: Final = b"""
select 'attribute_' || replace(id::text, '-', ''), entity, name, type from attribute
where is_indexed and type in ('number', 'text', 'date', 'file')
union all
select 'unique_' || replace(id::text, '-', ''), entity, name, type from attribute
where document ->> 'is_unique' <> 'false'"""
_INDEXED_TYPES: Final = ("number", "text", "date", "file")
_REPLACED: Final = sql.SQL("alter index if exists {} rename to {}")
_PRESENT: Final = b"""
select relname, indisvalid from pg_index join pg_class on pg_class.oid = indexrelid
where relname ~ '^(attribute|unique)_[0-9a-f]{32}(_replaced_[0-9a-f]{8})?$'
    and relnamespace = current_schema()::regnamespace"""
_BUILDING: Final = b"""
select id, coalesce(indisvalid, false)
from attribute left join pg_index on indexrelid = to_regclass('unique_' || replace(id::text, '-', ''))
where document ->> 'is_unique' = 'building'"""

_WRITTEN_IS_THERE: Final = b"select indisvalid from pg_index where indexrelid = to_regclass('event_written')"
_WRITTEN: Final = (
    sql.Composed(
        [sql.SQL("drop index concurrently if exists event_written")]
    ),  # left incomplete by a builder that died
    sql.Composed([sql.SQL("create index concurrently event_written on event (actor, xid)")]),
)


def concerns(event: Event) -> bool:
    """Return whether a change of a definition adds or removes the need for an index."""
    changes = (event.changes.get(name) for name in ("is_indexed", "is_unique"))
    return any(isinstance(change, Mapping) and any(change.values()) for change in changes)


def are_replaced(before: Attribute, after: Attribute) -> bool:
    """Return whether a change of a definition puts other indexes in place of those that it has."""
    return (before.name, before.type) != (after.name, after.type) and bool(before.is_indexed or before.is_unique)


async def follow_definitions(conninfo: str) -> Mapping[UUID, bool]:
    """Build and drop indexes as the definitions say. A failure is logged: without an index, lists are slower only.

    Return for unique attributes that are being built whether they are: false where records have the same value. Those
    of which nothing is known yet are left out.
    """
    colliding: set[str] = set()

    async def missing(connection: Connection) -> Sequence[_Step]:
        return await _changes(connection, colliding)

    await _build(conninfo, _LOCK, missing, colliding)
    return await _built(conninfo, colliding)


async def _built(conninfo: str, colliding: Collection[str]) -> Mapping[UUID, bool]:
    try:
        async with await connect(conninfo, application_name="crm indexes", autocommit=True) as connection:
            building = await fetch(connection, _BUILDING, {})
    except psycopg.Error as error:
        logger.warning("it is not known whether indexes are built: %s", error.sqlstate)
        return {}
    return {id_: is_valid for id_, is_valid in building if is_valid or f"{UNIQUE_PREFIX}{id_.hex}" in colliding}


async def build_written(conninfo: str) -> None:
    """Build the index by which a user's last transaction is found. A failure is logged."""

    async def missing(connection: Connection) -> Sequence[_Step]:
        return () if await has_written(connection) else [_Step(statement) for statement in _WRITTEN]

    await _build(conninfo, _WRITTEN_LOCK, missing)


class _Step(NamedTuple):
    """A statement, with the name of the unique index that it builds."""

    statement: sql.Composed
    unique: str = ""


_Missing: TypeAlias = Callable[[Connection], Awaitable[Sequence[_Step]]]


async def _build(conninfo: str, lock: int, missing: _Missing, colliding: set[str] | None = None) -> None:
    """Run the statements that are missing until none is, unless another process is doing so.

    The names of unique indexes that cannot be built are added to ``colliding``. This may take long, so it uses a
    connection of its own. The lock belongs to a transaction on a second connection, because a pooler would lend a
    session with its lock to the next client.
    """
    try:
        async with await connect(conninfo, application_name="crm indexes", autocommit=True) as connection:
            # A process that does not get the lock relies on its holder, which checks once more after it is free.
            while await missing(connection):
                async with await connect(conninfo, application_name="crm indexes") as guard:
                    taken = await (await guard.execute(_TRY_LOCK.format(lock))).fetchone()
                    if not taken or not taken[0]:
                        return
                    while steps := await missing(connection):
                        for statement, unique in steps:
                            try:
                                await connection.execute(statement)
                            except psycopg.errors.UniqueViolation:
                                assert colliding is not None  # noqa: S101  # only indexes of attributes are unique
                                colliding.add(unique)
    except psycopg.Error as error:
        logger.warning("indexes were not brought in line: %s", error.sqlstate)


async def has_written(connection: Connection) -> bool:
    """Return whether the index exists by which a user's last transaction is found."""
    return (True,) in await fetch(connection, _WRITTEN_IS_THERE, {})


async def _changes(connection: Connection, colliding: Collection[str]) -> Sequence[_Step]:
    """Return the statements that build and drop what is missing and superfluous; those that collide are superfluous."""
    rows = await fetch(connection, _WANTED, {})
    wanted = {name: UniqueAttribute(*of) for name, *of in rows if name not in colliding}
    present = await fetch(connection, _PRESENT, {})
    # An index that a crash left incomplete is invalid, and is built again.
    sound = {name for name, is_valid in present if is_valid and name in wanted}
    steps = [
        _Step(sql.SQL("drop index concurrently if exists {}").format(sql.Identifier(n)))
        for n, _ in present
        if n not in sound
    ]
    built = wanted.keys() - sound
    steps += [_create(name, wanted[name]) for name in built]
    # The planner avoids an index on an expression until analyze has counted its values.
    steps += [_Step(sql.SQL("analyze {}").format(sql.Identifier(each))) for each in {wanted[n].entity for n in built}]
    return steps


async def replace_indexes(connection: Connection, before: Attribute, after: Attribute) -> None:
    """Build the indexes of an attribute anew, in the transaction that gave it another name or type.

    The indexes of before get other names, by which they are dropped afterwards. While the index of a unique attribute
    is being built (``BUILDING``), nothing is built here.
    """
    if not are_replaced(before, after):
        return
    attribute = UniqueAttribute(after.entity, after.name, after.type)
    wanted = {
        f"attribute_{after.id.hex}": after.is_indexed and after.type in _INDEXED_TYPES,
        f"{UNIQUE_PREFIX}{after.id.hex}": after.is_unique is True,
    }
    for name, is_wanted in wanted.items():
        replaced = sql.Identifier(f"{name}_replaced_{uuid4().hex[:8]}")
        await fetch(connection, _REPLACED.format(sql.Identifier(name), replaced), {})
        if is_wanted:
            await fetch(connection, _create(name, attribute, beside_writers=False).statement, {})
    if any(wanted.values()):
        await fetch(connection, sql.SQL("analyze {}").format(sql.Identifier(after.entity)), {})


def _create(name: str, attribute: UniqueAttribute, *, beside_writers: bool = True) -> _Step:
    if name.startswith(UNIQUE_PREFIX):
        return _Step(index_statement(name, attribute, beside_writers=beside_writers), name)
    literal = sql.Literal(attribute.name)
    if attribute.type == "number":
        value: sql.Composable = sql.SQL("crm_number(attributes, {})").format(literal)
    else:
        value = sql.SQL('left(crm_text(attributes, {}), {}) collate "C"').format(literal, sql.Literal(INDEXED_LENGTH))
    statement = sql.SQL("create index {} if not exists {} on {} (({}), id)")
    names = sql.Identifier(name), sql.Identifier(attribute.entity)
    return _Step(statement.format(how_built(beside_writers=beside_writers), *names, value))
