"""Commits the changes of decisions. Group commit: one statement writes records of several concurrent requests."""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import groupby
from typing import Final, NamedTuple
from uuid import UUID

import attrs

from crm_adapters import json_documents
from crm_adapters.postgres.connection.errors import StaleError, staleness
from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.connection.session import Connection, fetch
from crm_adapters.postgres.records.loader import Loader, Loaders
from crm_adapters.postgres.records.point_reads import BATCH
from crm_adapters.postgres.sql.statements import write
from crm_core.engine.changes import Changes, Put, Remove, Reply
from crm_core.engine.decision_runs import Decision
from crm_core.engine.receipts import Document, ReceiptKey
from crm_core.errors import CrmError, UnavailableError
from crm_core.model.records import Record
from crm_core.resources import RESOURCES
from crm_core.rules.needs import Catalog, Known
from crm_core.webhooks.deliveries import Delivery


@attrs.frozen(eq=False)
class Write:
    """A record to write, or to remove."""

    change: Put | Remove

    @property
    def value(self) -> object:
        """Return the entity; None for a record that is removed."""
        return self.change.value if isinstance(self.change, Put) else None

    @cached_property
    def document(self) -> bytes:
        """Return the record as JSON, encoded once for the database and the answer; empty for one that is removed."""
        return json_documents.encode(self.value) if isinstance(self.change, Put) else b""


class Group(NamedTuple):
    """Writes of one kind to one table, which one statement makes.

    Attributes:
        table: the table.
        statement: the name of the statement.
        writes: the writes.
        deliveries: the deliveries that follow.
        receipts: of each write the receipt of the request that is answered with it; empty if there are none.
    """

    table: str
    statement: str
    writes: Sequence[Write]
    deliveries: Sequence[Delivery]
    receipts: Sequence[ReceiptKey] = ()


#: Writes of a group that are encoded on the event loop, in about two milliseconds; more are encoded in a thread. That
#: thread and the loop's take the interpreter from each other, which costs a tenth of the writes of 64 connections.
_MAX_ENCODED_ON_LOOP: Final = 100
_DEFINING: Final = frozenset({"attribute", "webhook"})
_STATEMENTS = {
    "created": "insert_records",
    "updated": "update_records",
    "deleted": "delete_records",
    "erased": "delete_records",
}


def groups_of(changes: Changes) -> list[Group]:
    """Return the groups of writes that changes consist of, in order."""
    if len(changes.writes) == 1:  # most changes
        [write] = changes.writes
        return [Group(write.key.resource, _statement(write), [Write(write)], changes.deliveries)]
    deliveries: defaultdict[tuple[UUID, int], list[Delivery]] = defaultdict(list)
    for delivery in changes.deliveries:
        deliveries[delivery.record, delivery.version].append(delivery)
    groups: list[Group] = []
    for step in _steps(changes):
        for (table, statement), writes in groupby(step, key=lambda write: (write.key.resource, _statement(write))):
            for batch in _batches(list(map(Write, writes))):
                events = [write.change.event for write in batch]
                sent = [each for event in events for each in deliveries[event.record, event.version]]
                groups.append(Group(table, statement, batch, sent))
    return groups


def _steps(changes: Changes) -> Iterable[Sequence[Put | Remove]]:
    ends = [*changes.steps, len(changes.writes)]
    return (changes.writes[start:end] for start, end in zip([0, *changes.steps], ends, strict=True))


def _statement(write: Put | Remove) -> str:
    if isinstance(write, Remove) and not write.is_stored:
        return "append_erasures"
    return _STATEMENTS[write.event.kind]


def answer_of(decision: Decision, groups: Sequence[Group]) -> Document | None:
    """Return the record that a decision names as its answer, as it is after the commit of the groups."""
    key = decision.changes.answer
    if key is None or isinstance(key, Reply):
        return key.document if key else None
    # A record that is written in several steps is at last as the latest of them says.
    for each in itertools.chain.from_iterable(reversed(group.writes) for group in reversed(groups)):
        if each.change.key == key:
            return Document(each.change.event.version, each.document)
    record = decision.known.records[key]
    return Document(record.version, json_documents.encode(record.value)) if record else None


def _batches(writes: Sequence[Write]) -> Iterable[Sequence[Write]]:
    """Return batches small enough that encoding one does not block the event loop for long."""
    return (writes[start : start + BATCH] for start in range(0, len(writes), BATCH))


async def commit_groups(
    connection: Connection, groups: Sequence[Group], unchanged: Sequence[Record], catalogs: Mapping[str, Catalog]
) -> None:
    """Write all groups of changes. Raises StaleError if something has changed; some are written then."""
    defines = any(group.table in _DEFINING for group in groups)
    for index, group in enumerate(groups):
        # What defines a catalog moves it to the next version, which the later groups must not take for another's.
        known = {} if index and defines else catalogs
        await commit_whole_group(connection, group, () if index else unchanged, known)


async def commit_group(
    connection: Connection, group: Group, unchanged: Sequence[Record], catalogs: Mapping[str, Catalog]
) -> set[UUID]:
    """Write one group, its events and its deliveries, only if ``unchanged`` records and the catalogs are as they were.

    Return the ids of the records that were written; the others had changed.
    """
    if len(group.writes) > _MAX_ENCODED_ON_LOOP:
        params = await asyncio.to_thread(_params, group, unchanged, catalogs)
    else:
        params = _params(group, unchanged, catalogs)
    tables = tuple(record.key.resource for record in unchanged)
    more = {"with_deliveries": bool(group.deliveries), "with_receipts": bool(group.receipts)}
    statement = write(group.statement, group.table, tables, **more)
    return {id_ for (id_,) in await fetch(connection, statement, params)}


