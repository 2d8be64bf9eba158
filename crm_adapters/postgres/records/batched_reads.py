"""Reads that concurrent requests share."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final, TypeAlias, TypeVar
from uuid import UUID

from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.connection.session import Row
from crm_adapters.postgres.connection.timeouts import BATCH_WINDOW
from crm_adapters.postgres.records.batching import Loader
from crm_adapters.postgres.records.transactions import Lookups, existing, read_catalog, record_of
from crm_adapters.postgres.sql.statements import query
from crm_core.resources import RESOURCES
from crm_core.rules.needs import ACTIVE_USER, Catalog, Key, Known, Record, Search

V = TypeVar("V")

#: Returns what is stored under those ids that exist; ids are UUIDs, or numbers for users.
LoadMany: TypeAlias = Callable[[list[UUID | int]], Awaitable[Mapping[UUID | int, V]]]


class SharedReader:
    """Reads that concurrent requests share, and a cache of catalogs, replaced when a newer version is known."""

    holds_children: Final = False

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._rows = {name: Loader(self._load_rows(name), window=BATCH_WINDOW) for name in RESOURCES}
        self._existing = {
            name: Loader(self._load_existing(name), window=BATCH_WINDOW) for name in (*RESOURCES, "user", ACTIVE_USER)
        }
        self._catalogs: dict[str, Catalog] = {}

    def _load_rows(self, resource: str) -> LoadMany[Row]:
        async def load(ids: list[UUID | int]) -> Mapping[UUID | int, Row]:
            rows = await self._pool.fetch_again(query("read_records", resource), {"ids": ids})
            return {row[0]: row for row in rows}

        return load

    def _load_existing(self, resource: str) -> LoadMany[bool]:
        async def load(ids: list[UUID | int]) -> Mapping[UUID | int, bool]:
            found = await self._pool.reading(lambda connection: existing(connection, resource, ids))
            return dict.fromkeys(found, True)

        return load

    async def row(self, key: Key) -> Row | None:
        """Return a record's row, or None; concurrent calls share one query."""
        return await self._rows[key.resource].load(key.id)

    async def records(self, keys: Iterable[Key]) -> Mapping[Key, Record | None]:
        """Return the records; None for those that do not exist."""
        keys = list(keys)
        rows = await asyncio.gather(*map(self.row, keys)) if len(keys) > 1 else [await self.row(keys[0])]
        return {key: record_of(key.resource, row) if row else None for key, row in zip(keys, rows, strict=True)}

    async def existing(self, keys: Iterable[Key]) -> Mapping[Key, bool]:
        """Return whether each key names something."""
        keys = list(keys)
        found = await asyncio.gather(*(self._existing[key.resource].load(key.id) for key in keys))
        return {key: bool(there) for key, there in zip(keys, found, strict=True)}

    async def children(self, search: Search) -> tuple[Record, ...]:
        """Never called: children are read under locks only."""
        raise AssertionError(search)

    async def count(self, search: Search) -> int:
        """Return how many records a search finds."""
        return await self._pool.reading(lambda connection: Lookups(connection).count(search))

    async def catalog(self, entity: str, least: int | None) -> Catalog:
        """Return the cached catalog if its version is at least ``least``, else the present one."""
        kept = self._catalogs.get(entity)
        if kept is None or least is None or kept.version < least:
            kept = await self._pool.reading(lambda connection: read_catalog(connection, entity))
            self._catalogs[entity] = kept
        return kept

    def forget(self, known: Known) -> None:
        """Drop the cached catalogs that a stale decision relied on."""
        for entity in known.catalogs:
            self._catalogs.pop(entity, None)
