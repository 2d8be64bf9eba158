"""Reads what decisions need: shared with other requests (SharedReader), or under locks (LockingReader)."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, ClassVar, Final, Protocol, TypeAlias, TypeVar
from uuid import UUID

from attrs import evolve

from crm_adapters import json_documents
from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.connection.session import Connection, Row, fetch
from crm_adapters.postgres.connection.timeouts import BATCH_WINDOW
from crm_adapters.postgres.records.last_written import LastWritten
from crm_adapters.postgres.records.loader import Loader
from crm_adapters.postgres.records.searches import children as search_children
from crm_adapters.postgres.records.searches import counts as search_counts
from crm_adapters.postgres.sql import uniqueness
from crm_adapters.postgres.sql.statements import query
from crm_core.engine.decision_runs import Decide, Decision, size_of
from crm_core.model.records import NOTHING_AHEAD, Document, Key, Record
from crm_core.resources import RESOURCES
from crm_core.rules.needs import (
    ACTIVE_USER,
    Catalog,
    Duplicates,
    Holder,
    Known,
    Needs,
    Search,
    UniqueAttribute,
    UniqueValue,
)

#: Records that are decoded or written before other tasks may run.
BATCH: Final = 500
#: Decisions made as one that run on the event loop; more run in a thread.
MAX_ON_LOOP: Final = 20
#: Keys of one decision that are looked up together with those of other requests; more have a query of their own.
MAX_SHARED: Final = 50


#: The statements that find users, by the names that keys have for them; other resources have tables of their own.
_USERS: Final = {"user": "users", ACTIVE_USER: "active_users"}


class Reader(Protocol):
    """Reads needs: shared with other requests, or under locks."""

    #: Whether children and free values stay as they were read until the commit.
    is_holding: ClassVar[bool]

    async def records(self, keys: Iterable[Key]) -> Mapping[Key, Record | None]:
        """Return the records; None for those that do not exist."""
        ...

    def record(self, key: Key, version: int, document: bytes) -> Record:
        """Return the record of a stored document."""
        ...

    async def existing(self, keys: Iterable[Key]) -> Mapping[Key, bool]:
        """Return whether each key exists."""
        ...

    async def children(self, searches: Iterable[Search]) -> Mapping[Search, tuple[Record, ...]]:
        """Return all records that each search finds."""
        ...

    async def counts(self, searches: Iterable[Search]) -> Mapping[Search, int]:
        """Return how many records each search finds."""
        ...

    async def catalog(self, entity: str, least: int | None) -> Catalog:
        """Return the catalog of an entity, of the version ``least`` or later; with None the current one."""
        ...

    async def holders(self, values: Iterable[UniqueValue]) -> Mapping[UniqueValue, Holder | None]:
        """Return the records that have values of unique attributes; None where no record has one."""
        ...

    async def duplicates(self, attribute: UniqueAttribute) -> Duplicates:
        """Return the records that keep an attribute from being unique."""
        ...


async def read(reader: Reader, needs: Needs) -> Known:
    """Return everything that is needed; records come first, so that a locking reader holds them before children."""
    return Known(
        records=await _records(reader, needs) if needs.records else {},
        references=await reader.existing(needs.references) if needs.references else {},
        children=await reader.children(needs.children) if needs.children else {},
        counts=await reader.counts(needs.counts) if needs.counts else {},
        catalogs={entity: await reader.catalog(entity, least) for entity, least in needs.catalogs.items()},
        holders=await reader.holders(needs.holders) if needs.holders else {},
        duplicates={each: await reader.duplicates(each) for each in needs.duplicates} if needs.duplicates else {},
    )


async def _records(reader: Reader, needs: Needs) -> Mapping[Key, Record | None]:
    """Return the records: those that were read ahead, and the others, or all of them if they must be locked."""
    ahead = NOTHING_AHEAD if reader.is_holding else needs.ahead
    found = {
        key: (document := ahead[key]) and reader.record(key, document.version, document.body)
        for key in needs.records
        if key in ahead
    }
    missing = [key for key in needs.records if key not in found]
    return {**found, **await reader.records(missing)} if missing else found


def must_be_held(needs: Needs) -> bool:
    """Return whether something is needed that must stay as it is until the commit, so that it is read under locks.

    These are children, values of unique attributes whose index is not there yet, and a look at all values, which takes
    the time that only changes of many records are given.
    """
    return bool(needs.children or needs.duplicates or any(each.is_building for each in needs.holders))


async def complete(
    reader: Reader, decision: Decision, *, size: int = 1, refresh: bool = False, use_ahead: bool = True
) -> None:
    """Read what a decision needs until it is complete, or until it needs what this reader cannot hold.

    Args:
        reader: reads what is needed.
        decision: is sent what was read.
        size: how many decisions it is made of.
        refresh: read the current catalogs, whatever versions were seen before.
        use_ahead: take the records that were read ahead instead of reading them again.
    """
    while (needs := decision.needs) and (reader.is_holding or not must_be_held(needs)):
        if refresh:
            needs = evolve(needs, catalogs=dict.fromkeys(needs.catalogs))
        if not use_ahead:
            needs = evolve(needs, ahead=NOTHING_AHEAD)
        await _send(decision, await read(reader, needs), size)


async def start(decide: Decide) -> Decision:
    """Start a run of a decision."""
    return await asyncio.to_thread(Decision, decide) if size_of(decide) > MAX_ON_LOOP else Decision(decide)


async def _send(decision: Decision, known: Known, size: int) -> None:
    # Many decisions, or one about thousands of children, take long; they are pure, so they can run in a thread.
    many = any(len(children) > BATCH for more in (decision.known, known) for children in more.children.values())
    if many or size > MAX_ON_LOOP:
        await asyncio.to_thread(decision.send, known)
    else:
        decision.send(known)


def record_of(resource: str, row: Row) -> Record:
    """Return a record from a row of id, version and document."""
    id_, version, document = row
    return _record(Key(resource, id_), version, document)


def _record(key: Key, version: int, document: bytes) -> Record:
    return Record(key, version, json_documents.decode(key.resource, document))


class Lookups:
    """The look-ups that requests do not share, on one connection."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    async def counts(self, searches: Iterable[Search]) -> Mapping[Search, int]:
        """Return how many records each search finds."""
        return await search_counts(self.connection, searches)

    async def children(self, searches: Iterable[Search]) -> Mapping[Search, tuple[Record, ...]]:
        """Return all records that each search finds, locked until the end of the transaction."""
        searches = list(searches)
        rows = await search_children(self.connection, searches)
        return {search: await records_of(search.resource, rows.get(search, ())) for search in searches}


