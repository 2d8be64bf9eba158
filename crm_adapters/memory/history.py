"""The events of records in memory."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import attrs

from crm_adapters import json_documents
from crm_core.engine.retention import Past, baseline, folds
from crm_core.imports.runs import run_request_id
from crm_core.model.events import Event, EventPlace
from crm_core.model.plain_values import parse_json
from crm_core.model.records import Key
from crm_core.model.replay import WHOLE_KINDS


class MemoryHistory:
    """The events of all records.

    Attributes:
        events: the events, in order.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []

    def of_record(self, key: Key) -> Sequence[Event]:
        """Return the events of a record, the oldest first."""
        return [event for event in self.events if (event.resource, event.record) == key]

    def changed_fields(self, key: Key, since: int) -> Sequence[str]:
        """Return the fields that the changes of a record after a version touched."""
        later = (event for event in self.events if event.record == key.id and event.version > since)
        return sorted({name.partition(".")[0] for event in later for name in event.changes})

    def latest(self, key: Key, before: int | None, limit: int | None) -> Sequence[Event]:
        """Return events of a record, the newest first."""
        found = [event for event in self.of_record(key) if before is None or event.version < before]
        return [_as_read(event) for event in found[::-1][:limit]]

    def lineage(self, key: Key, version: int) -> Sequence[Event]:
        """Return the events from which a version of a record can be built."""
        found = [event for event in self.of_record(key) if event.version <= version]
        whole = [place for place, event in enumerate(found) if event.kind in WHOLE_KINDS]
        return [_as_read(event) for event in found[whole[-1] :]] if whole else []

    def deletions_since(self, since: datetime) -> Sequence[Event]:
        """Return the events of deletions since a time."""
        return [event for event in self.events if event.kind == "deleted" and event.at >= since]

    def followers(self, key: Key, version: int) -> Sequence[Event]:
        """Return the events that followed from a change of a record."""
        cause = {"resource": key.resource, "record": key.id, "version": version}
        return [_as_read(event) for event in self.events if cause.items() <= event.cause.items()]

    def of_run(self, run: UUID, before: EventPlace | None, limit: int) -> Sequence[Event]:
        """Return events of a run of an import, by record and version in descending order."""
        found = [event for event in self.events if event.request_id == run_request_id(run)]
        after = [event for event in found if before is None or _place(event) < before]
        return [_as_read(event) for event in sorted(after, key=_place, reverse=True)[:limit]]

    def once_referring(self, key: Key, resource: str, field: str) -> Sequence[UUID]:
        """Return the ids of records of a resource that ever referred to a record."""
        events = (_as_read(event) for event in self.events if event.resource == resource)
        found = [event.record for event in events if str(key.id) in _ends(event.changes.get(field))]
        return list(dict.fromkeys(found))

    def rewrite(self, rewritten: Callable[[Event], Event]) -> None:
        """Put another event in place of each."""
        self.events = [rewritten(event) for event in self.events]

    def fold(self, before: datetime, after: UUID) -> int:
        """Fold the older events of all records after one into baselines; return how many events are gone."""
        by_record = sorted((event for event in self.events if event.record > after), key=_place)
        past = [Past(Key(each.resource, each.record), each.version, each.kind, each.at) for each in by_record]
        count = len(self.events)
        for key, version, is_gone in folds(past, before):
            made = None if is_gone else baseline(self.lineage(key, version))
            if is_gone or made:
                self._fold(key, version, made)
        return count - len(self.events)

    def _fold(self, key: Key, version: int, made: Event | None) -> None:
        """Put a baseline in place of the events of a record up to a version."""

        def is_folded(event: Event) -> bool:
            return (event.resource, event.record) == key and event.version <= version

        kept = (made if is_folded(event) and event.version == version else event for event in self.events)
        self.events = [event for event in kept if event is not None and (event is made or not is_folded(event))]


def _ends(change: Any) -> Sequence[str]:
    return [str(change[end]) for end in ("from", "to") if end in change] if change else ()


def _place(event: Event) -> tuple[UUID, int]:
    return event.record, event.version


def _as_read(event: Event) -> Event:
    """Return an event as it is read from a store that keeps JSON."""
    changes, cause = (parse_json(json_documents.encode(each)) for each in (event.changes, event.cause))
    return attrs.evolve(event, changes=changes, cause=cause)
