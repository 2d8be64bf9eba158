"""Reads records that have keys in common: a page goes through a bounded part of an index, whatever it finds."""

import json
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from crm_adapters.postgres.connection.session import Connection, fetch
from crm_adapters.postgres.sql.statements import query
from crm_core.rules.likeness import MAX_ALIKE, Lookalike, LookalikePage, likeness_keys
from crm_core.rules.uniqueness import MAX_UNIQUE_LENGTH

#: How many entries of the index a page reads.
_ENTRIES: Final = 10_000


async def read_alike(connection: Connection, resource: str, after: str, limit: int) -> LookalikePage:
    """Return the records of a resource that have keys in common, of the keys after one."""
    params = {"resource": resource, "after": after, "entries": _ENTRIES, "most": MAX_ALIKE, "keys": limit + 1}
    keys = await fetch(connection, query("alike_ids"), params)
    following: str | None
    if len(keys) > limit:
        page, following = keys[:limit], keys[limit - 1][0]
    else:
        ends = await fetch(connection, query("alike_end"), params)
        # A key that may not be complete is left to the next page, unless there is no other key.
        following = (ends[0][1] or ends[0][0]) if ends else None
        page = [each for each in keys if following is None or each[0] <= following]
    found = await _read(connection, resource, [id_ for _, ids in page for id_ in ids])
    return LookalikePage([(key, [found[id_] for id_ in ids if id_ in found]) for key, ids in page], following)


async def _read(connection: Connection, resource: str, ids: Sequence[UUID]) -> dict[UUID, Lookalike]:
    if not ids:
        return {}
    params = {"ids": list(set(ids)), "length": MAX_UNIQUE_LENGTH}
    rows = await fetch(connection, query("alike_records", resource), params)
    return {id_: Lookalike(id_, name, likeness_keys(name, json.loads(texts))) for id_, name, texts in rows}
