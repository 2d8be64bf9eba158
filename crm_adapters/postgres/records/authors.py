"""Renames a user in what is kept of records (decision 120)."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Final, TypeAlias
from uuid import UUID

from crm_adapters.postgres.connection.session import Connection, Row, fetch
from crm_adapters.postgres.sql.statements import query
from crm_core.model.authors import author_pattern, author_replacement
from crm_core.resources import RESOURCES

#: Rows that are read at once.
_BATCH: Final = 2_000
#: Runs a function on a connection; each time in a transaction of its own, or all in that of the caller.
_Run: TypeAlias = Callable[[Callable[[Connection], Awaitable[Sequence[Row]]]], Awaitable[Sequence[Row]]]


async def rename_author(run: _Run, user: int, name: str) -> int:
    """Rename a user everywhere, batch by batch; see ``crm_core.ports.Database.rename_author``."""
    params = {
        "user": user,
        "name": name,
        "pattern": author_pattern(user),
        "replacement": author_replacement(name),
        "limit": _BATCH,
    }
    tables = [resource.name for resource in RESOURCES.values() if resource.has_tasks_and_notes]
    count = sum([await _rename_in_records(run, table, params) for table in tables])
    await _rename_in_events(run, params)
    for statement in ("rename_in_deliveries", "rename_in_receipts"):
        await run(partial(_fetch, query(statement), params))
    return count


async def _rename_in_records(run: _Run, table: str, params: Mapping[str, object]) -> int:
    count = 0
    after: UUID | None = UUID(int=0)
    while after is not None:
        [(after, changed)] = await run(partial(_fetch, query("rename_author", table), {**params, "after": after}))
        count += changed
    return count


async def _rename_in_events(run: _Run, params: Mapping[str, object]) -> None:
    after: int | None = 0
    while after is not None:
        [(after,)] = await run(partial(_fetch, query("rename_actor"), {**params, "after": after}))


async def _fetch(statement: bytes, params: Mapping[str, object], connection: Connection) -> Sequence[Row]:
    return await fetch(connection, statement, params)