def _params(group: Group, unchanged: Sequence[Record], catalogs: Mapping[str, Catalog]) -> Mapping[str, object]:
    events = [write.change.event for write in group.writes]
    puts = [(write.document, write.change) for write in group.writes if isinstance(write.change, Put)]
    params: dict[str, object] = {
        "ids": [event.record for event in events],
        "versions": [event.version for event in events],
        "documents": [document.decode() for document, _ in puts],
        "changes": [json_documents.encode(event.changes).decode() for event in events],
        "causes": [json_documents.encode(event.cause).decode() if event.cause else None for event in events],
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
        params[f"hidden_{name}"] = [put.hidden.get(name) for _, put in puts]
    for index, record in enumerate(unchanged):
        params |= {f"unchanged_id_{index}": record.key.id, f"unchanged_version_{index}": record.version}
    if group.deliveries:
        params |= _delivery_params(group.deliveries)
    if group.receipts:
        params |= {
            "receipt_users": [receipt.user for receipt in group.receipts],
            "receipt_keys": [receipt.idempotency.key for receipt in group.receipts],
            "receipt_fingerprints": [receipt.idempotency.fingerprint for receipt in group.receipts],
        }
    return params


async def commit_whole_group(
    connection: Connection, group: Group, unchanged: Sequence[Record], catalogs: Mapping[str, Catalog]
) -> None:
    """Write one group as `commit_group` does. Raises StaleError if not all records were written; some may be then."""
    if len(await commit_group(connection, group, unchanged, catalogs)) != len(group.writes):
        raise StaleError


def _delivery_params(deliveries: Sequence[Delivery]) -> Mapping[str, object]:
    # The deliveries of one event share its body, which may be large: so it is encoded and sent once.
    distinct = {id(each.body): each for each in deliveries}
    places = {key: place for place, key in enumerate(distinct, start=1)}
    return {
        "bodies": [json_documents.body_of(each) for each in distinct.values()],
        "delivery_ids": [each.id for each in deliveries],
        "delivery_webhooks": [each.webhook for each in deliveries],
        "delivery_records": [each.record for each in deliveries],
        "delivery_versions": [each.version for each in deliveries],
        "delivery_types": [each.type for each in deliveries],
        "delivery_methods": [each.method for each in deliveries],
        "delivery_urls": [each.url for each in deliveries],
        "delivery_headers": [json_documents.encode(each.headers).decode() for each in deliveries],
        "delivery_bodies": [places[id(each.body)] for each in deliveries],
        "delivery_errors": [each.error for each in deliveries],
        "delivery_priorities": [each.priority for each in deliveries],
    }


def unchanged_records(changes: Changes, known: Known) -> list[Record]:
    """Return the records that a decision knew and does not write: they must not change before the commit."""
    written = {write.key for write in changes.writes}
    return [record for key, record in known.records.items() if record is not None and key not in written]


#: The statement that writes records of several requests at once, by the statement for one record: a single update,
#: which shares its statement with others, runs ``update_free_records``. Other statements write one record alone.
_SHARED: Final = {"insert_records": "insert_records", "update_records": "update_free_records"}


@attrs.frozen(eq=False)
class _Job:
    """One record to write, with the records and catalogs that must not have changed."""

    group: Group
    unchanged: Sequence[Record]
    catalogs: Mapping[str, Catalog]

    @property
    def kind(self) -> tuple[object, ...]:
        """Return a key that is the same for jobs that one statement can write."""
        unchanged = tuple((record.key, record.version) for record in self.unchanged)
        catalogs = tuple((entity, catalog.version) for entity, catalog in self.catalogs.items())
        return self.group.statement, self.group.table, bool(self.group.receipts), unchanged, catalogs


class Commits:
    """Writes records of concurrent requests together.

    A request on its own does not wait for others. Records that fail together are written one by one, so that an error,
    or a lock of another transaction, concerns one request only.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._batchers: Loaders[tuple[object, ...], _Job, bool] = Loaders(lambda _: Loader(self._commit_together))

    async def commit(self, group: Group, unchanged: Sequence[Record], catalogs: Mapping[str, Catalog]) -> None:
        """Write a group of one record. Raises StaleError if what the decision was based on has changed."""
        job = _Job(group, unchanged, catalogs)
        if group.statement not in _SHARED:
            await self._commit_alone(job)
            return
        if not await self._batchers.load(job.kind, job):
            await self._commit_alone(job)

    async def _commit_together(self, jobs: list[_Job]) -> Mapping[_Job, bool]:
        groups = [job.group for job in sorted(jobs, key=lambda job: job.group.writes[0].change.event.record)]
        first = jobs[0]
        together = Group(
            first.group.table,
            _SHARED[first.group.statement],
            [write for group in groups for write in group.writes],
            [delivery for group in groups for delivery in group.deliveries],
            [receipt for group in groups for receipt in group.receipts],
        )
        try:
            async with self._pool.connect() as connection:
                with staleness():
                    written = await commit_group(connection, together, first.unchanged, first.catalogs)
        except UnavailableError:  # outcome unknown: report it
            raise
        except (StaleError, CrmError):
            return {}
        return {job: True for job in jobs if job.group.writes[0].change.event.record in written}

    async def _commit_alone(self, job: _Job) -> None:
        async with self._pool.connect() as connection:
            with staleness():
                await commit_whole_group(connection, job.group, job.unchanged, job.catalogs)
