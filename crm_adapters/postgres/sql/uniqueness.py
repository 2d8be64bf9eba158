"""The SQL of unique attributes: their indexes, the record that has a value, and the records that have the same value.

Values are compared by ``crm_unique``, also those that are asked for, so that the answers and the indexes always agree.
"""

import json
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import groupby
from typing import Final
from uuid import UUID

from psycopg import sql

from crm_adapters.postgres.connection.session import Row
from crm_core.rules.needs import MAX_GROUP_IDS, MAX_GROUPS, Duplicates, UniqueAttribute, UniqueValue
from crm_core.rules.uniqueness import MAX_UNIQUE_LENGTH, unique_key

_HOLDERS: Final = sql.SQL("""
select asked.value, held.*
from unnest(%(values)b::text[]) as asked (value),
    lateral (select id, version, document from {table} where {conditions} {limit}) as held""")

# The index on attributes, or on all texts of a record, finds the few records that may have the value.
_BY_ATTRIBUTES: Final = sql.SQL("attributes @> jsonb_build_object({}::text, {})")
_BY_TEXTS: Final = sql.SQL(
    r"searched like '%%' || regexp_replace(btrim(crm_fold(asked.value)), '([\\%%_])', '\\\1', 'g') || '%%'"
)

_DUPLICATES: Final = sql.SQL("""
with held as materialized (
    select id, {key} as key, length(crm_text(attributes, {name})) > {max_length} as is_long
    from {table} where attributes ? {name}
), equal as (
    select key from held where key is not null group by key having count(*) > 1
), first as (
    select array_agg(id order by id) as ids from held join equal using (key)
    group by key order by min(id::text) limit {max_groups}
)
select
    (select count(*) from equal),
    (select json_agg(ids[1:{max_ids}] order by ids) from first),
    (select count(*) from held where is_long)""")


def index_statement(name: str, attribute: UniqueAttribute, *, beside_writers: bool = True) -> sql.Composed:
    """Return the statement that builds the unique index of an attribute, beside writers or in a transaction."""
    return sql.SQL("create unique index {} if not exists {} on {} (({}))").format(
        how_built(beside_writers=beside_writers),
        sql.Identifier(name),
        sql.Identifier(attribute.entity),
        _key(attribute),
    )


def how_built(*, beside_writers: bool) -> sql.SQL:
    """Return the word for building an index beside writers, or nothing."""
    return sql.SQL("concurrently" if beside_writers else "")


def by_attribute(values: Iterable[UniqueValue]) -> Iterable[tuple[tuple[UniqueAttribute, bool], list[UniqueValue]]]:
    """Yield values by their attribute, and by whether its index is being built."""
    for key, group in groupby(sorted(values, key=_kind), key=_kind):
        yield key, list(group)


def _kind(value: UniqueValue) -> tuple[UniqueAttribute, bool]:
    return value.attribute, value.is_building


@cache
def holders_statement(attribute: UniqueAttribute, *, is_building: bool) -> bytes:
    """Return the statement that reads which record has each of some values, given as texts."""
    value, asked = sql.SQL("asked.value"), sql.SQL("crm_unique(asked.value)")
    if attribute.type == "number":
        value = asked = sql.SQL("asked.value::numeric")
    conditions = sql.SQL("{} = {}").format(_key(attribute), asked)
    # A unique index has one row at most. A limit would make the planner expect to find it early in a scan of the table:
    # on a table without statistics a thousand values were then compared with every row.
    limit = sql.SQL("limit 1" if is_building else "")
    if is_building:
        by_attributes = _BY_ATTRIBUTES.format(sql.Literal(attribute.name), value)
        hint = _BY_TEXTS if attribute.type == "text" else by_attributes
        conditions = sql.SQL("{} and {}").format(hint, conditions)
    table = sql.Identifier(attribute.entity)
    return _HOLDERS.format(table=table, conditions=conditions, limit=limit).as_bytes()


def duplicates_statement(attribute: UniqueAttribute) -> tuple[sql.Composed, dict[str, object]]:
    """Return the statement, with its parameters, that reads the records that keep an attribute from being unique."""
    composed = _DUPLICATES.format(
        key=_key(attribute),
        name=sql.Literal(attribute.name),
        table=sql.Identifier(attribute.entity),
        max_length=sql.Literal(MAX_UNIQUE_LENGTH),
        max_groups=sql.Literal(MAX_GROUPS),
        max_ids=sql.Literal(MAX_GROUP_IDS),
    )
    return composed, {}


def read_duplicates(rows: Sequence[Row]) -> Duplicates:
    """Return the answer to that statement."""
    [(groups, first, too_long)] = rows
    ids = json.loads(first) if first else ()
    return Duplicates(groups, tuple(tuple(map(UUID, group)) for group in ids), too_long)


def names_of(values: Iterable[UniqueValue]) -> list[str]:
    """Return a text for each value, the same for equal ones, by which it can be locked."""
    keys = ((each.attribute, unique_key(each.attribute.type, each.value)) for each in values)
    return [f"{attribute.entity}.{attribute.name} {_same_text(key)}" for attribute, key in keys]


def _same_text(key: object) -> str:
    """Return a text that is the same for equal numbers, and for equal texts in Unicode that the core knows."""
    return key if isinstance(key, str) else str(hash(key))


def _key(attribute: UniqueAttribute) -> sql.Composed:
    name = sql.Literal(attribute.name)
    if attribute.type == "number":
        return sql.SQL("crm_number(attributes, {})").format(name)
    return sql.SQL('crm_unique(crm_text(attributes, {})) collate "C"').format(name)