async def records_of(resource: str, rows: Sequence[Row]) -> tuple[Record, ...]:
    """Return records from rows of id, version and document; other tasks run between batches."""
    found: list[Record] = []
    for start in range(0, len(rows), BATCH):
        if start:
            await asyncio.sleep(0)
        found += [record_of(resource, row) for row in rows[start : start + BATCH]]
    return tuple(found)


class LockingReader(Lookups):
    """Reads on one connection and holds the records that it read until the transaction ends."""

    is_holding: ClassVar[bool] = True

    def record(self, key: Key, version: int, document: bytes) -> Record:
        """Return the record of a stored document."""
        return _record(key, version, document)

    async def records(self, keys: Iterable[Key]) -> Mapping[Key, Record | None]:
        """Return the records, locked in the order of resource and id."""
        found: dict[Key, Record | None] = {}
        for resource, group in _by_resource(keys):
            found |= dict.fromkeys(group)
            ids = [key.id for key in group]
            rows = await fetch(self.connection, query("lock_records", resource), {"ids": ids})
            found |= {record.key: record for record in await records_of(resource, rows)}
        return found

    async def existing(self, keys: Iterable[Key]) -> Mapping[Key, bool]:
        """Return whether each key exists; foreign keys ensure that they still exist at the commit."""
        found: dict[Key, bool] = {}
        for resource, group in _by_resource(keys):
            there = await existing(self.connection, resource, [key.id for key in group])
            found |= {key: key.id in there for key in group}
        return found

    async def catalog(self, entity: str, least: int | None) -> Catalog:  # noqa: ARG002  # under locks nothing is cached
        """Return the current catalog."""
        return await read_catalog(self.connection, entity)

    async def holders(self, values: Iterable[UniqueValue]) -> Mapping[UniqueValue, Holder | None]:
        """Return the records that have values; those of an attribute without an index are locked before they are read.

        A statement sees what was committed before it began, so the locks are taken by another one.
        """
        values = list(values)
        if building := [each for each in values if each.is_building]:
            await fetch(self.connection, query("lock_values"), {"values": uniqueness.names_of(building)})
        return await _holders(self.connection, values)

    async def duplicates(self, attribute: UniqueAttribute) -> Duplicates:
        """Return the records that keep an attribute from being unique."""
        return uniqueness.read_duplicates(await fetch(self.connection, *uniqueness.duplicates_statement(attribute)))


