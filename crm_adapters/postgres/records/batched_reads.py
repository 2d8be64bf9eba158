"""Reads that concurrent requests share."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final, TypeAlias, TypeVar
from uuid import UUID

from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.connection.session import Row
from crm_adapters.postgres.records.batching import BATCH_WINDOW, Loader
from crm_adapters.postgres.records.transactions import Lookups, existing, read_catalog, record_of
from crm_adapters.postgres.sql.statements import query
from crm_core.resources import RESOURCES
from crm_core.rules.needs import Catalog, Key, Known, Record, Search

V = TypeVar("V")

#: Gives what is kept under those ids that are there; ids are UUIDs, or the numbers of users.
LoadMany: TypeAlias = Callable[[list[UUID | int]], Awaitable[Mapping[UUID | int, V]]]


class SharedReader:
    """Reads that concurrent requests share, and catalogs that are kept until a newer version is seen."""

    holds_children: Final = False

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._rows = {name: Loader(self._load_rows(name), patience=BATCH_WINDOW) for name in RESOURCES}
        self._existing = {
            name: Loader(self._load_existing(name), patience=BATCH_WINDOW) for name in (*RESOURCES, "user")
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
        """A record's row, shared with whoever else asks now."""
        return await self._rows[key.resource].load(key.id)

    async def records(self, keys: Iterable[Key]) -> Mapping[Key, Record | None]:
        """TruncationCheck records; None for those that are not there."""
        keys = list(keys)
        rows = await asyncio.gather(*map(self.row, keys)) if len(keys) > 1 else [await self.row(keys[0])]
        return {key: record_of(key.resource, row) if row else None for key, row in zip(keys, rows, strict=True)}

    async def existing(self, keys: Iterable[Key]) -> Mapping[Key, bool]:
        """Which keys name something."""
        keys = list(keys)
        found = await asyncio.gather(*(self._existing[key.resource].load(key.id) for key in keys))
        return {key: bool(there) for key, there in zip(keys, found, strict=True)}

    async def children(self, search: Search) -> tuple[Record, ...]:
        """Children are read under locks only."""
        raise AssertionError(search)

    async def count(self, search: Search) -> int:
        """How many records a search finds."""
        return await self._pool.reading(lambda connection: Lookups(connection).count(search))

    async def catalog(self, entity: str, least: int | None) -> Catalog:
        """The kept catalog if it is as new as was seen, else the one of now."""
        kept = self._catalogs.get(entity)
        if kept is None or least is None or kept.version < least:
            kept = await self._pool.reading(lambda connection: read_catalog(connection, entity))
            self._catalogs[entity] = kept
        return kept

    def forget(self, known: Known) -> None:
        """Keep no catalog that a stale decision relied on."""
        for entity in known.catalogs:
            self._catalogs.pop(entity, None)
