"""Reads records that have keys in common: a page goes through a bounded part of an index, whatever it finds."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from crm_adapters.postgres.connection.session import Connection, fetch
from crm_adapters.postgres.sql.statements import query
from crm_core.rules.likeness import MAX_ALIKE, Lookalike, LookalikePage

#: How many entries of the index a page reads: 8 ms.
_ENTRIES: Final = 20_000


async def read_alike(connection: Connection, resource: str, after: str, limit: int) -> LookalikePage:
    """Return the records of a resource that have keys in common, of the keys after one."""
    params = {"resource": resource, "after": after, "entries": _ENTRIES, "most": MAX_ALIKE}
    rows = await fetch(connection, query("alike_ids"), params)
    last, entries, before, *_ = rows[0]
    # What comes of a key that is not complete is read with the next page, unless there is no other key.
    end = before if entries == _ENTRIES and before is not None else last
    keys: list[tuple[str, Sequence[UUID]]] = [(key, ids) for *_, key, ids in rows if key is not None and key <= end]
    page = keys[:limit]
    found = await _read(connection, resource, [id_ for _, ids in page for id_ in ids])
    alike = [(key, [found[id_] for id_ in ids if id_ in found]) for key, ids in page]
    if len(keys) > limit:
        return LookalikePage(alike, page[-1][0])
    return LookalikePage(alike, end if entries == _ENTRIES else None)


async def _read(connection: Connection, resource: str, ids: Sequence[UUID]) -> dict[UUID, Lookalike]:
    if not ids:
        return {}
    rows = await fetch(connection, query("alike_records", resource), {"ids": list(set(ids))})
    return {id_: Lookalike(id_, name, frozenset(keys)) for id_, name, keys in rows}
