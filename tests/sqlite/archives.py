"""SqliteArchives: the Archives port, by which all that a SqliteDatabase keeps can move to another one and back."""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from crm_adapters import json_documents
from crm_adapters.memory import MemoryAccounts, MemoryOutbox
from crm_adapters.memory.archives import MemoryFilling, MemorySnapshot
from crm_core import ArchiveError, Key
from crm_core.archives.lines import ArchivedRecord, Group, event_of
from crm_core.input.dates import iso
from crm_core.model.entities import ENTITIES
from crm_core.model.events import Event
from crm_core.resources import RESOURCES
from crm_core.rules.stays import Stay


class SqliteArchives:
    """All that a SqliteDatabase keeps (``crm_core.ports.Archives``); users and secrets are the memory's.

    Args:
        run: runs a function in a transaction of a kind.
        rows: runs a statement inside.
        accounts: the users.
        outbox: what has the secrets of webhooks.
        remember: tells the outbox of a webhook or an attribute.
    """

    def __init__(
        self,
        run: Callable[..., Any],
        rows: Callable[..., list[Any]],
        accounts: MemoryAccounts,
        outbox: MemoryOutbox,
        remember: Callable[[Key, object], None],
    ) -> None:
        self._run = run
        self._rows = rows
        self._accounts = accounts
        self._outbox = outbox
        self._remember = remember

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[MemorySnapshot]:
        """Read everything as it is at this moment."""
        groups = await self._accounts.list_groups()
        records, events, stays = await self._run("deferred", self._read)
        named = [Group(name, permissions) for name, permissions in sorted(groups.items())]
        yield MemorySnapshot(named, await self._accounts.list_users(), records, events, stays)

    @asynccontextmanager
    async def filling(self) -> AsyncIterator[MemoryFilling]:
        """Fill the database, if it is empty, when the block ends."""
        is_used = "exists (select 1 from record) or exists (select 1 from event)"
        [(is_used_here,)] = await self._run("deferred", self._rows, f"select {is_used}")
        if is_used_here or await self._accounts.list_users():
            raise ArchiveError("The database is not empty: take a new one.")
        filling = MemoryFilling()
        yield filling
        try:
            values = await self._run("immediate", self._write, filling)
        except msgspec.DecodeError as error:
            raise ArchiveError(f"The database cannot keep a record: {error}.") from error
        self._accounts.fill(filling.accounts, {group.name: group.permissions for group in filling.groups})
        for record, value in zip(filling.records, values, strict=True):
            self._remember(record.key, value)
            self._set_secrets(record)

    def _read(self) -> tuple[dict[str, Sequence[ArchivedRecord]], Sequence[bytes], Sequence[Stay]]:
        events = [event_of(text.encode()) for (text,) in self._rows("select event from event order by seq")]
        rows = self._rows("select stays from stays order by lead")
        return (
            {name: self._records(name) for name in RESOURCES},
            [json_documents.feed_body(event) for event in events],
            [stay for (text,) in rows for stay in read_stays(text)],
        )

    def _records(self, resource: str) -> Sequence[ArchivedRecord]:
        statement = "select id, version, document, hidden from record where resource = ? order by id"
        return [
            ArchivedRecord(Key(resource, UUID(id_)), version, document.encode(), self._beside(resource, id_, hidden))
            for id_, version, document, hidden in self._rows(statement, resource)
        ]

    def _beside(self, resource: str, id_: str, hidden: str) -> Mapping[str, object]:
        if resource == "webhook":
            (secret, _), *old = self._outbox.secrets_of(UUID(id_))
            return {"secret": secret, "old_secrets": [[each, iso(until)] for each, until in old if until]}
        return {name: value for name, value in msgspec.json.decode(hidden).items() if value}

    def _write(self, filling: MemoryFilling) -> Sequence[object]:
        """Write everything; return the values of the records."""
        for each in filling.records:
            hidden = {name: each.beside[name] for name in RESOURCES[each.key.resource].hidden if name in each.beside}
            place = each.key.resource, str(each.key.id), each.version, each.document.decode()
            self._rows("insert into record values (?, ?, ?, ?, ?)", *place, json_documents.encode(hidden).decode())
        for event in filling.events:
            self._write_event(event)
        stays = defaultdict[UUID, list[Stay]](list)
        for stay in filling.stays:
            stays[stay.lead].append(stay)
        for lead, own in stays.items():
            self._rows("insert into stays values (?, ?)", str(lead), json_documents.encode(own).decode())
        for entity in ENTITIES:
            self._rows("insert into catalog values (?, 2)", entity)
        return [json_documents.decode(each.key.resource, each.document) for each in filling.records]

    def _write_event(self, event: Event) -> None:
        insert = "insert into event (txn, resource, record, version, event, body) values (1, ?, ?, ?, ?, ?)"
        texts = json_documents.encode(event).decode(), json_documents.feed_body(event, "1").decode()
        self._rows(insert, event.resource, str(event.record), event.version, *texts)

    def _set_secrets(self, record: ArchivedRecord) -> None:
        if "secret" in record.beside and isinstance(record.key.id, UUID):
            old = [(secret, datetime.fromisoformat(until)) for secret, until in record.beside["old_secrets"]]
            self._outbox.set_secrets(record.key.id, [(record.beside["secret"], None), *old])


def read_stays(text: str) -> Sequence[Stay]:
    """Return the stays that a text is."""
    return msgspec.json.decode(text, type=list[Stay])
