"""Reads the agenda from the table of all tasks, which triggers keep (migration 0021)."""

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import product
from typing import Final, LiteralString

from psycopg import sql

from crm_adapters.postgres.connection.session import Connection, fetch
from crm_adapters.postgres.sql.list_queries import MAX_PAGE_BYTES
from crm_adapters.postgres.sql.statements import QUERIES
from crm_core.engine.agendas import AgendaQuery
from crm_core.model.agenda import AgendaPage, AgendaTask, Place

#: The conditions by what is asked. Subqueries hide the values from the planner (statements.sql).
_CONDITIONS: Final[Mapping[str, LiteralString]] = {
    "responsible": "responsible = (select %(responsible)s::bigint)",
    "user_id": "user_id = (select %(user_id)s::bigint)",
    "due_before": "due < (select %(due_before)s::date)",
    "due_after": "due > (select %(due_after)s::date) and due < 'infinity'",
    "after": "(due, item, record) > ("
    "(select coalesce(%(date)s, 'infinity'::date)), (select %(task)s::uuid), (select %(record)s::uuid))",
}


async def read_agenda(connection: Connection, query: AgendaQuery) -> AgendaPage:
    """Return one page of the agenda; see ``crm_core.ports.Database.agenda``."""
    asked = {name: value for name in _CONDITIONS if (value := getattr(query, name)) is not None}
    completed = (False, True) if query.completed is None else (query.completed,)
    statement = _statement(tuple(sorted(query.resources)), completed, tuple(asked), 10 ** len(str(query.limit)))
    place = asked.pop("after", None)
    params = {"limit": query.limit, "one_more": query.limit + 1, "most_bytes": MAX_PAGE_BYTES}
    rows = await fetch(connection, statement, params | asked | (place._asdict() if place else {}))
    tasks = [
        AgendaTask(place=Place(due, item, record), resource=resource, name=name, task=task)
        for resource, record, name, due, item, task, _ in rows
    ]
    return AgendaPage(tasks, bool(rows) and rows[0][-1] > len(rows))


@cache
def _statement(resources: Sequence[str], completed: Sequence[bool], asked: Sequence[str], estimate: int) -> bytes:
    """Return the statement for queries that differ in values only. Every part of it is one range of an index.

    Args:
        resources: the resources whose tasks are meant.
        completed: whether they are done.
        asked: the names of the conditions.
        estimate: the power of ten above the limit, so that there are few statements.
    """
    conditions = [sql.SQL(_CONDITIONS[name]) for name in asked]
    ranges = [
        sql.SQL("({})").format(
            sql.SQL(QUERIES["agenda_range"]).format(
                conditions=sql.SQL(" and ").join([*_of(resource, is_done), *conditions]), estimate=sql.Literal(estimate)
            )
        )
        for resource, is_done in product(resources, completed)
    ]
    names = sql.SQL(" ").join(map(_name_of, resources))
    return sql.SQL(QUERIES["agenda"]).format(ranges=sql.SQL(" union all ").join(ranges), names=names).as_bytes()


def _name_of(resource: str) -> sql.Composable:
    parts = {"resource": sql.Literal(resource), "table": sql.Identifier(resource)}
    return sql.SQL("when {resource} then (select name from {table} where id = record)").format(**parts)


def _of(resource: str, is_done: bool) -> Sequence[sql.Composable]:  # noqa: FBT001  # one of the pairs above
    return [
        sql.SQL("resource = {}").format(sql.Literal(resource)),
        sql.SQL("completed = {}").format(sql.Literal(is_done)),
    ]
