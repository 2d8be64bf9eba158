"""Records in memory."""

import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import attrs

from crm_adapters import json_documents
from crm_adapters.after_commit import call_after_commit, no_hook
from crm_adapters.memory.accounts import MemoryAccounts, utc_now
from crm_adapters.memory.feed import MemoryFeed
from crm_adapters.memory.history import MemoryHistory
from crm_adapters.memory.imports import MemoryImportRuns
from crm_adapters.memory.outbox import MemoryOutbox
from crm_adapters.memory.receipts import MemoryReceipts
from crm_adapters.memory.rows import MemoryRows, Row, written_row
from crm_core.archives.lines import ArchivedRecord
from crm_core.engine.agendas import TASK_RESOURCES, AgendaQuery, agenda_page
from crm_core.engine.changes import Changes, Put, Reply, Rewrite
from crm_core.engine.decision_runs import Decide, Decision
from crm_core.engine.erased_events import erased_changes, without_copies
from crm_core.engine.matching import cursor_of
from crm_core.engine.queries import Page, Query
from crm_core.engine.receipts import Document, Receipt
from crm_core.engine.retention import Folded
from crm_core.engine.rewrites import held_values_among, holders_among, rewritten
from crm_core.errors import DuplicateRequestError
from crm_core.model.agenda import AgendaPage
from crm_core.model.authors import with_author
from crm_core.model.entities import Attribute
from crm_core.model.events import Event, EventPlace
from crm_core.model.evolutions import HeldValue, Holding
from crm_core.model.plain_values import parse_json
from crm_core.model.records import Key, Record
from crm_core.model.registered import use_resources
from crm_core.model.summaries import StageFigures, StageQuery
from crm_core.ports import AfterCommit
from crm_core.resources import RESOURCES, Resource
from crm_core.rules.attributes import former_names
from crm_core.rules.likeness import LookalikePage, page_alike
from crm_core.rules.needs import ACTIVE_USER, Catalog, Known, Needs, Search
from crm_core.rules.stays import Place, Present, Stay, figures, moved, place_of
from crm_core.rules.uniqueness import duplicates_among, holder_among
from crm_core.use_cases.uniqueness import finishing
from crm_core.webhooks.entity import MODELS, Webhook
from crm_core.webhooks.requests import FormerNames

_RECORDS_PER_PIECE: Final = 500


