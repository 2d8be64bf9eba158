"""The migrations of the schema: the SQL files beside this module, each applied once, in the order of their names.

After them come the tables of registered resources (``sql/registered.py``).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from typing import Final

import psycopg

from crm_adapters.postgres.connection.errors import translated
from crm_adapters.postgres.connection.options import connect
from crm_adapters.postgres.sql.registered import ClashingTableError, lacking, make_tables, unregistered
from crm_adapters.postgres.sql.statements import query
from crm_core.model.permissions import GROUPS

_MIN_SERVER_VERSION: Final = 150_000
#: The advisory lock of a process that migrates; an arbitrary number that nothing else locks.
_LOCK: Final = 0x63726D_316


class UnfitDatabaseError(Exception):
    """This server or database cannot hold the CRM; the message says why."""


async def migrate(conninfo: str) -> Sequence[str]:
    """Apply the migrations that are missing, all or none, and return their names.

    Raises UnfitDatabaseError or UnavailableError.
    """
    with translated(), _strange_tables():
        async with await connect(conninfo) as connection:
            await check_fitness(connection)
            await connection.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
            done = await _applied(connection)
            missing = [name for name in steps() if name not in done]
            for name in missing:
                await connection.execute(_read(name))
                await connection.execute("insert into migration (name) values (%s)", (name,))
            if not done:
                await _add_groups(connection)
            tables = await make_tables(connection, done)
            await close_foreign_era(connection)
    return [*missing, *tables]


@contextmanager
def _strange_tables() -> Iterator[None]:
    """Raise UnfitDatabaseError where a table of somebody else has the name of one of the CRM's."""
    try:
        yield
    except ClashingTableError as error:
        raise UnfitDatabaseError(str(error)) from None
    except (psycopg.errors.DuplicateTable, psycopg.errors.UndefinedColumn) as error:
        text = (
            f"The schema has a table that is not the CRM's: {error.diag.message_primary}. Give the CRM its own schema."
        )
        raise UnfitDatabaseError(text) from None


async def close_foreign_era(connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
    """Close the numbering of another server, from which the database was restored, if it is open (decision 64)."""
    if await is_foreign_era(connection):
        await connection.execute(query("lock_writers"))
        await connection.execute(query("close_era"))


async def is_foreign_era(connection: psycopg.AsyncConnection[tuple[object, ...]]) -> bool:
    """Return whether the transaction ids of the change feed are still another server's."""
    exists = await (await connection.execute("select to_regclass('tick') is not null")).fetchone()
    if exists != (True,):
        return False
    return await (await connection.execute(query("is_foreign_era"))).fetchone() == (True,)


async def pending(connection: psycopg.AsyncConnection[tuple[object, ...]]) -> Sequence[str]:
    """Return the names of the migrations that a database lacks."""
    done = await _done(connection)
    return [*(name for name in steps() if name not in done), *lacking(done)]


async def foreign_resources(connection: psycopg.AsyncConnection[tuple[object, ...]]) -> Sequence[str]:
    """Return the resources that a database has tables of, and that no package registers here."""
    return unregistered(await _done(connection))


async def _done(connection: psycopg.AsyncConnection[tuple[object, ...]]) -> set[object]:
    cursor = await connection.execute("select to_regclass('migration') is not null")
    exists = await cursor.fetchone()
    return await _names(connection) if exists and exists[0] else set()


def steps() -> Sequence[str]:
    """Return the names of all migrations, in order."""
    names = (entry.name for entry in files(__name__).iterdir())
    return sorted(name.removesuffix(".sql") for name in names if name.endswith(".sql"))


def _read(name: str) -> bytes:
    return files(__name__).joinpath(f"{name}.sql").read_text("utf-8").encode()


async def check_fitness(connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
    """Raise UnfitDatabaseError unless this server and database can hold the CRM."""
    if connection.info.server_version < _MIN_SERVER_VERSION:
        raise UnfitDatabaseError("PostgreSQL 15 or later is needed.")
    cursor = await connection.execute("show server_encoding")
    encoding = await cursor.fetchone()
    if encoding is None or encoding[0] != "UTF8":
        raise UnfitDatabaseError("The database must have the encoding UTF8.")
    cursor = await connection.execute("select lower('ÄI')")
    lowered = await cursor.fetchone()
    if lowered is None or lowered[0] != "äi":  # searches would ignore case only for ASCII letters
        raise UnfitDatabaseError("The database must have a locale that knows all letters, such as C.UTF-8.")


async def _applied(connection: psycopg.AsyncConnection[tuple[object, ...]]) -> set[object]:
    await connection.execute(
        "create table if not exists migration (name text primary key, applied_at timestamptz not null default now())"
    )
    return await _names(connection)


async def _names(connection: psycopg.AsyncConnection[tuple[object, ...]]) -> set[object]:
    cursor = await connection.execute("select name from migration")
    return {name for (name,) in await cursor.fetchall()}


async def _add_groups(connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
    """Add the first groups; from then on administrators change them."""
    for name, permissions in GROUPS.items():
        await connection.execute("insert into app_group (name) values (%s)", (name,))
        await connection.execute(
            "insert into group_permission (group_name, permission) select %s, unnest(%s::text[])",
            (name, sorted(permissions)),
        )
