"""Finds tables of no registered resource whose foreign keys keep records from being deleted (decision 174)."""

from collections.abc import Collection, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final
from uuid import UUID

from psycopg import sql

from crm_adapters.postgres.connection.session import Connection, fetch
from crm_core.model.records import Key
from crm_core.resources import RESOURCES

#: Foreign keys of other tables to the ids of a table. Those that the CRM may not read are left to the commit.
_FOREIGN_KEYS: Final = b"""
select nspname, relname, own.attname
from pg_constraint
join pg_class on pg_class.oid = conrelid
join pg_namespace on pg_namespace.oid = relnamespace
join pg_attribute as own on own.attrelid = conrelid and own.attnum = conkey[1]
join pg_attribute as id on id.attrelid = confrelid and id.attname = 'id' and confkey = array[id.attnum]
where contype = 'f' and confdeltype in ('a', 'r') and confrelid = to_regclass(quote_ident(%(table)s))
    and relname <> all(%(resources)s)
    and has_schema_privilege(nspname, 'usage') and has_table_privilege(conrelid, 'select')
order by pg_constraint.oid"""
_REFERS: Final = sql.SQL("select true from {table} where {column} = any(%(ids)s) limit 1")


async def read_foreign_referrer(connection: Connection, keys: Collection[Key]) -> str | None:
    """Return the name of a table of no resource that refers to one of some records; None if there is none."""
    for resource, own in groupby(sorted(keys), key=attrgetter("resource")):
        if found := await _referrer(connection, resource, [key.id for key in own]):
            return found
    return None


async def _referrer(connection: Connection, resource: str, ids: Sequence[UUID | int]) -> str | None:
    params = {"table": resource, "resources": list(RESOURCES)}
    for schema, table, column in await fetch(connection, _FOREIGN_KEYS, params):
        refers = _REFERS.format(table=sql.Identifier(schema, table), column=sql.Identifier(column))
        if await fetch(connection, refers, {"ids": ids}):
            return str(table)
    return None