class MemoryDatabase:
    """Records in memory (``crm_core.ports.Database``).

    Args:
        accounts: whose users records may refer to.
        clock: returns the time by which deliveries are due, UTC.
        after_commit: is called with the events of each commit.

    Attributes:
        accounts: whose users records may refer to.
        feed: the change feed.
        outbox: the deliveries to webhooks.
        imports: the runs of imports.
    """

    def __init__(
        self,
        accounts: MemoryAccounts | None = None,
        *,
        clock: Callable[[], datetime] = utc_now,
        after_commit: AfterCommit = no_hook,
    ) -> None:
        use_resources("a MemoryDatabase")
        self.accounts: MemoryAccounts = MemoryAccounts() if accounts is None else accounts
        self._history = MemoryHistory()
        self.feed: MemoryFeed = MemoryFeed(clock)
        self.outbox: MemoryOutbox = MemoryOutbox(self._webhook, clock, self._former_names)
        self.imports: MemoryImportRuns = MemoryImportRuns(clock)
        self._after_commit = after_commit
        self._rows = MemoryRows()
        self._catalogs: dict[str, Catalog] = {}
        self._receipts = MemoryReceipts(clock)
        self._stays: defaultdict[UUID, Sequence[Stay]] = defaultdict(tuple)

    @property
    def events(self) -> list[Event]:
        """Return all events, in order."""
        return self._history.events

    @events.setter
    def events(self, events: list[Event]) -> None:
        self._history.events = events

    async def get(self, key: Key, *, reader: int | None = None) -> Document | None:  # noqa: ARG002  # there are no replicas
        """Return the record as clients see it, or None."""
        return self._rows.document(key)

    async def known(self, needs: Needs) -> Known:
        """Read what is needed."""
        return self._read(needs)

    async def page(self, query: Query, *, reader: int | None = None) -> Page:  # noqa: ARG002  # there are no replicas
        """Return one page of a list."""
        if query.limit is None:
            raise ValueError("A page needs a limit.")
        rows = self._select(query)
        body = b",".join(row.body for row in rows[: query.limit])
        more = len(rows) > query.limit
        return Page(body, cursor_of(query, rows[query.limit - 1].value) if more else None)

    async def stream(
        self,
        query: Query,
        *,
        reader: int | None = None,  # noqa: ARG002  # there are no replicas
        separator: str = ",",
    ) -> AsyncIterator[bytes]:
        """Return a whole list, as it was when its first piece was read."""
        rows = self._select(query)
        for start in range(0, len(rows), _RECORDS_PER_PIECE):
            begin = separator.encode() if start else b""
            yield begin + separator.encode().join(row.body for row in rows[start : start + _RECORDS_PER_PIECE])

    async def agenda(self, query: AgendaQuery, *, reader: int | None = None) -> AgendaPage:  # noqa: ARG002  # there are no replicas
        """Return one page of the agenda, from a scan of all records."""
        records = itertools.chain.from_iterable(self._rows.values(resource) for resource in TASK_RESOURCES)
        return agenda_page(query, records, json_documents.encode)

    async def changed_fields(self, key: Key, since: int) -> Sequence[str]:
        """Return the fields that the changes of a record after a version touched."""
        return self._history.changed_fields(key, since)

    async def history(self, key: Key, *, before: int | None = None, limit: int | None = None) -> Sequence[Event]:
        """Return events of a record, the newest first."""
        return self._history.latest(key, before, limit)

    async def lineage(self, key: Key, version: int) -> Sequence[Event]:
        """Return the events from which a version of a record can be built."""
        return self._history.lineage(key, version)

    async def deletions_since(self, since: datetime) -> AsyncIterator[bytes]:
        """Yield what the deletions since a time recorded."""
        for event in self._history.deletions_since(since):
            yield json_documents.encode(event.changes)

    async def followers(self, key: Key, version: int) -> Sequence[Event]:
        """Return the events that followed from a change of a record."""
        return self._history.followers(key, version)

    async def named(self, resource: Resource, field: str, texts: Sequence[str]) -> Mapping[str, Sequence[UUID]]:
        """Return the ids of the records whose field is exactly one of some texts."""
        return self._rows.named(resource.name, field, texts)

    async def events_of_run(self, run: UUID, *, before: EventPlace | None, limit: int) -> Sequence[Event]:
        """Return events of a run of an import, by record and version in descending order."""
        return self._history.of_run(run, before, limit)

    async def once_referring(self, key: Key, resource: str, field: str) -> Sequence[UUID]:
        """Return the ids of records of a resource that ever referred to a record."""
        return self._history.once_referring(key, resource, field)

    async def foreign_referrer(self, keys: Collection[Key]) -> str | None:  # noqa: ARG002  # no table refers to another
        """Return None: there are no tables but those of the resources."""
        return None

    async def mentions(self, texts: Sequence[str], limit: int) -> Sequence[Key]:
        """Return the keys of some records in which a text occurs."""
        return self._rows.mentions(texts, limit)

    async def count_holders(self, entity: str, name: str) -> int:
        """Return how many records hold a value under a name."""
        return sum(name in value.attributes for value in self._rows.values(entity))

    async def held_values(self, entity: str, name: str) -> AsyncIterator[Sequence[HeldValue]]:
        """Yield the different values that records hold under a name."""
        yield held_values_among(name, self._rows.values(entity))

    async def holders(self, entity: str, name: str, which: Holding, limit: int) -> Sequence[UUID]:
        """Return the ids of the first records that hold a value under a name."""
        return holders_among(name, which, self._rows.values(entity))[:limit]

    async def alike(self, resource: str, *, after: str, limit: int) -> LookalikePage:
        """Return the records of a resource that have keys in common."""
        return page_alike(self._rows.values(resource), after, limit)

    async def rename_author(self, user: int, name: str) -> int:
        """Put a name in place of a user's in everything that is kept."""

        def renamed(event: Event) -> Event:
            changes = parse_json(with_author(json_documents.encode(event.changes).decode(), user, name))
            return attrs.evolve(event, changes=changes, actor_name=name if event.actor == user else event.actor_name)

        self._history.rewrite(renamed)
        self.feed.rewrite(renamed)
        self.outbox.rename_author(user, name)
        self._receipts.rename_author(user, name)
        return self._rows.rename_author(user, name)

    async def fold(self, before: datetime, after: UUID) -> Folded:
        """Fold the older events of all records after one. The feed keeps its own."""
        return Folded(self._history.fold(before, after), None)

    async def stage_figures(self, query: StageQuery, *, reader: int | None = None) -> StageFigures:  # noqa: ARG002  # there are no replicas
        """Return where the leads of a pipeline are, and what their stays were."""
        leads = (
            Present(row.value.id, row.value.pipeline, _lead_place(row), row.value.responsible)
            for row in self._rows.of("lead").values()
        )
        return figures(query, leads, [stay for stays in self._stays.values() for stay in stays])

    async def change(self, decide: Decide) -> Document | None:
        """Read, decide and commit; no other change runs in between."""
        changes = self._decide(decide)
        receipt = changes.receipt
        if receipt and await self.receipt(receipt.user, receipt.idempotency.key):
            raise DuplicateRequestError
        if step := changes.advance:
            self.imports.check(step.run.id, step.claim, step.after)
        self._commit(changes)
        if step:
            self.imports.advance(step)
        document = self._answer(changes.answer)
        if receipt and document and changes.answer:
            self._receipts.keep(receipt, changes.answer, document)
        for decide_more in finishing(changes):  # no index has to be built: all records are looked through
            self._commit(self._decide(decide_more))
        return document

    async def receipt(self, user: int, key: str) -> Receipt | None:
        """Return the receipt of a request with this idempotency key."""
        return self._receipts.get(user, key)

    def archived(self, resource: str) -> Sequence[ArchivedRecord]:
        """Return the records of a resource as they are kept, by id."""
        return [
            ArchivedRecord(
                Key(resource, id_),
                row.version,
                row.body,
                {name: str(value) for name, value in row.hidden.items() if value},
            )
            for id_, row in self._rows.by_id(resource)
        ]

    def stays(self) -> Sequence[Stay]:
        """Return the stays of all leads, by lead."""
        return [stay for _, stays in sorted(self._stays.items()) for stay in stays]

    def fill(self, records: Sequence[ArchivedRecord], events: Sequence[Event], stays: Sequence[Stay]) -> None:
        """Keep records, events and stays as they are, in one commit."""
        rows = {
            each.key: Row(
                each.version,
                each.document,
                json_documents.decode(each.key.resource, each.document),
                {name: UUID(each.beside[name]) for name in RESOURCES[each.key.resource].hidden if name in each.beside},
            )
            for each in records
        }
        for key, row in rows.items():
            self._keep(key, row)
        for stay in stays:
            self._stays[stay.lead] = (*self._stays[stay.lead], stay)
        self._history.events += events
        self.feed.append(events)

    def _decide(self, decide: Decide) -> Changes:
        decision = Decision(decide)
        while decision.needs:
            decision.send(self._read(decision.needs))
        return decision.changes

    def _read(self, needs: Needs) -> Known:
        return Known(
            records={key: self._rows.record(key) for key in needs.records},
            references={key: self._exists(key) for key in needs.references},
            children={search: self._search(search) for search in needs.children},
            counts={search: len(self._search(search)) for search in needs.counts},
            catalogs={entity: self._catalog(entity) for entity in needs.catalogs},
            holders={each: holder_among(each, self._rows.values(each.attribute.entity)) for each in needs.holders},
            duplicates={each: duplicates_among(each, self._rows.values(each.entity)) for each in needs.duplicates},
        )

    def _select(self, query: Query) -> Sequence[Row]:
        return self._rows.select(query)

    def _search(self, search: Search) -> tuple[Record, ...]:
        return self._rows.search(search)

    def _answer(self, answer: Key | Reply | None) -> Document | None:
        if isinstance(answer, Reply):
            return answer.document
        return self._rows.document(answer) if answer else None

    def _exists(self, key: Key) -> bool:
        if key.resource == "user":
            return self.accounts.has_user(key.id)
        if key.resource == ACTIVE_USER:
            return self.accounts.has_active_user(key.id)
        return self._rows.get(key) is not None

    def _catalog(self, entity: str) -> Catalog:
        if entity not in self._catalogs:
            definitions = [each for each in self._rows.values("attribute") if each.entity == entity]
            webhooks = [row.value for _, row in self._rows.by_id("webhook")]
            self._catalogs[entity] = Catalog(
                self.accounts.catalog_versions[entity],
                {definition.name: definition for definition in definitions},
                tuple(webhook for webhook in webhooks if webhook.is_active and entity in _watched(webhook)),
            )
        return self._catalogs[entity]

    def _commit(self, changes: Changes) -> None:
        # All documents are encoded before the first is stored, so that an error leaves everything unchanged.
        rows: dict[Key, Row | None] = {}
        writes = [*changes.writes, *self._rewritten(changes.rewrite)]
        places: list[tuple[Event, Place | None]] = []
        for write in writes:
            stored = self._rows.get(write.key)
            rows[write.key] = row = written_row(write, rows.get(write.key, stored))
            if write.key.resource == "lead":
                places.append((write.event, _lead_place(row) if row else None))
        for key, row in rows.items():
            self._keep(key, row)
        for event, place in places:
            self._stays[event.record] = moved(self._stays[event.record], event, place)
        events = [write.event for write in writes]
        self._history.events += events
        self.feed.append(events)
        self.outbox.append(changes.deliveries)
        self._forget(changes)
        call_after_commit(self._after_commit, events)

    def _rewritten(self, rewrite: Rewrite | None) -> Sequence[Put]:
        """Return the writes of the records that hold an attribute whose values change, by id."""
        if rewrite is None:
            return ()
        records = self._rows.records(rewrite.before.entity)
        return [put for record in records if (put := rewritten(rewrite, record))]

    def _forget(self, changes: Changes) -> None:
        """Forget the values of erased records, and copies of them."""
        if not changes.erasures:
            return
        erased = {event.record: event.version for event in changes.erasures}
        latest = {
            copy: max(event.version for event in self._history.of_record(copy.key) if copy.field in event.changes)
            for copy in changes.copies
        }

        def rewritten(event: Event) -> Event:
            if event.version < erased.get(event.record, 0):
                return attrs.evolve(event, changes=erased_changes(RESOURCES[event.resource], event.changes))
            for copy, version in latest.items():
                if copy.key.id == event.record:
                    is_latest = event.version == version
                    event = attrs.evolve(event, changes=without_copies(event.changes, copy.field, is_latest=is_latest))
            return event

        self._history.rewrite(rewritten)
        self.feed.rewrite(rewritten)
        self.outbox.forget(erased)
        self.imports.forget_texts(changes.erased_texts)
        self._receipts.forget(erased.keys() | {copy.key.id for copy in changes.copies})

    def _keep(self, key: Key, row: Row | None) -> None:
        before = self._rows.keep(key, row)
        for entity in {entity for version in (before, row) if version for entity in _watched(version.value)}:
            self.accounts.catalog_versions[entity] += 1
            self._catalogs.pop(entity, None)
        if key.resource == "webhook" and isinstance(key.id, UUID):
            (self.outbox.add_webhook if row else self.outbox.remove_webhook)(key.id)

    def _former_names(self, webhook: Webhook) -> FormerNames:
        definitions = self._catalog(MODELS[webhook.model][0]).definitions
        return former_names({name: each.former_names for name, each in definitions.items()})

    def _webhook(self, id_: UUID) -> Webhook | None:
        row = self._rows.get(Key("webhook", id_))
        return row.value if row else None


def _lead_place(row: Row) -> Place | None:
    return place_of(row.value, row.hidden.get("stage_id"))


def _watched(value: object) -> tuple[str, ...]:
    """Return the entity to whose catalog an attribute or webhook belongs; other records belong to none."""
    if isinstance(value, Attribute):
        return (value.entity,)
    return (MODELS[value.model][0],) if isinstance(value, Webhook) else ()
