"""Reading what a decision needs, and committing what it says."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final, LiteralString, NamedTuple, Protocol
from uuid import UUID

from attrs import evolve
from psycopg import sql

from crm_adapters import documents
from crm_adapters.postgres.connection.errors import StaleError
from crm_adapters.postgres.connection.session import Connection, Row, fetch
from crm_adapters.postgres.sql.statements import query, write
from crm_core.engine.changes import Changes, Decision, Put, Remove
from crm_core.resources import RESOURCES
from crm_core.rules.needs import ACTIVE_USER, Catalog, Key, Known, Needs, Record, Search
from crm_core.webhooks.deliveries import Delivery

_BATCH: Final = 500
_TABLES: Final = {"user": "app_user"}


class Reader(Protocol):
    """How needs are read: shared with other requests, or under locks."""

    @property
    def holds_children(self) -> bool:
        """Whether children stay as they were read until the commit."""

    async def records(self, keys: Iterable[Key]) -> Mapping[Key, Record | None]:
        """Return the records; None for those that do not exist."""

    async def existing(self, keys: Iterable[Key]) -> Mapping[Key, bool]:
        """Which keys name something."""

    async def children(self, search: Search) -> tuple[Record, ...]:
        """All records that a search finds."""

    async def count(self, search: Search) -> int:
        """How many records a search finds."""

    async def catalog(self, entity: str, least: int | None) -> Catalog:
        """An entity's definitions and webhooks, of the version ``least`` or later, or with None as they are now."""


async def read(reader: Reader, needs: Needs) -> Known:
    """Return everything that is needed; records come first, so that a locking reader holds them before children."""
    return Known(
        records=await reader.records(needs.records) if needs.records else {},
        references=await reader.existing(needs.references) if needs.references else {},
        children={search: await reader.children(search) for search in needs.children},
        counts={search: await reader.count(search) for search in needs.counts},
        catalogs={entity: await reader.catalog(entity, least) for entity, least in needs.catalogs.items()},
    )


async def complete(reader: Reader, decision: Decision, *, look_again: bool = False) -> None:
    """Read what a decision needs until it is made, or until it needs children that this reader cannot hold.

    With ``look_again`` catalog versions that were seen earlier are not trusted.
    """
    while (needs := decision.needs) and (reader.holds_children or not needs.children):
        if look_again:
            needs = evolve(needs, catalogs=dict.fromkeys(needs.catalogs))
        await _send(decision, await read(reader, needs))


async def _send(decision: Decision, known: Known) -> None:
    # Over thousands of children a decision takes long; being pure it may as well run in a thread.
    if any(len(children) > _BATCH for more in (decision.known, known) for children in more.children.values()):
        await asyncio.to_thread(decision.send, known)
    else:
        decision.send(known)


def record_of(resource: str, row: Row) -> Record:
    """A record from a row of id, version and document."""
    id_, version, document = row
    return Record(Key(resource, id_), version, documents.decode(resource, document))


class Lookups:
    """The look-ups that no request can share with another, on a connection."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    async def count(self, search: Search) -> int:
        """How many records a search finds."""
        [(count,)] = await self._search("select count(*) from {} where {}", search)
        return int(count)

    async def children(self, search: Search) -> tuple[Record, ...]:
        """All records that a search finds, held until the end of the transaction."""
        rows = await self._search("select id, version, document from {} where {} order by id for update", search)
        found: list[Record] = []
        for start in range(0, len(rows), _BATCH):
            found += [record_of(search.resource, row) for row in rows[start : start + _BATCH]]
            await asyncio.sleep(0)  # others may go on between batches
        return tuple(found)

    async def _search(self, statement: LiteralString, search: Search) -> Sequence[Row]:
        conditions = [
            sql.SQL(_condition(value)).format(sql.Identifier(name), sql.Placeholder(name))
            for name, value in search.where
        ]
        together = sql.SQL(" or " if search.any_field else " and ")
        composed = sql.SQL(statement).format(sql.Identifier(search.resource), together.join(conditions))
        params = {name: list(value) if isinstance(value, tuple) else value for name, value in search.where}
        return await fetch(self.connection, composed, params)


def _condition(value: object) -> LiteralString:
    if not isinstance(value, tuple):
        return "{} = {}"
    return "({0} = any({1}) or {0} is null)" if None in value else "{} = any({})"


class LockingReader(Lookups):
    """Reads on one connection and holds the records that it read until the transaction ends."""

    holds_children: Final = True

    async def records(self, keys: Iterable[Key]) -> Mapping[Key, Record | None]:
        """Return the records, locked in the order of resource and id."""
        found: dict[Key, Record | None] = {}
        for resource, group in _by_resource(keys):
            found |= dict.fromkeys(group)
            ids = [key.id for key in group]
            for row in await fetch(self.connection, query("lock_records", resource), {"ids": ids}):
                record = record_of(resource, row)
                found[record.key] = record
        return found

    async def existing(self, keys: Iterable[Key]) -> Mapping[Key, bool]:
        """Which keys name something; that they stay is for the foreign keys to see to."""
        found: dict[Key, bool] = {}
        for resource, group in _by_resource(keys):
            there = await existing(self.connection, resource, [key.id for key in group])
            found |= {key: key.id in there for key in group}
        return found

    async def catalog(self, entity: str, least: int | None) -> Catalog:  # noqa: ARG002  # under locks nothing is cached
        """The catalog of this moment."""
        return await read_catalog(self.connection, entity)


async def existing(connection: Connection, resource: str, ids: Sequence[Any]) -> set[Any]:
    """Which ids of a resource, or of users, exist."""
    statement = query("active_users") if resource == ACTIVE_USER else query("existing", _TABLES.get(resource, resource))
    storable = [id_ for id_ in ids if not isinstance(id_, int) or abs(id_) < 2**63]
    return {id_ for (id_,) in await fetch(connection, statement, {"ids": storable})}


async def read_catalog(connection: Connection, entity: str) -> Catalog:
    """An entity's definitions and active webhooks, with their version, all of one moment."""
    [(version, definitions, webhooks)] = await fetch(connection, query("read_definitions"), {"entity": entity})
    attributes = documents.decode_list("attribute", definitions)
    return Catalog(version, {each.name: each for each in attributes}, documents.decode_list("webhook", webhooks))


