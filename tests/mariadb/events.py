"""The events of records: what histories, the feed and erasures read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import attrs

from crm_adapters import json_documents
from crm_core import Event, Key
from crm_core.archives.lines import event_of
from crm_core.engine.retention import Past, baseline, folds
from crm_core.model.authors import with_author
from crm_core.model.plain_values import parse_json
from crm_core.model.replay import WHOLE_KINDS
from tests.mariadb.connection import Session

_INSERT: Final = (
    "insert into event (tick, resource, record, version, at, request_id, event) values (%s, %s, %s, %s, %s, %s, %s)"
)


class Events:
    """The events of a transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def where(self, condition: str, *params: object) -> list[Event]:
        """Return the events that meet a condition, those of a record as they followed each other."""
        rows = await self._session.rows(f"select event from event where {condition} order by version, seq", *params)
        return [event_of(text.encode()) for (text,) in rows]

    async def of(self, key: Key, before: int | None = None) -> list[Event]:
        """Return the events of a record, those of lower versions only."""
        condition = "record = %s and resource = %s and (%s is null or version < %s)"
        return await self.where(condition, key.id, key.resource, before, before)

    async def lineage(self, key: Key, version: int) -> Sequence[Event]:
        """Return the events from which a version of a record can be built."""
        events = await self.of(key, version + 1)
        whole = [place for place, event in enumerate(events) if event.kind in WHOLE_KINDS]
        return events[whole[-1] :] if whole else []

    async def append(self, event: Event, tick: int) -> None:
        """Keep the event of a commit."""
        kept = json_documents.encode(event).decode()
        place = event.resource, event.record, event.version, event.at, event.request_id
        await self._session.run(_INSERT, tick, *place, kept)

    async def rewrite(self, event: Event) -> None:
        """Put an event in place of the one of its record and version."""
        kept = json_documents.encode(event).decode()
        statement = "update event set event = %s, at = %s where record = %s and version = %s"
        await self._session.run(statement, kept, event.at, event.record, event.version)

    async def rename_author(self, user: int, name: str) -> None:
        """Put a name in place of a user's."""
        for event in await self.where("true"):
            changes = parse_json(with_author(json_documents.encode(event.changes).decode(), user, name))
            author = name if event.actor == user else event.actor_name
            if (changes, author) != (event.changes, event.actor_name):
                await self.rewrite(attrs.evolve(event, changes=changes, actor_name=author))

    async def fold(self, before: datetime, after: UUID) -> int:
        """Fold the older events of all records after one; return how many events that took away."""
        select = (
            "select event, tick > (select forgotten from feed) from event where record > %s order by record, version"
        )
        events = [(event_of(text.encode()), bool(seen)) for text, seen in await self._session.rows(select, after)]
        past = [Past(Key(e.resource, e.record), e.version, e.kind, e.at, seen) for e, seen in events]
        gone = 0
        for key, version, is_gone in folds(past, before):
            made = None if is_gone else baseline(await self.lineage(key, version))
            if made:
                await self.rewrite(made)
            if made or is_gone:
                last = version if is_gone else version - 1
                gone += await self._session.run("delete from event where record = %s and version <= %s", key.id, last)
        return gone