async def _holders(connection: Connection, values: Sequence[UniqueValue]) -> Mapping[UniqueValue, Holder | None]:
    found: dict[UniqueValue, Holder | None] = dict.fromkeys(values)
    for (attribute, is_building), group in uniqueness.by_attribute(values):
        by_text = {str(each.value): each for each in group}
        statement = uniqueness.holders_statement(attribute, is_building=is_building)
        for text, id_, version, body in await fetch(connection, statement, {"values": list(by_text)}):
            found[by_text[text]] = Holder(id_, Document(version, body))
    return found


async def existing(connection: Connection, resource: str, ids: Sequence[Any]) -> set[Any]:
    """Return which ids of a resource, or of users, exist."""
    statement = query(_USERS[resource]) if resource in _USERS else query("existing", resource)
    storable = [id_ for id_ in ids if not isinstance(id_, int) or abs(id_) < 2**63]
    return {id_ for (id_,) in await fetch(connection, statement, {"ids": storable})}


async def read_catalog(connection: Connection, entity: str) -> Catalog:
    """Return the current catalog of an entity, read by one statement."""
    [(version, definitions, webhooks)] = await fetch(connection, query("read_definitions"), {"entity": entity})
    attributes = json_documents.decode_list("attribute", definitions)
    return Catalog(version, {each.name: each for each in attributes}, json_documents.decode_list("webhook", webhooks))


def _by_resource(keys: Iterable[Key]) -> Iterable[tuple[str, list[Key]]]:
    for resource, group in groupby(sorted(keys, key=lambda key: (key.resource, str(key.id))), key=lambda k: k.resource):
        yield resource, list(group)


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
        self._catalogs: dict[str, Catalog] = {}
        self.last_written: LastWritten = LastWritten()

    async def _load_holders(self, values: list[UniqueValue]) -> Mapping[UniqueValue, Holder]:
        found = await self._pool.reading(lambda connection: _holders(connection, values))
        return {value: holder for value, holder in found.items() if holder}

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
        if len(keys) > MAX_SHARED:
            return await self._many_records(keys)
        rows = await asyncio.gather(*map(self.row, keys)) if len(keys) > 1 else [await self.row(keys[0])]
        return {key: self.record(key, *row[1:]) if row else None for key, row in zip(keys, rows, strict=True)}

    def record(self, key: Key, version: int, document: bytes) -> Record:
        """Return the record of a stored document, with the value that is kept of it."""
        return Record(key, version, self.last_written.value_of(key, document))

    async def _many_records(self, keys: Iterable[Key]) -> Mapping[Key, Record | None]:
        found: dict[Key, Record | None] = {}
        for resource, group in _by_resource(keys):
            found |= dict.fromkeys(group)
            ids = [key.id for key in group]
            rows = await self._pool.fetch_again(query("read_records", resource), {"ids": ids})
            found |= {record.key: record for record in await records_of(resource, rows)}
        return found

    async def existing(self, keys: Iterable[Key]) -> Mapping[Key, bool]:
        """Return whether each key exists."""
        keys = list(keys)
        if len(keys) > MAX_SHARED:
            return await self._pool.reading(lambda connection: LockingReader(connection).existing(keys))
        found = await asyncio.gather(*(self._existing[key.resource].load(key.id) for key in keys))
        return {key: bool(there) for key, there in zip(keys, found, strict=True)}

    async def children(self, searches: Iterable[Search]) -> Mapping[Search, tuple[Record, ...]]:
        """Raise AssertionError: children are read only under locks."""
        raise AssertionError(searches)

    async def counts(self, searches: Iterable[Search]) -> Mapping[Search, int]:
        """Return how many records each search finds."""
        return await self._pool.reading(lambda connection: search_counts(connection, searches))

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
