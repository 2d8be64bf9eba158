"""Ranges and orders of a resource's own fields are those of memory, and PostgreSQL finds them by indexes."""

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

import psycopg
import pytest
from attrs import evolve
from psycopg import sql

from crm_adapters import json_documents
from crm_adapters.postgres.sql.list_queries import page_statement
from crm_adapters.postgres.sql.migrations import migrate
from crm_adapters.postgres.sql.resource_tables import statements_of
from crm_core.engine.matching import cursor_of, matches, sort_key
from crm_core.engine.parameters import parameter_texts
from crm_core.engine.queries import Cursor, Query
from crm_core.engine.query_strings import parse_query
from crm_core.input.decimals import FixedPoint
from tests.core.invoices import INVOICES, RANGES, Invoice
from tests.core.knowledge import made

_AMOUNTS: Final = ("9.00", "10.00", "0.00", "10.00", "100.00", "-2.50", "999999999999.99")
_RATES: Final = (None, *(f"{whole}.{fraction:020}" for whole in (9, -9, 10**30) for fraction in (1, 10**19)))
_WHOLE: Final = (None, 2, 10, -(2**63), 2**63 - 1, 10)
_TIMES: Final = (None, *(datetime(year, 1, 31, 0, 0, 0, micro, UTC) for year in (1, 2026) for micro in (0, 1)))


def _invoice(number: int) -> Any:
    rate, time = _RATES[number % len(_RATES)], _TIMES[number % len(_TIMES)]
    return made(
        Invoice,
        number + 1,
        number=f"{number}",
        amount=FixedPoint(_AMOUNTS[number % len(_AMOUNTS)]),
        rate=rate and FixedPoint(rate),
        pages=number % 11,
        copies=_WHOLE[number % len(_WHOLE)],
        due=date(2026, 1 + number % 12, 1),
        paid_at=time,
        updated_at=time,
    )


INVOICE_LIST: Final = [_invoice(number) for number in range(60)]


@pytest.fixture(scope="module")
def connection(new_database: Callable[[], str]) -> Iterator[Any]:
    """A connection to a database with the table that is made from the row, and some invoices."""
    url = new_database()
    asyncio.run(migrate(url))
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements_of(INVOICES, {}):
            connection.execute(statement)
        with connection.cursor() as cursor:
            rows = [(each.id, json_documents.encode(each).decode()) for each in INVOICE_LIST]
            cursor.executemany("insert into invoice (id, version, document) values (%s, 1, %s)", rows)
        yield connection


def page(connection: Any, query: Query, limit: int, **others: object) -> tuple[list[UUID], Cursor | None]:
    statement, params = page_statement(query, limit)
    rows = connection.execute(statement, {**params, **others}).fetchall()
    ids = [UUID(document["id"]) for document, _, _ in rows if document]
    return ids, Cursor(rows[-1][2], rows[-1][1]) if len(ids) < len(rows) else None


def expected(query: Query) -> list[UUID]:
    found = [each for each in INVOICE_LIST if matches(query, each)]
    found.sort(key=lambda each: sort_key(query, cursor_of(query, each)), reverse=query.descending)
    return [each.id for each in found]


ORDERS: Final[list[Mapping[str, str]]] = [{"ordering": sign + name} for name in RANGES for sign in ("", "-")]
FILTERS: Final[list[Mapping[str, str]]] = [
    *({f"amount{sign}": value} for sign in ("", "__gt", "__gte", "__lt", "__lte") for value in ("10", "10.00", "1e1")),
    *({f"rate__{sign}": "9.00000000000000000001"} for sign in ("gt", "gte", "lt", "lte")),
    *({f"rate__{sign}": value} for sign in ("gt", "lt") for value in ("1e30", "-9.1", "0.5", "-0")),
    *({"rate__isnull": value} for value in ("true", "false")),
    *({f"{name}__{sign}": "10"} for name in ("pages", "copies") for sign in ("gt", "gte", "lt", "lte")),
    *({f"due{sign}": "2026-02-02"} for sign in ("", "__gt", "__gte", "__lt", "__lte")),
    *({f"paid_at__{sign}": "2026-01-31T00:00:00Z"} for sign in ("gt", "gte", "lt", "lte")),
    {"amount__gte": "9", "amount__lt": "100", "ordering": "-amount"},
    {"rate__lte": "9.5", "ordering": "rate"},
]


@pytest.mark.parametrize("params", [*ORDERS, *FILTERS], ids=str)
def test_a_list_is_that_of_memory_whole_and_by_pages(connection: Any, params: Mapping[str, str]) -> None:
    query = parse_query(INVOICES, params, {})
    ids, after = page(connection, query, 7)
    while after is not None:
        some, after = page(connection, evolve(query, after=after), 7)
        ids += some

    assert ids == expected(query) == page(connection, query, 100)[0]


@pytest.mark.parametrize("records", [0, 1, 2, 2.5, 6.5])
def test_a_page_ends_before_too_many_bytes_but_not_before_its_first_record(connection: Any, records: float) -> None:
    query = parse_query(INVOICES, {"ordering": "rate"}, {})
    sizes = {each.id: len(json_documents.encode(each)) for each in INVOICE_LIST}
    most = int(records * max(sizes.values()))
    ids: list[UUID] = []
    after = None
    while not ids or after is not None:
        some, after = page(connection, evolve(query, after=after), 7, most_bytes=most)
        assert len(some) == 1 or sum(sizes[each] for each in some) <= most
        following = expected(query)[len(ids) + len(some) :][:1]
        assert len(some) == 7 or sum(sizes[each] for each in [*some, *following]) > most or not following
        ids += some

    assert ids == expected(query)


@pytest.mark.parametrize("name", RANGES)
def test_a_range_in_its_order_is_read_from_an_index(connection: Any, name: str) -> None:
    """The planner is kept from other ways, which are quicker in a table as small as this one."""
    [value] = parameter_texts({"": getattr(INVOICE_LIST[3], name)}).values()
    query = parse_query(INVOICES, {f"{name}__gte": value, "ordering": name, "limit": "7"}, {})
    statement, params = page_statement(query, 7)
    assert not isinstance(statement, bytes)
    with connection.transaction():
        connection.execute("set local enable_seqscan = off; set local enable_bitmapscan = off")
        plan = "\n".join(line for (line,) in connection.execute(sql.SQL("explain ") + statement, params).fetchall())

    assert re.search(rf"Index Scan using invoice_{name} on invoice .*\n *Index Cond: \(.*\b{name}\b.* >= ", plan), plan
    assert "Sort" not in plan
