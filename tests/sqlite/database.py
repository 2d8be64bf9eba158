"""SqliteDatabase: the Database port on one file, by the standard library alone.

It was written from docs/how-to/write-an-adapter.md, and proves that page. SQLite has one writer at a time; so a
change becomes that writer before it reads, and what was read still holds when it commits. Lists are filtered and
sorted in Python: right at any size, quick at a few thousand records.
"""

import asyncio
import json
import operator
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar
from uuid import UUID

import attrs

from crm_adapters import json_documents
from crm_adapters.memory import MemoryAccounts, MemoryOutbox
from crm_adapters.memory.accounts import utc_now
from crm_core import (
    ACTIVE_USER,
    RECEIPTS_KEPT,
    TASK_RESOURCES,
    AgendaPage,
    AgendaQuery,
    Attribute,
    Catalog,
    Changes,
    Cursor,
    Decide,
    Decision,
    Document,
    DuplicateRequestError,
    Event,
    Key,
    Known,
    LookalikePage,
    Needs,
    Page,
    Put,
    Query,
    Receipt,
    Record,
    Remove,
    Reply,
    Search,
    UnavailableError,
    agenda_page,
    cursor_of,
    duplicates_among,
    holder_among,
    matches,
    page_alike,
    sort_key,
)
from crm_core.engine.erased_events import erased_changes, without_copies
from crm_core.engine.receipts import ERASED_ANSWER
from crm_core.engine.retention import Folded, Past, baseline, folds
from crm_core.engine.rewrites import held_values_among, holders_among, rewritten
from crm_core.imports.runs import run_request_id
from crm_core.model.authors import with_author
from crm_core.model.events import EventPlace
from crm_core.model.evolutions import HeldValue, Holding
from crm_core.model.plain_values import parse_json, plain
from crm_core.model.replay import WHOLE_KINDS
from crm_core.model.summaries import StageFigures, StageQuery
from crm_core.resources import RESOURCES, Resource
from crm_core.rules.attributes import former_names
from crm_core.rules.stays import Place, Present, figures, moved, place_of
from crm_core.use_cases.uniqueness import finishing
from crm_core.webhooks.entity import MODELS, Webhook
from crm_core.webhooks.requests import FormerNames
from tests.sqlite import archives, feed, imports
from tests.sqlite.archives import read_stays

_P = ParamSpec("_P")
_T = TypeVar("_T")
_RECORDS_PER_PIECE: Final = 500
_SCHEMA: Final = """
create table if not exists record (
    resource text, id text, version integer, document text, hidden text, primary key (resource, id)
);
create table if not exists event (
    seq integer primary key autoincrement, txn integer, resource text, record text, version integer, event text,
    body text, unique (record, version)
);
create table if not exists stays (lead text primary key, stays text);
create table if not exists catalog (entity text primary key, version integer);
create table if not exists receipt (
    user integer, key text, kept_at real, fingerprint blob, record text, version integer, body text,
    primary key (user, key)
);
"""


