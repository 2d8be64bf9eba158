"""The statements of ``queries.sql`` and ``outbox.sql`` by name, as procrastinate keeps its own: SQL in SQL files."""

import re
from functools import cache
from importlib.resources import files
from typing import Final, LiteralString, cast

from psycopg import sql

_NAMED = re.compile(r"^-- name: (\w+)\n(?:--[^\n]*\n)*(.*?)(?=^-- name: |\Z)", re.DOTALL | re.MULTILINE)


def _read() -> dict[str, LiteralString]:
    texts = [files(__package__).joinpath(name).read_text("utf-8") for name in ("statements.sql", "outbox.sql")]
    # The cast is safe: the texts are files of this package and nothing of a request's is ever in them.
    return {name: cast("LiteralString", body.strip()) for text in texts for name, body in _NAMED.findall(text)}


QUERIES: Final = _read()


@cache
def query(name: str, table: str | None = None) -> bytes:
    """A statement; ``table`` is the table that stands for ``{table}``."""
    if table is None:
        return QUERIES[name].encode()
    return sql.SQL(QUERIES[name]).format(table=sql.Identifier(table)).as_bytes()


@cache
def write(name: str, table: str, held: tuple[str, ...], *, tells: bool) -> bytes:
    """A statement that writes records of a table while records of the tables ``held`` keep their version.

    With ``tells`` it also appends deliveries.
    """
    conditions: list[sql.Composable] = [sql.SQL(QUERIES["catalogs_hold"])]
    for index, other in enumerate(held):
        condition = sql.SQL(QUERIES["record_holds"]).format(
            table=sql.Identifier(other),
            id=sql.Placeholder(f"held_id_{index}"),
            version=sql.Placeholder(f"held_version_{index}"),
        )
        conditions.insert(0, condition)
    return (
        sql.SQL(QUERIES[name])
        .format(
            table=sql.Identifier(table),
            holds=sql.SQL(" and ").join(conditions),
            append_events=sql.SQL(QUERIES["append_events"]),
            append_deliveries=sql.SQL(QUERIES["append_deliveries"] if tells else "select"),
        )
        .as_bytes()
    )


@cache
def authenticate(*, with_written: bool) -> bytes:
    """The statement that gives users for tokens; what they wrote last is looked for only on demand."""
    written = sql.SQL(QUERIES["written"] if with_written else "0")
    return sql.SQL(QUERIES["authenticate"]).format(written=written).as_bytes()


@cache
def log(state: str | None) -> bytes:
    """The statement that lists deliveries of a state, or all. Indexes are chosen by it, so it is no parameter."""
    conditions: list[sql.Composable] = [sql.SQL("true")]
    if state is not None:
        conditions.append(sql.SQL("state = {}").format(sql.Literal(state)))
    if state in ("pending", "sending"):
        conditions.append(sql.SQL("finished_at is null"))
    return sql.SQL(QUERIES["log"]).format(states=sql.SQL(" and ").join(conditions)).as_bytes()
