"""The statements of ``statements.sql`` and the other files beside it, by name."""

import re
from functools import cache
from importlib.resources import files
from typing import Final, LiteralString, cast

from psycopg import sql
from psycopg.adapt import PyFormat

from crm_core.resources import RESOURCES

_NAMED = re.compile(r"^-- name: (\w+)\n(?:--[^\n]*\n)*(.*?)(?=^-- name: |\Z)", re.DOTALL | re.MULTILINE)

_FILES: Final = ("statements.sql", "outbox.sql", "feed.sql", "imports.sql", "stays.sql", "likeness.sql", "archives.sql")


def _read() -> dict[str, LiteralString]:
    texts = [files("crm_adapters.postgres.sql").joinpath(name).read_text("utf-8") for name in _FILES]
    # The cast is safe: these texts are files of this package, without anything of a request.
    return {name: cast("LiteralString", body.strip()) for text in texts for name, body in _NAMED.findall(text)}


QUERIES: Final = _read()


@cache
def query(name: str, table: str | None = None) -> bytes:
    """Return a statement, with ``table`` in place of ``{table}``."""
    if table is None:
        return QUERIES[name].encode()
    return sql.SQL(QUERIES[name]).format(table=sql.Identifier(table)).as_bytes()


@cache
def write(name: str, table: str, unchanged: tuple[str, ...], *, with_deliveries: bool, with_receipts: bool) -> bytes:
    """Return a statement that writes records of a table only if other records have not changed.

    Args:
        name: the statement's name.
        table: the table of the records.
        unchanged: the tables of the other records, whose ids and versions are the parameters ``unchanged_id_0``,
            ``unchanged_version_0`` and so on.
        with_deliveries: whether it also appends deliveries.
        with_receipts: whether it also keeps the receipts of the requests.
    """
    guards: list[sql.Composable] = [sql.SQL(QUERIES["catalogs_unchanged"])]
    for index, other in enumerate(unchanged):
        guard = sql.SQL(QUERIES["record_unchanged"]).format(
            table=sql.Identifier(other),
            id=sql.Placeholder(f"unchanged_id_{index}"),
            version=sql.Placeholder(f"unchanged_version_{index}"),
        )
        guards.insert(0, guard)
    return (
        sql.SQL(QUERIES[name])
        .format(
            table=sql.Identifier(table),
            **_hidden(RESOURCES[table].hidden),
            guards=sql.SQL(" and ").join(guards),
            append_events=sql.SQL(QUERIES["append_events"]),
            append_deliveries=sql.SQL(QUERIES["append_deliveries"] if with_deliveries else "select"),
            append_receipts=sql.SQL(QUERIES["append_receipts"] if with_receipts else "select"),
        )
        .as_bytes()
    )


def _hidden(names: tuple[str, ...]) -> dict[str, sql.Composable]:
    """Return the parts of a statement that write what is kept beside documents; what is null there stays."""
    columns = [sql.Identifier(name) for name in names]
    every = [sql.SQL(", {0} = coalesce(new.{0}, stored.{0})").format(column) for column in columns]
    return {
        "hidden": sql.Composed([sql.SQL(", {}").format(column) for column in columns]),
        "hidden_set": sql.Composed(every),
        "hidden_values": sql.SQL("").join(
            sql.SQL(", {}::uuid[]").format(sql.Placeholder(f"hidden_{name}", PyFormat.BINARY)) for name in names
        ),
    }


@cache
def authenticate(*, with_written: bool) -> bytes:
    """Return the statement that reads tokens, on demand with the last transaction in which each one's user wrote."""
    written = sql.SQL(QUERIES["written"] if with_written else "0")
    return sql.SQL(QUERIES["authenticate"]).format(written=written).as_bytes()


@cache
def authenticate_ahead(table: str) -> bytes:
    """Return the statement that reads tokens and records of a table."""
    records = sql.SQL(QUERIES["read_records"]).format(table=sql.Identifier(table))
    tokens = sql.SQL(QUERIES["authenticate"]).format(written=sql.SQL("0"))
    return sql.SQL(QUERIES["authenticate_ahead"]).format(authenticate=tokens, read_records=records).as_bytes()


@cache
def once_referring(resource: str, field: str) -> bytes:
    """Return the statement that finds records of a resource that ever referred to a record by a field."""
    names = {"resource": sql.Literal(resource), "field": sql.Literal(field)}
    return sql.SQL(QUERIES["once_referring"]).format(**names).as_bytes()


@cache
def log(state: str | None) -> bytes:
    """Return the statement that lists deliveries, of one state or all.

    The state is a literal, so that the planner can use the partial indexes.
    """
    conditions: list[sql.Composable] = [sql.SQL("true")]
    if state is not None:
        conditions.append(sql.SQL("state = {}").format(sql.Literal(state)))
    if state in ("pending", "sending"):
        conditions.append(sql.SQL("finished_at is null"))
    return sql.SQL(QUERIES["log"]).format(states=sql.SQL(" and ").join(conditions)).as_bytes()
