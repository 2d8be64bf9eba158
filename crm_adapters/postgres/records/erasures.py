"""Erases what is kept of records beside their documents: values in events, deliveries and receipts (decision 117)."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from crm_adapters import json_documents
from crm_adapters.postgres.connection.session import Connection, fetch
from crm_adapters.postgres.imports import forget_texts
from crm_adapters.postgres.sql.statements import once_referring, query
from crm_core.engine.changes import Changes
from crm_core.engine.erased_events import kept_fields
from crm_core.engine.receipts import ERASED_ANSWER
from crm_core.model.events import Event
from crm_core.model.records import Key
from crm_core.resources import RESOURCES


async def forget_erased(connection: Connection, changes: Changes) -> None:
    """Erase what is kept of records, in the transaction of the events of their erasure."""
    if not changes.erasures:
        return
    await fetch(connection, query("lock_erasing"), {})
    by_resource: defaultdict[str, list[Event]] = defaultdict(list)
    for event in changes.erasures:
        by_resource[event.resource].append(event)
    for resource, events in by_resource.items():
        await _forget_records(connection, resource, events)
    for copy in changes.copies:
        params = {"id": copy.key.id, "resource": copy.key.resource, "field": copy.field}
        await fetch(connection, query("erase_copies"), params)
        await _forget_answers(connection, [copy.key])
    await forget_texts(connection, changes.erased_texts)


async def _forget_records(connection: Connection, resource: str, events: Sequence[Event]) -> None:
    params = {
        "ids": [event.record for event in events],
        "versions": [event.version for event in events],
        "resource": resource,
        "kept": sorted(kept_fields(RESOURCES[resource])),
    }
    await fetch(connection, query("erase_events"), params)
    await fetch(connection, query("erase_deliveries"), params)
    await _forget_answers(connection, [Key(resource, event.record) for event in events])


async def _forget_answers(connection: Connection, keys: Sequence[Key]) -> None:
    params = {"ids": [key.id for key in keys], "answer": ERASED_ANSWER.decode()}
    await fetch(connection, query("erase_receipts"), params)


async def read_once_referring(connection: Connection, key: Key, resource: str, field: str) -> Sequence[UUID]:
    """Return the ids of records of a resource that ever referred to a record."""
    rows = await fetch(connection, once_referring(resource, field), {"id": str(key.id)})
    return [id_ for (id_,) in rows]


async def read_mentions(connection: Connection, texts: Sequence[str], limit: int) -> Sequence[Key]:
    """Return the keys of some records in which a text occurs."""
    found: list[Key] = []
    sought = [json_documents.encode(text)[1:-1].decode() for text in texts]
    for resource in RESOURCES:
        params = {"texts": sought, "limit": limit - len(found)}
        rows = await fetch(connection, query("mentions", resource), params)
        found += [Key(resource, id_) for (id_,) in rows]
    return found