class Group(NamedTuple):
    """Writes of one kind to one table, which one statement makes."""

    table: str
    statement: str
    writes: Sequence[Put | Remove]
    deliveries: Sequence[Delivery]


_STATEMENTS = {"created": "insert_records", "updated": "update_records", "deleted": "delete_records"}


def groups_of(changes: Changes) -> list[Group]:
    """The statements that changes take, in their order."""
    told: defaultdict[UUID, list[Delivery]] = defaultdict(list)
    for delivery in changes.deliveries:
        told[delivery.record].append(delivery)
    kinds = groupby(changes.writes, key=lambda write: (write.key.resource, write.event.kind))
    return [
        Group(table, _STATEMENTS[kind], batch, [each for write in batch for each in told[write.event.record]])
        for (table, kind), writes in kinds
        for batch in _batches(list(writes))
    ]


def _batches(writes: Sequence[Put | Remove]) -> Iterable[Sequence[Put | Remove]]:
    """Batches small enough that encoding one does not keep others from the event loop."""
    return (writes[start : start + _BATCH] for start in range(0, len(writes), _BATCH))


async def commit_group(
    connection: Connection, group: Group, unchanged: Sequence[Record], catalogs: Mapping[str, Catalog]
) -> set[UUID]:
    """Write one group, its events and its deliveries, only if ``unchanged`` records and the catalogs are as they were.

    Gives the ids of the records that were written: the others were not as they were known.
    """
    events = [write.event for write in group.writes]
    params: dict[str, object] = {
        "ids": [event.record for event in events],
        "versions": [event.version for event in events],
        "documents": [documents.encode(w.value).decode() for w in group.writes if isinstance(w, Put)],
        "changes": [documents.encode(event.changes).decode() for event in events],
        "resource": group.table,
        "kind": events[0].kind,
        "actors": [event.actor for event in events],
        "actor_names": [event.actor_name for event in events],
        "request_ids": [event.request_id for event in events],
        "ats": [event.at for event in events],
        "entities": list(catalogs),
        "catalog_versions": [catalog.version for catalog in catalogs.values()],
    }
    for name in RESOURCES[group.table].hidden:
        params[f"hidden_{name}"] = [write.hidden.get(name) for write in group.writes if isinstance(write, Put)]
    for index, record in enumerate(unchanged):
        params |= {f"unchanged_id_{index}": record.key.id, f"unchanged_version_{index}": record.version}
    if group.deliveries:
        params |= _delivery_params(group.deliveries)
    tables = tuple(record.key.resource for record in unchanged)
    statement = write(group.statement, group.table, tables, with_deliveries=bool(group.deliveries))
    return {id_ for (id_,) in await fetch(connection, statement, params)}


async def commit_whole_group(
    connection: Connection, group: Group, unchanged: Sequence[Record], catalogs: Mapping[str, Catalog]
) -> None:
    """The same, all or nothing: raises StaleError, though some may then be written already."""
    if len(await commit_group(connection, group, unchanged, catalogs)) != len(group.writes):
        raise StaleError


def _delivery_params(deliveries: Sequence[Delivery]) -> Mapping[str, object]:
    # Webhooks that are told of one event share its body, which may be large: so it is encoded and sent once.
    distinct = {id(each.body): each for each in deliveries}
    places = {key: place for place, key in enumerate(distinct, start=1)}
    return {
        "bodies": [documents.body_of(each) for each in distinct.values()],
        "delivery_ids": [each.id for each in deliveries],
        "delivery_webhooks": [each.webhook for each in deliveries],
        "delivery_records": [each.record for each in deliveries],
        "delivery_versions": [each.version for each in deliveries],
        "delivery_types": [each.type for each in deliveries],
        "delivery_methods": [each.method for each in deliveries],
        "delivery_urls": [each.url for each in deliveries],
        "delivery_headers": [documents.encode(each.headers).decode() for each in deliveries],
        "delivery_bodies": [places[id(each.body)] for each in deliveries],
        "delivery_errors": [each.error for each in deliveries],
    }


def unchanged_records(changes: Changes, known: Known) -> list[Record]:
    """The records that a decision knew and does not write: they must stay as they are until the commit."""
    written = {write.key for write in changes.writes}
    return [record for key, record in known.records.items() if record is not None and key not in written]


def _by_resource(keys: Iterable[Key]) -> Iterable[tuple[str, list[Key]]]:
    for resource, group in groupby(sorted(keys, key=lambda key: (key.resource, str(key.id))), key=lambda k: k.resource):
        yield resource, list(group)
