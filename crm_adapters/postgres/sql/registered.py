"""Brings the tables of registered resources in line with their rows: a migration of its own for each resource.

The table `migration` has a row for each, whose name has the resource and a digest of what its table must have.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from psycopg import sql

from crm_adapters.postgres.connection.session import Connection
from crm_adapters.postgres.sql.resource_tables import clashes, digest_of, statements_of
from crm_core.input.fields import REQUIRED, Field
from crm_core.model.plain_values import json_text, plain
from crm_core.model.registered import registered
from crm_core.resources import RESOURCES, Resource

_PREFIX: Final = "resource "
_FORGET: Final = b"delete from migration where starts_with(name, %s)"
_NOTE: Final = b"insert into migration (name) values (%s)"
_PRESENT: Final = b"""
select attname, format_type(atttypid, atttypmod) from pg_attribute
where attrelid = to_regclass(quote_ident(%s)) and attnum > 0 and not attisdropped"""
_LACKED: Final = sql.SQL("""
select member from unnest(%(names)s::text[]) as wanted (member)
where exists (select from {table} where document -> member is null)""")
_FILL: Final = sql.SQL("""
update {table} set version = version + 1, document = (
    select '{{' || string_agg(to_json(member)::text || ':' || value, ',' order by place) || '}}' from (
        select member, coalesce((document -> member)::text, value) as value, place
        from unnest(%(names)s::text[], %(values)s::text[]) with ordinality as wanted (member, value, place)
        union all
        select key, value::text, 1000 + place
        from json_each(document) with ordinality as others (key, value, place)
        where key <> all(%(names)s::text[])
    ) as members
)::json
where exists (select from unnest(%(names)s::text[]) as wanted (member) where document -> member is null)""")


class ClashingTableError(Exception):
    """A registered resource cannot have the table that is there; the message says why."""


def lacking(done: Collection[object]) -> Mapping[str, Resource]:
    """Return the resources whose tables a database lacks or has in an earlier form, by the name of the migration.

    Args:
        done: the names of the migrations that were applied.
    """
    rows = (RESOURCES[each.name] for each in registered())
    wanted = {f"{_PREFIX}{row.name} {digest_of(row)}": row for row in rows}
    return {name: row for name, row in wanted.items() if name not in done}


def unregistered(done: Collection[object]) -> Sequence[str]:
    """Return the resources that a database has tables of, and that are not registered.

    Args:
        done: the names of the migrations that were applied.
    """
    names = (str(name).split(" ")[1] for name in done if str(name).startswith(_PREFIX))
    return sorted({name for name in names if name not in RESOURCES})


async def make_tables(connection: Connection, done: Collection[object]) -> Sequence[str]:
    """Make the tables that registered resources lack, or what the tables lack; return the names of the migrations.

    Raises ClashingTableError.
    """
    missing = lacking(done)
    for name, resource in missing.items():
        prefix = f"{_PREFIX}{resource.name} "
        present = await _columns(connection, resource)
        if present and not any(str(each).startswith(prefix) for each in done):
            advice = "Give the CRM its own schema, or the resource another name."
            raise ClashingTableError(f'The table "{resource.name}" already exists. {advice}')
        if found := clashes(resource, present):
            raise ClashingTableError(" ".join(found))
        if present:
            await _fill(connection, resource)
        for statement in statements_of(resource, present):
            await connection.execute(statement)
        await connection.execute(_FORGET, (prefix,))
        await connection.execute(_NOTE, (name,))
    return list(missing)


async def _fill(connection: Connection, resource: Resource) -> None:
    """Give documents that are older than a field its default, at its place, in a new version as in other migrations.

    Raises ClashingTableError for a field without a default.
    """
    fields = resource.fields
    defaults = {name: _default(each) for name, each in fields.items()}
    table, params = sql.Identifier(resource.name), {"names": list(defaults), "values": list(defaults.values())}
    cursor = await connection.execute(_LACKED.format(table=table), params)
    lacked = {name for (name,) in await cursor.fetchall()}
    if needed := sorted(name for name in lacked if defaults[name] is None):
        text = f"Records of {resource.name} lack {', '.join(needed)}: a field that is added needs a default."
        raise ClashingTableError(text)
    if lacked:
        await connection.execute(_FILL.format(table=table), params)


def _default(field: Field) -> str | None:
    return None if field.default is REQUIRED else json_text(plain(field.initial()))


async def _columns(connection: Connection, resource: Resource) -> Mapping[str, str]:
    cursor = await connection.execute(_PRESENT, (resource.name,))
    return dict(await cursor.fetchall())