class SqliteDatabase:
    """Records in an SQLite file (``crm_core.ports.Database``); users and deliveries are the memory's.

    Args:
        path: the file.
        accounts: whose users records may refer to.

    Attributes:
        feed: the change feed.
        outbox: what webhooks are told.
        imports: the runs of imports.
        archives: everything, to move it.
    """

    def __init__(self, path: Path, accounts: MemoryAccounts) -> None:
        self._webhooks: dict[UUID, Webhook] = {}
        self._attributes: dict[UUID | int, Attribute] = {}
        self.outbox = MemoryOutbox(self._webhooks.get, utc_now, self._former_names)
        self._accounts = accounts
        # All statements run in one thread, one transaction after the other; so the event loop waits for no disk.
        self._thread = ThreadPoolExecutor(1)
        self._connection = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
        self._connection.executescript(f"begin; {_SCHEMA} {feed.SCHEMA} {imports.SCHEMA} commit;")
        self.feed = feed.SqliteFeed(self._run, self._rows)
        self.imports = imports.SqliteImportRuns(self._run, self._rows)
        self.archives = archives.SqliteArchives(self._run, self._rows, accounts, self.outbox, self._remember)

    def close(self) -> None:
        """Close the file."""
        self._thread.shutdown()
        self._connection.close()

    async def get(self, key: Key, *, reader: int | None = None) -> Document | None:  # noqa: ARG002  # all are shown what is
        """The record as clients see it, or None."""
        return await self._run("deferred", self._document, key)

    async def known(self, needs: Needs) -> Known:
        """Read what is needed, all at one moment."""
        return await self._run("deferred", self._known, needs)

    async def page(self, query: Query, *, reader: int | None = None) -> Page:  # noqa: ARG002  # all are shown what is
        """One page of a list."""
        assert query.limit is not None
        cursors = await self._run("deferred", self._list, query)
        here, more = cursors[: query.limit], cursors[query.limit :]
        return Page(await self._bodies(query, here), here[-1] if more else None)

    async def stream(
        self,
        query: Query,
        *,
        reader: int | None = None,  # noqa: ARG002  # all are shown what is
        separator: str = ",",
    ) -> AsyncIterator[bytes]:
        """A whole list, in pieces of some hundred records."""
        cursors = await self._run("deferred", self._list, query)
        for start in range(0, len(cursors), _RECORDS_PER_PIECE):
            body = await self._bodies(query, cursors[start : start + _RECORDS_PER_PIECE], separator)
            yield separator.encode() + body if start else body

    async def agenda(self, query: AgendaQuery, *, reader: int | None = None) -> AgendaPage:  # noqa: ARG002  # all are shown what is
        """One page of the agenda, from a scan of all records."""

        def scan() -> AgendaPage:
            records = [value for resource in TASK_RESOURCES for value in self._values(resource)]
            return agenda_page(query, records, json_documents.encode)

        return await self._run("deferred", scan)

    async def changed_fields(self, key: Key, since: int) -> Sequence[str]:
        """The fields that the changes of a record after a version touched."""
        statement = "select event from event where record = ? and version > ?"
        events = await self._run("deferred", self._rows, statement, str(key.id), since)
        return sorted({name.partition(".")[0] for (event,) in events for name in json.loads(event)["changes"]})

    async def history(self, key: Key, *, before: int | None = None, limit: int | None = None) -> Sequence[Event]:
        """Events of a record, the newest first."""
        return (await self._events_of(key, before or sys.maxsize))[::-1][:limit]

    async def lineage(self, key: Key, version: int) -> Sequence[Event]:
        """The events from which a version of a record can be built."""
        events = await self._events_of(key, version + 1)
        whole = [place for place, event in enumerate(events) if event.kind in WHOLE_KINDS]
        return events[whole[-1] :] if whole else []

    async def deletions_since(self, since: datetime) -> AsyncIterator[bytes]:
        """What the deletions since a time recorded."""
        for event in await self._run("deferred", self._events, "event ->> 'kind' = 'deleted'"):
            if event.at >= since:
                yield json_documents.encode(event.changes)

    async def followers(self, key: Key, version: int) -> Sequence[Event]:
        """The events that followed from a change of a record."""
        where = "event -> 'cause' ->> 'record' = ? and event -> 'cause' ->> 'version' = ?"
        return await self._run("deferred", self._events, where, str(key.id), version)

    async def named(self, resource: Resource, field: str, texts: Sequence[str]) -> Mapping[str, Sequence[UUID]]:
        """The ids of the records whose field is exactly one of some texts."""
        statement = "select id from record where resource = ? and document ->> ? = ? order by id limit 2"
        rows = {text: await self._run("deferred", self._rows, statement, resource.name, field, text) for text in texts}
        return {text: [UUID(id_) for (id_,) in found] for text, found in rows.items()}

    async def events_of_run(self, run: UUID, *, before: EventPlace | None, limit: int) -> Sequence[Event]:
        """Events of a run of an import, by record and version in descending order."""
        place = (str(before.record), before.version) if before else ("~", 0)  # a tilde is after all ids
        where = "event ->> 'request_id' = ? and (record, version) < (?, ?) order by record desc, version desc limit ?"
        statement = f"select event from event where {where}"
        rows = await self._run("deferred", self._rows, statement, run_request_id(run), *place, limit)
        return [_event(parse_json(text)) for (text,) in rows]

    async def once_referring(self, key: Key, resource: str, field: str) -> Sequence[UUID]:
        """The ids of records of a resource that ever referred to a record."""
        end = "json_extract(event, '$.changes.' || ? || '.' || ?) = ?"
        statement = f"select distinct record from event where event ->> 'resource' = ? and ({end} or {end})"
        params = (resource, field, "from", str(key.id), field, "to", str(key.id))
        return [UUID(id_) for (id_,) in await self._run("deferred", self._rows, statement, *params)]

    async def foreign_referrer(self, keys: Collection[Key]) -> str | None:  # noqa: ARG002  # no table refers to another
        """None: no table refers to another one."""
        return None

    async def mentions(self, texts: Sequence[str], limit: int) -> Sequence[Key]:
        """The keys of some records in which a text occurs."""
        found: list[Key] = []
        for text in texts:
            statement = "select resource, id from record where instr(document, ?) order by resource, id limit ?"
            sought = json_documents.encode(text)[1:-1].decode()
            rows = await self._run("deferred", self._rows, statement, sought, limit)
            found += [Key(resource, UUID(id_)) for resource, id_ in rows]
        return list(dict.fromkeys(found))[:limit]

    async def _events_of(self, key: Key, before: int) -> list[Event]:
        where = "record = ? and event ->> 'resource' = ? and version < ?"
        return await self._run("deferred", self._events, where, str(key.id), key.resource, before)

    def _events(self, where: str, *params: object) -> list[Event]:
        rows = self._rows(f"select event from event where {where} order by version, rowid", *params)
        return [_event(parse_json(text)) for (text,) in rows]

    async def count_holders(self, entity: str, name: str) -> int:
        """How many records hold a value under a name."""
        return sum(name in value.attributes for value in await self._run("deferred", self._all_values, entity))

    async def held_values(self, entity: str, name: str) -> AsyncIterator[Sequence[HeldValue]]:
        """The different values that records hold under a name."""
        yield held_values_among(name, await self._run("deferred", self._all_values, entity))

    async def holders(self, entity: str, name: str, which: Holding, limit: int) -> Sequence[UUID]:
        """The ids of the first records that hold a value under a name."""
        return holders_among(name, which, await self._run("deferred", self._all_values, entity))[:limit]

    def _all_values(self, entity: str) -> Sequence[Any]:
        return list(self._values(entity))

    async def stage_figures(self, query: StageQuery, *, reader: int | None = None) -> StageFigures:  # noqa: ARG002  # all are shown what is
        """Where the leads of a pipeline are, and what their stays were."""
        return await self._run("deferred", self._figures, query)

    def _figures(self, query: StageQuery) -> StageFigures:
        leads = []
        for record in self._records("lead", "true"):
            lead = record.value
            leads.append(Present(lead.id, lead.pipeline, self._place(record), lead.responsible))
        stays = [stay for (text,) in self._rows("select stays from stays") for stay in read_stays(text)]
        return figures(query, leads, stays)

    def _place(self, record: Record | None) -> Place | None:
        if record is None:
            return None
        statement = "select hidden ->> 'stage_id' from record where resource = 'lead' and id = ?"
        [(stage,)] = self._rows(statement, str(record.key.id))
        return place_of(record.value, stage and UUID(stage))

    def _move(self, write: Put | Remove) -> None:
        """Keep the stays of a lead that was just written or removed."""
        id_ = str(write.key.id)
        rows = self._rows("select stays from stays where lead = ?", id_)
        before = read_stays(rows[0][0]) if rows else ()
        stays = moved(before, write.event, self._place(self._record(write.key)))
        self._rows("replace into stays values (?, ?)", id_, json_documents.encode(stays).decode())

    async def alike(self, resource: str, *, after: str, limit: int) -> LookalikePage:
        """Return the records of a resource that have keys in common."""
        return await self._run("deferred", lambda: page_alike(self._values(resource), after, limit))

    async def rename_author(self, user: int, name: str) -> int:
        """Put a name in place of a user's in everything that is kept."""
        self.outbox.rename_author(user, name)
        return await self._run("immediate", self._rename_author, user, name)

    def _rename_author(self, user: int, name: str) -> int:
        for event in self._events("true"):
            changes = parse_json(with_author(json_documents.encode(event.changes).decode(), user, name))
            author = name if event.actor == user else event.actor_name
            if (changes, author) != (event.changes, event.actor_name):
                self._rewrite(attrs.evolve(event, changes=changes, actor_name=author))
        for id_, key, body in self._rows("select user, key, body from receipt"):
            answer = with_author(body, user, name)
            self._rows("update receipt set body = ? where user = ? and key = ?", answer, id_, key)
        count = 0
        for resource, id_, document in self._rows("select resource, id, document from record"):
            if (body := with_author(document, user, name)) != document:
                change = "update record set version = version + 1, document = ? where resource = ? and id = ?"
                self._rows(change, body, resource, id_)
                count += 1
        return count

    async def fold(self, before: datetime, after: UUID) -> Folded:
        """Fold the older events of all records after one."""
        return Folded(await self._run("immediate", self._fold, before, after), None)

    def _fold(self, before: datetime, after: UUID) -> int:
        [(forgotten,)] = self._rows("select forgotten from feed")
        rows = self._rows(
            "select event, txn > ? from event where record > ? order by record, version", forgotten, str(after)
        )
        events = [(_event(parse_json(text)), bool(is_followed)) for text, is_followed in rows]
        past = [Past(Key(e.resource, e.record), e.version, e.kind, e.at, seen) for e, seen in events]
        for key, version, is_gone in folds(past, before):
            own = [event for event, _ in events if event.record == key.id and event.version <= version]
            whole = [place for place, event in enumerate(own) if event.kind in WHOLE_KINDS]
            made = baseline(own[whole[-1] :]) if whole and not is_gone else None
            if made:
                self._rewrite(made)
            if made or is_gone:
                last = version if is_gone else version - 1
                self._rows("delete from event where record = ? and version <= ?", str(key.id), last)
        [(left,)] = self._rows("select count(*) from event where record > ?", str(after))
        return len(events) - int(left)

    async def change(self, decide: Decide) -> Document | None:
        """Read, decide and commit as the only writer."""
        document, changes = await self._run("immediate", self._change, decide)
        self._tell(changes)
        for decide_more in finishing(changes):  # no index has to be built
            await self._run("immediate", self._change, decide_more)
        return document

    async def receipt(self, user: int, key: str) -> Receipt | None:
        """The receipt of a request with this idempotency key."""
        return await self._run("deferred", self._receipt, user, key)

    # One transaction

    async def _run(self, kind: str, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        def run() -> _T:
            with _translated(), self._transaction(kind):
                return work(*args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._thread, run)

    @contextmanager
    def _transaction(self, kind: str) -> Iterator[None]:
        self._connection.execute(f"begin {kind}")
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        self._connection.commit()

    def _rows(self, statement: str, *params: object) -> list[Any]:
        return self._connection.execute(statement, params).fetchall()

    # Reading

    def _known(self, needs: Needs) -> Known:
        children = {search: self._search(search) for search in needs.children | needs.counts}
        return Known(
            records={key: self._record(key) for key in needs.records},
            references={key: self._exists(key) for key in needs.references},
            children={search: children[search] for search in needs.children},
            counts={search: len(children[search]) for search in needs.counts},
            catalogs={entity: self._catalog(entity) for entity in needs.catalogs},
            holders={each: holder_among(each, self._values(each.attribute.entity)) for each in needs.holders},
            duplicates={each: duplicates_among(each, self._values(each.entity)) for each in needs.duplicates},
        )

    def _values(self, resource: str) -> Iterator[Any]:
        """All values of a resource; the only writer looks through them for those of a unique attribute."""
        return (record.value for record in self._records(resource, "true"))

    def _document(self, key: Key) -> Document | None:
        statement = "select version, document from record where resource = ? and id = ?"
        rows = self._rows(statement, key.resource, str(key.id))
        return Document(rows[0][0], rows[0][1].encode()) if rows else None

    def _record(self, key: Key) -> Record | None:
        found = self._document(key)
        return Record(key, found.version, json_documents.decode(key.resource, found.body)) if found else None

    def _exists(self, key: Key) -> bool:
        if key.resource == "user":
            return self._accounts.has_user(key.id)
        if key.resource == ACTIVE_USER:
            return self._accounts.has_active_user(key.id)
        return self._document(key) is not None

    def _search(self, search: Search) -> tuple[Record, ...]:
        wanted = [(name, value if isinstance(value, tuple) else (value,)) for name, value in search.where]
        equal = "coalesce(document ->> ?, hidden ->> ?) is ?"
        fields = [" or ".join(["false", *(equal for _ in values)]) for _, values in wanted]
        where = (" or " if search.any_field else " and ").join(f"({field})" for field in fields)
        params = [each for name, values in wanted for value in values for each in (name, name, plain(value))]
        return self._records(search.resource, where, *params)

    def _records(self, resource: str, where: str, *params: object) -> tuple[Record, ...]:
        """Records by id."""
        statement = f"select id, version, document from record where resource = ? and ({where}) order by id"
        return tuple(
            Record(Key(resource, UUID(id_)), version, json_documents.decode(resource, document.encode()))
            for id_, version, document in self._rows(statement, resource, *params)
        )

    def _catalog(self, entity: str) -> Catalog:
        versions = self._rows("select version from catalog where entity = ?", entity)
        definitions = self._records("attribute", "document ->> 'entity' = ?", entity)
        models = [model for model, (name, _) in MODELS.items() if name == entity]
        where = "document ->> 'is_active' and document ->> 'model' = ?"
        webhooks = [each.value for model in models for each in self._records("webhook", where, model)]
        by_name = {each.value.name: each.value for each in definitions}
        return Catalog(versions[0][0] if versions else 1, by_name, tuple(webhooks))

    def _list(self, query: Query) -> Sequence[Cursor]:
        """The places of the records of a list in its order, those after its cursor if it has one."""
        values = (each.value for each in self._records(query.resource.name, "true"))
        cursors = [cursor_of(query, value) for value in values if matches(query, value)]
        if (after := query.after) is not None:
            least = sort_key(query, after)
            is_later = operator.lt if query.descending else operator.gt
            cursors = [each for each in cursors if is_later(sort_key(query, each), least)]
        return sorted(cursors, key=lambda each: sort_key(query, each), reverse=query.descending)

    async def _bodies(self, query: Query, cursors: Sequence[Cursor], separator: str = ",") -> bytes:
        def read() -> bytes:
            found = (self._document(Key(query.resource.name, each.id)) for each in cursors)
            return separator.encode().join(document.body for document in found if document)

        return await self._run("deferred", read)

    def _receipt(self, user: int, key: str) -> Receipt | None:
        since = (utc_now() - RECEIPTS_KEPT).timestamp()
        statement = "select * from receipt where user = ? and key = ? and kept_at > ?"
        for *_, fingerprint, record, version, body in self._rows(statement, user, key, since):
            return Receipt(fingerprint, UUID(record), Document(version, body.encode()))
        return None

    # Writing

    def _change(self, decide: Decide) -> tuple[Document | None, Changes]:
        decision = Decision(decide)
        while decision.needs:
            decision.send(self._known(decision.needs))
        changes = decision.changes
        receipt = changes.receipt
        if receipt and self._receipt(receipt.user, receipt.idempotency.key):
            raise DuplicateRequestError
        txn = self._rows("select coalesce(max(txn), 0) + 1 from event")[0][0]
        for write in changes.writes:
            self._write(write, txn)
        if rewrite := changes.rewrite:
            puts = [rewritten(rewrite, record) for record in self._records(rewrite.before.entity, "true")]
            for put in filter(None, puts):
                self._write(put, txn)
        self._forget(changes)
        if changes.advance:
            self.imports.make_step(changes.advance)
        document = self._answer(changes.answer)
        if receipt and document and changes.answer:
            kept = (receipt.user, receipt.idempotency.key, utc_now().timestamp(), receipt.idempotency.fingerprint)
            answer = (str(changes.answer.id), document.version, document.body.decode())
            self._rows("replace into receipt values (?, ?, ?, ?, ?, ?, ?)", *kept, *answer)
        return document, changes

    def _answer(self, answer: Key | Reply | None) -> Document | None:
        if isinstance(answer, Reply):
            return answer.document
        return self._document(answer) if answer else None

    def _write(self, write: Put | Remove, txn: int) -> None:
        key, version = write.key, write.event.version
        watched = self._watched(key)
        if isinstance(write, Put):
            body, hidden = json_documents.encode(write.value).decode(), json_documents.encode(write.hidden).decode()
            kept = "on conflict do update set version = ?3, document = ?4, hidden = json_patch(hidden, ?5)"
            values = (key.resource, str(key.id), version, body, hidden)
            self._rows(f"insert into record values (?1, ?2, ?3, ?4, ?5) {kept}", *values)
        else:
            self._rows("delete from record where resource = ? and id = ?", key.resource, str(key.id))
        event = json_documents.encode(write.event).decode()
        shown = json_documents.feed_body(write.event, str(txn)).decode()
        insert = "insert into event (txn, resource, record, version, event, body) values (?, ?, ?, ?, ?, ?)"
        self._rows(insert, txn, key.resource, str(key.id), version, event, shown)
        if key.resource == "lead":
            self._move(write)
        for entity in watched | self._watched(key):
            advance = "on conflict (entity) do update set version = version + 1"
            self._rows(f"insert into catalog values (?, 2) {advance}", entity)

    def _forget(self, changes: Changes) -> None:
        """Forget the values of erased records, and copies of them."""
        for event in changes.erasures:
            for found in self._events("record = ? and version < ?", str(event.record), event.version):
                self._rewrite(attrs.evolve(found, changes=erased_changes(RESOURCES[found.resource], found.changes)))
        for copy in changes.copies:
            events = self._events("record = ?", str(copy.key.id))
            latest = max(event.version for event in events if copy.field in event.changes)
            for found in events:
                is_latest = found.version == latest
                kept = without_copies(found.changes, copy.field, is_latest=is_latest)
                self._rewrite(attrs.evolve(found, changes=kept))
        for record in (*(event.record for event in changes.erasures), *(copy.key.id for copy in changes.copies)):
            of = "where record = ?2 or version = 0 and instr(body, ?2)"
            self._rows(f"update receipt set body = ?1 {of}", ERASED_ANSWER.decode(), str(record))
        self.imports.forget_texts(changes.erased_texts)

    def _rewrite(self, event: Event) -> None:
        where = (str(event.record), event.version)
        [(txn,)] = self._rows("select txn from event where record = ? and version = ?", *where)
        texts = json_documents.encode(event).decode(), json_documents.feed_body(event, str(txn)).decode()
        self._rows("update event set event = ?, body = ? where record = ? and version = ?", *texts, *where)

    def _watched(self, key: Key) -> set[str]:
        """The entity to whose catalog an attribute or webhook belongs just now; other records belong to none."""
        record = self._record(key) if key.resource in {"attribute", "webhook"} else None
        if record is None:
            return set()
        return {record.value.entity if key.resource == "attribute" else MODELS[record.value.model][0]}

    # What the memory's outbox is told

    def _tell(self, changes: Changes) -> None:
        for write in changes.writes:
            self._remember(write.key, write.value if isinstance(write, Put) else None)
        self.outbox.append(changes.deliveries)
        self.outbox.forget({event.record: event.version for event in changes.erasures})
        self.feed.wake()

    def _remember(self, key: Key, value: object | None) -> None:
        if key.resource == "webhook" and isinstance(key.id, UUID):
            self._webhooks.pop(key.id, None)
            if isinstance(value, Webhook):
                self._webhooks[key.id] = value
            (self.outbox.remove_webhook if value is None else self.outbox.add_webhook)(key.id)
        self._attributes.pop(key.id, None)
        if isinstance(value, Attribute):
            self._attributes[key.id] = value

    def _former_names(self, webhook: Webhook) -> FormerNames:
        entity = MODELS[webhook.model][0]
        own = [each for each in self._attributes.values() if each.entity == entity]
        return former_names({each.name: each.former_names for each in own})


def _event(plain_: dict[str, Any]) -> Event:
    at, record = datetime.fromisoformat(plain_["at"]), UUID(plain_["record"])
    return Event(**(plain_ | {"at": at, "record": record}))


@contextmanager
def _translated() -> Iterator[None]:
    """What SQLite raises, as the port says."""
    try:
        yield
    except sqlite3.Error as error:
        raise UnavailableError from error
