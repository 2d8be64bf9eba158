"""SharedReader: reads what decisions need by queries that concurrent requests share."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import ClassVar, Final, TypeAlias, TypeVar
from uuid import UUID

from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.connection.session import Row
from crm_adapters.postgres.connection.timeouts import BATCH_WINDOW
from crm_adapters.postgres.records.last_written import LastWritten
from crm_adapters.postgres.records.loader import Loader
from crm_adapters.postgres.records.point_reads import (
    existing_ids,
    existing_keys,
    read_catalog,
    read_holders,
    records_by_key,
)
from crm_adapters.postgres.records.receipts import read_receipts
from crm_adapters.postgres.records.searches import read_counts
from crm_adapters.postgres.sql.statements import query
from crm_core.engine.receipts import Receipt
from crm_core.model.records import Key, Record
from crm_core.resources import RESOURCES
from crm_core.rules.needs import (
    ACTIVE_USER,
    Catalog,
    Duplicates,
    Holder,
    Known,
    Search,
    UniqueAttribute,
    UniqueValue,
)

#: Keys of one decision that are looked up together with those of other requests; more have a query of their own.
MAX_SHARED: Final = 50

V = TypeVar("V")

#: Returns what is stored under those ids that exist; ids are UUIDs, or numbers for users.
LoadMany: TypeAlias = Callable[[list[UUID | int]], Awaitable[Mapping[UUID | int, V]]]


class SharedReader:
    """Reads that concurrent requests share, and a cache of catalogs, each replaced when a newer version is known.

    Attributes:
        last_written: the values of large records that need not be decoded.
    """

    is_holding: ClassVar[bool] = False

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._rows = {name: Loader(self._load_rows(name), window=BATCH_WINDOW) for name in RESOURCES}
        self._existing = {
            name: Loader(self._load_existing(name), window=BATCH_WINDOW) for name in (*RESOURCES, "user", ACTIVE_USER)
        }
        self._holders = Loader(self._load_holders, window=BATCH_WINDOW)
        self._receipts = Loader(self._load_receipts, window=BATCH_WINDOW)
        self._catalogs: dict[str, Catalog] = {}
        self.last_written: LastWritten = LastWritten()

    async def _load_holders(self, values: list[UniqueValue]) -> Mapping[UniqueValue, Holder]:
        found = await self._pool.reading(lambda connection: read_holders(connection, values))
        return {value: holder for value, holder in found.items() if holder}

    async def _load_receipts(self, wanted: list[tuple[int, str]]) -> Mapping[tuple[int, str], Receipt]:
        return await self._pool.reading(lambda connection: read_receipts(connection, wanted))

    def _load_rows(self, resource: str) -> LoadMany[Row]:
        async def load(ids: list[UUID | int]) -> Mapping[UUID | int, Row]:
            return {row[0]: row for row in await self._read_rows(resource, ids)}

        return load

    async def _read_rows(self, resource: str, ids: Sequence[UUID | int]) -> Sequence[Row]:
        return await self._pool.fetch_again(query("read_records", resource), {"ids": ids})

    def _load_existing(self, resource: str) -> LoadMany[bool]:
        async def load(ids: list[UUID | int]) -> Mapping[UUID | int, bool]:
            found = await self._pool.reading(lambda connection: existing_ids(connection, resource, ids))
            return dict.fromkeys(found, True)

        return load

    async def receipt(self, user: int, key: str) -> Receipt | None:
        """Return the receipt of a request with this idempotency key; concurrent calls share one query."""
        return await self._receipts.load((user, key))

    async def row(self, key: Key) -> Row | None:
        """Return a record's row, or None; concurrent calls share one query."""
        return await self._rows[key.resource].load(key.id)

    async def records(self, keys: Iterable[Key]) -> Mapping[Key, Record | None]:
        """Return the records; None for those that do not exist."""
        keys = list(keys)
        if len(keys) > MAX_SHARED:
            return await records_by_key(keys, self._read_rows)
        rows = await asyncio.gather(*map(self.row, keys)) if len(keys) > 1 else [await self.row(keys[0])]
        return {key: self.record(key, *row[1:]) if row else None for key, row in zip(keys, rows, strict=True)}

    def record(self, key: Key, version: int, document: bytes) -> Record:
        """Return the record of a stored document, with the value that is kept of it."""
        return Record(key, version, self.last_written.value_of(key, document))

    async def existing(self, keys: Iterable[Key]) -> Mapping[Key, bool]:
        """Return whether each key exists."""
        keys = list(keys)
        if len(keys) > MAX_SHARED:
            return await self._pool.reading(lambda connection: existing_keys(connection, keys))
        found = await asyncio.gather(*(self._existing[key.resource].load(key.id) for key in keys))
        return {key: bool(there) for key, there in zip(keys, found, strict=True)}

    async def children(self, searches: Iterable[Search]) -> Mapping[Search, tuple[Record, ...]]:
        """Raise AssertionError: children are read only under locks."""
        raise AssertionError(searches)

    async def counts(self, searches: Iterable[Search]) -> Mapping[Search, int]:
        """Return how many records each search finds."""
        return await self._pool.reading(lambda connection: read_counts(connection, searches))

    async def holders(self, values: Iterable[UniqueValue]) -> Mapping[UniqueValue, Holder | None]:
        """Return the records that have values; concurrent calls share one query."""
        values = list(values)
        found = await asyncio.gather(*(self._holders.load(each) for each in values))
        return dict(zip(values, found, strict=True))

    async def duplicates(self, attribute: UniqueAttribute) -> Duplicates:
        """Raise AssertionError: all values are read only where there is time for it."""
        raise AssertionError(attribute)

    async def catalog(self, entity: str, least: int | None) -> Catalog:
        """Return the cached catalog if its version is at least ``least``, else the current one."""
        kept = self._catalogs.get(entity)
        if kept is None or least is None or kept.version < least:
            kept = await self._pool.reading(lambda connection: read_catalog(connection, entity))
            self._catalogs[entity] = kept
        return kept

    def forget(self, known: Known) -> None:
        """Drop the cached catalogs that a stale decision relied on."""
        for entity in known.catalogs:
            self._catalogs.pop(entity, None)
