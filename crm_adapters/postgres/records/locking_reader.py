"""LockingReader: reads what decisions need on one connection, and holds it until the transaction ends."""

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar
from uuid import UUID

from crm_adapters.postgres.connection.session import Connection, Row, fetch
from crm_adapters.postgres.records.point_reads import (
    existing_keys,
    read_catalog,
    read_holders,
    records_by_key,
    records_of,
    stored_record,
)
from crm_adapters.postgres.records.searches import lock_children, read_counts
from crm_adapters.postgres.sql import uniqueness
from crm_adapters.postgres.sql.statements import query
from crm_core.model.records import Key, Record
from crm_core.rules.needs import Catalog, Duplicates, Holder, Search, UniqueAttribute, UniqueValue


class LockingReader:
    """Reads on one connection and holds the records that it read until the transaction ends."""

    is_holding: ClassVar[bool] = True

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def records(self, keys: Iterable[Key]) -> Mapping[Key, Record | None]:
        """Return the records, locked in the order of resource and id."""
        return await records_by_key(keys, self._lock)

    async def _lock(self, resource: str, ids: Sequence[UUID | int]) -> Sequence[Row]:
        return await fetch(self._connection, query("lock_records", resource), {"ids": ids})

    def record(self, key: Key, version: int, document: bytes) -> Record:
        """Return the record of a stored document."""
        return stored_record(key, version, document)

    async def existing(self, keys: Iterable[Key]) -> Mapping[Key, bool]:
        """Return whether each key exists; foreign keys ensure that they still exist at the commit."""
        return await existing_keys(self._connection, keys)

    async def children(self, searches: Iterable[Search]) -> Mapping[Search, tuple[Record, ...]]:
        """Return all records that each search finds, locked until the end of the transaction."""
        searches = list(searches)
        rows = await lock_children(self._connection, searches)
        return {search: await records_of(search.resource, rows.get(search, ())) for search in searches}

    async def counts(self, searches: Iterable[Search]) -> Mapping[Search, int]:
        """Return how many records each search finds."""
        return await read_counts(self._connection, searches)

    async def catalog(self, entity: str, least: int | None) -> Catalog:  # noqa: ARG002  # under locks nothing is cached
        """Return the current catalog."""
        return await read_catalog(self._connection, entity)

    async def holders(self, values: Iterable[UniqueValue]) -> Mapping[UniqueValue, Holder | None]:
        """Return the records that have values; those of an attribute without an index are locked before they are read.

        A statement sees what was committed before it began, so the locks are taken by another one.
        """
        values = list(values)
        if building := [each for each in values if each.is_building]:
            await fetch(self._connection, query("lock_values"), {"values": uniqueness.names_of(building)})
        return await read_holders(self._connection, values)

    async def duplicates(self, attribute: UniqueAttribute) -> Duplicates:
        """Return the records that keep an attribute from being unique."""
        return uniqueness.read_duplicates(await fetch(self._connection, *uniqueness.duplicates_statement(attribute)))
