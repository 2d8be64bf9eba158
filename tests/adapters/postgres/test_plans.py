"""How often PostgreSQL plans the statements of requests."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql

from crm_adapters.postgres.accounts import PostgresAccounts
from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.records.database import PostgresDatabase
from crm_adapters.postgres.sql.list_queries import named_statement
from crm_adapters.postgres.sql.migrations import migrate
from crm_adapters.postgres.sql.statements import query
from crm_core.imports.runs import run_request_id
from crm_core.model.accounts import Caller
from crm_core.resources import CLIENTS, SERVICES
from crm_core.use_cases import accounts as log_in
from crm_core.use_cases import agendas, records

ROWS: Final = 5_000
REQUESTS: Final = 20
#: As many plans PostgreSQL makes in any case before it compares them with one for any values.
TRIED: Final = 5


def fill(url: str) -> Sequence[UUID]:
    """Make a table in which finding one row by its index is much cheaper than finding ten."""
    ids = [uuid4() for _ in range(ROWS)]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            """insert into client (id, version, document)
            select id, 1, json_build_object(
                'id', id, 'name', 'x', 'attributes', '{}'::json, 'list_of_tasks', '[]'::json,
                'list_of_notes', '[]'::json, 'list_of_images', '[]'::json,
                'created_at', '2025-01-15T10:00:00Z', 'created_by', null)
            from unnest(%s::uuid[]) as id""",
            (ids,),
        )
        connection.execute("analyze")
    return ids[:REQUESTS]


def test_the_statements_of_requests_are_planned_a_few_times_per_connection(new_database: Callable[[], str]) -> None:
    url = new_database()

    async def scenario() -> Sequence[tuple[int, int, str]]:
        await migrate(url)
        async with Pool(url, size=1) as pool:
            accounts, database = PostgresAccounts(pool), PostgresDatabase(pool)
            user = await accounts.add_user("u", "!", is_superuser=True)
            token = await log_in.issue_token(accounts, user or 0) or ""
            for id_ in fill(url):
                who = await log_in.authenticate(accounts, token)
                await requests(database, who, id_)
            await database.close()
            return await pool.fetch(
                b"select custom_plans, generic_plans, statement from pg_prepared_statements"
                b" where custom_plans + generic_plans >= %d" % REQUESTS,
                {},
            )

    async def requests(database: PostgresDatabase, who: Caller, id_: UUID) -> None:
        await records.get(database, who, CLIENTS, id_)
        await records.patch(database, who, CLIENTS, id_, {"name": "y"})
        await records.create(database, who, CLIENTS, {"name": "z"})
        await records.create(database, who, SERVICES, {"name": "z", "client": str(id_)})
        await records.find(database, who, CLIENTS, {"limit": "50"})
        await records.find(database, who, CLIENTS, {"limit": "50", "ordering": "name"})
        await agendas.find(database, who, {"user_id": "1", "completed": "false"})

    statements = asyncio.run(scenario())
    assert len(statements) == 10, statements  # the agenda's two look for the user, too
    assert not [each for each in statements if each[0] > TRIED], statements


@pytest.mark.parametrize(
    ("statement", "params", "index"),
    [
        (
            query("events_of_run"),
            {"request_id": run_request_id(UUID(int=1)), "record": UUID(int=2), "version": 3, "limit": 1_000},
            "event_import",
        ),
        (named_statement(CLIENTS, "name"), {"texts": ["Ann", "Bob"]}, "client_name"),
    ],
)
def test_what_imports_and_undos_look_up_has_an_index(
    url: str, statement: Any, params: dict[str, object], index: str
) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("set local enable_seqscan = off")
        explained = sql.SQL("explain {}").format(
            sql.SQL(statement.decode()) if isinstance(statement, bytes) else statement
        )
        plan = "\n".join(line for (line,) in connection.execute(explained, params))

    assert f"using {index}" in plan, plan
