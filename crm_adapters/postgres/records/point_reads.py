"""Reads single records, users, catalogs and holders of values on one connection."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final, TypeAlias
from uuid import UUID

from crm_adapters import json_documents
from crm_adapters.postgres.connection.session import Connection, Row, fetch
from crm_adapters.postgres.sql import uniqueness
from crm_adapters.postgres.sql.statements import query
from crm_core.model.records import Document, Key, Record
from crm_core.rules.needs import ACTIVE_USER, Catalog, Holder, UniqueValue

#: Records that are decoded or written before other tasks may run.
BATCH: Final = 500
#: The statements that find users, by the names that keys have for them; other resources have tables of their own.
_USERS: Final = {"user": "users", ACTIVE_USER: "active_users"}

#: Returns the rows of id, version and document of those ids of a resource that exist.
ReadRows: TypeAlias = Callable[[str, Sequence[UUID | int]], Awaitable[Sequence[Row]]]


def stored_record(key: Key, version: int, document: bytes) -> Record:
    """Return the record of a stored document."""
    return Record(key, version, json_documents.decode(key.resource, document))


def record_of(resource: str, row: Row) -> Record:
    """Return a record from a row of id, version and document."""
    id_, version, document = row
    return stored_record(Key(resource, id_), version, document)


async def records_of(resource: str, rows: Sequence[Row]) -> tuple[Record, ...]:
    """Return records from rows of id, version and document; other tasks run between batches."""
    found: list[Record] = []
    for start in range(0, len(rows), BATCH):
        if start:
            await asyncio.sleep(0)
        found += [record_of(resource, row) for row in rows[start : start + BATCH]]
    return tuple(found)


async def records_by_key(keys: Iterable[Key], read_rows: ReadRows) -> Mapping[Key, Record | None]:
    """Return the records, read in the order of resource and id; None for those that do not exist."""
    found: dict[Key, Record | None] = {}
    for resource, group in _by_resource(keys):
        found |= dict.fromkeys(group)
        rows = await read_rows(resource, [key.id for key in group])
        found |= {record.key: record for record in await records_of(resource, rows)}
    return found


async def existing_keys(connection: Connection, keys: Iterable[Key]) -> Mapping[Key, bool]:
    """Return whether each key exists."""
    found: dict[Key, bool] = {}
    for resource, group in _by_resource(keys):
        there = await existing_ids(connection, resource, [key.id for key in group])
        found |= {key: key.id in there for key in group}
    return found


async def existing_ids(connection: Connection, resource: str, ids: Sequence[Any]) -> set[Any]:
    """Return which ids of a resource, or of users, exist."""
    statement = query(_USERS[resource]) if resource in _USERS else query("existing", resource)
    storable = [id_ for id_ in ids if not isinstance(id_, int) or abs(id_) < 2**63]
    return {id_ for (id_,) in await fetch(connection, statement, {"ids": storable})}


async def read_holders(connection: Connection, values: Sequence[UniqueValue]) -> Mapping[UniqueValue, Holder | None]:
    """Return the records that have values of unique attributes; None where no record has one."""
    found: dict[UniqueValue, Holder | None] = dict.fromkeys(values)
    for (attribute, is_building), group in uniqueness.by_attribute(values):
        by_text = {str(each.value): each for each in group}
        statement = uniqueness.holders_statement(attribute, is_building=is_building)
        for text, id_, version, body in await fetch(connection, statement, {"values": list(by_text)}):
            found[by_text[text]] = Holder(id_, Document(version, body))
    return found


async def read_catalog(connection: Connection, entity: str) -> Catalog:
    """Return the current catalog of an entity, read by one statement."""
    [(version, definitions, webhooks)] = await fetch(connection, query("read_definitions"), {"entity": entity})
    attributes = json_documents.decode_list("attribute", definitions)
    return Catalog(version, {each.name: each for each in attributes}, json_documents.decode_list("webhook", webhooks))


def _by_resource(keys: Iterable[Key]) -> Iterable[tuple[str, list[Key]]]:
    for resource, group in groupby(sorted(keys, key=lambda key: (key.resource, str(key.id))), key=lambda k: k.resource):
        yield resource, list(group)
