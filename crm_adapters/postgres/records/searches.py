"""Searches of decisions as SQL. Those of one form, as a bulk has hundreds, are answered by one statement."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg import sql

from crm_adapters.postgres.connection.session import Connection, Row, fetch
from crm_adapters.postgres.sql.list_queries import named_statement
from crm_core.resources import Resource
from crm_core.rules.needs import Search

_COUNT: Final = "select place, (select count(*) from {table} as found where {where}) from {wanted}"
_CHILDREN: Final = (
    "select place, found.id, version, document from {wanted} join {table} as found on {where} "
    "order by found.id for update of found"
)


async def read_counts(connection: Connection, searches: Iterable[Search]) -> Mapping[Search, int]:
    """Return how many records each search finds."""
    found: dict[Search, int] = {}
    for alike in _alike(searches):
        rows = await fetch(connection, _statement(_COUNT, alike), _params(alike))
        found |= {alike[place - 1]: int(count) for place, count in rows}
    return found


async def lock_children(connection: Connection, searches: Iterable[Search]) -> Mapping[Search, Sequence[Row]]:
    """Return the rows of id, version and document that each search finds, by id, and lock them."""
    found: defaultdict[Search, list[Row]] = defaultdict(list)
    for alike in _alike(searches):
        for place, *row in await fetch(connection, _statement(_CHILDREN, alike), _params(alike)):
            found[alike[place - 1]].append(tuple(row))
    return found


async def read_named(
    connection: Connection, resource: Resource, field: str, texts: Sequence[str]
) -> Mapping[str, Sequence[UUID]]:
    """Return the ids of the records whose field is exactly one of some texts, two of each at most."""
    found: defaultdict[str, list[UUID]] = defaultdict(list)
    for text, id_ in await fetch(connection, named_statement(resource, field), {"texts": list(texts)}):
        found[text].append(id_)
    return found


def _alike(searches: Iterable[Search]) -> Iterable[Sequence[Search]]:
    """Return the searches in groups: those for an id each in the same fields together, each other one alone."""
    groups: defaultdict[object, list[Search]] = defaultdict(list)
    for search in searches:
        is_by_id = all(isinstance(value, UUID) for _, value in search.where)
        names = tuple(name for name, _ in search.where)
        groups[(search.resource, names, search.any_field) if is_by_id else search].append(search)
    # In one order, so that no two transactions that lock children wait for each other.
    return (sorted(group, key=str) for _, group in sorted(groups.items(), key=lambda each: str(each[0])))


def _statement(statement: LiteralString, alike: Sequence[Search]) -> sql.Composed:
    form = alike[0]
    is_alone = len(alike) == 1
    together = sql.SQL(" or " if form.any_field else " and ")
    conditions = [
        _condition(name, value, sql.Placeholder(f"value_{index}") if is_alone else sql.Identifier(f"value_{index}"))
        for index, (name, value) in enumerate(form.where)
    ]
    wanted = sql.SQL("(select 1 as place) as wanted") if is_alone else _ids_of(len(form.where))
    where = together.join(conditions)
    return sql.SQL(statement).format(table=sql.Identifier(form.resource), where=where, wanted=wanted)


def _ids_of(fields: int) -> sql.Composable:
    """Return a table with the places of searches, and the id in each field."""
    names = [f"value_{index}" for index in range(fields)]
    arrays = sql.SQL(", ").join(sql.SQL("{}::uuid[]").format(sql.Placeholder(name)) for name in names)
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    return sql.SQL("unnest({}) with ordinality as wanted ({}, place)").format(arrays, columns)


def _condition(name: str, value: object, wanted: sql.Composable) -> sql.Composable:
    column = sql.Identifier("found", name)
    if value is None:
        return sql.SQL("{} is null").format(column)
    if not isinstance(value, tuple):
        return sql.SQL("{} = {}").format(column, wanted)
    if None in value:
        return sql.SQL("({0} = any({1}) or {0} is null)").format(column, wanted)
    return sql.SQL("{} = any({})").format(column, wanted)


def _params(alike: Sequence[Search]) -> Mapping[str, Any]:
    if len(alike) == 1:
        values = [value for _, value in alike[0].where]
        columns = [list(value) if isinstance(value, tuple) else value for value in values]
    else:
        columns = [list(column) for column in zip(*([v for _, v in search.where] for search in alike), strict=True)]
    return {f"value_{index}": column for index, column in enumerate(columns)}
