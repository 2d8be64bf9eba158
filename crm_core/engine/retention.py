"""Which events of a history are folded, and into what (decision 119)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby, takewhile
from typing import Any, NamedTuple
from uuid import UUID

import attrs

from crm_core.model.entities import ATTRIBUTE_PREFIX
from crm_core.model.events import GONE_KINDS, Event, RecordedKind
from crm_core.model.records import Key
from crm_core.model.replay import Version, replayed
from crm_core.resources import RESOURCES, Resource

#: The most events that a store reads and folds at once.
MAX_FOLD: int = 5_000


class Past(NamedTuple):
    """An event without its changes.

    Attributes:
        key: the record.
        version: the version that it made.
        kind: its kind.
        at: when the change was decided, UTC.
        is_followed: whether the change feed can still show it.
    """

    key: Key
    version: int
    kind: RecordedKind
    at: datetime
    is_followed: bool = False


class Fold(NamedTuple):
    """The events of a record up to a version, of which a baseline stays; nothing if ``is_gone``."""

    key: Key
    version: int
    is_gone: bool


class Folded(NamedTuple):
    """What a store has done.

    Attributes:
        events: how many events went.
        last: the record after which to go on; None if there are none after it.
    """

    events: int
    last: UUID | None


def folds(events: Iterable[Past], before: datetime) -> Iterator[Fold]:
    """Yield what to fold of the events that are older than a time and that the feed does not show any longer.

    Args:
        events: events, by record and version; of the last record some may be missing at the end.
        before: the time.
    """
    for key, group in groupby(events, key=lambda event: event.key):
        whole = list(group)
        old = list(takewhile(lambda event: event.at < before and not event.is_followed, whole))
        if old and old[-1].kind in GONE_KINDS:
            yield Fold(key, old[-1].version, is_gone=True)
        elif len(old) > 1 and whole[-1].kind != "erased":
            yield Fold(key, old[-1].version, is_gone=False)


def baseline(events: Sequence[Event]) -> Event | None:
    """Return the event that stands for the events of a record: the last one, with the whole record as its changes.

    None if they do not tell the whole record.

    Args:
        events: the events from one that holds the whole record on, in their order.
    """
    if not events:
        return None
    last = events[-1]
    resource = RESOURCES.get(last.resource)  # without its package nobody knows the fields of a registered one
    found = None if resource is None else replayed(resource.entity, events)
    if resource is None or found is None:
        return None
    return attrs.evolve(last, kind="baseline", changes=_whole(resource, found), cause={})


def _whole(resource: Resource, version: Version) -> Mapping[str, object]:
    changes: dict[str, object] = {}
    for name, field in resource.fields.items():
        value: Any = version.document[name]
        if field.kind == "attributes":
            for member, each in value.items():
                ids = version.definitions
                own = {"attribute": str(ids[member])} if member in ids else {}
                changes[f"{ATTRIBUTE_PREFIX}{member}"] = {"to": each, **own}
        elif not field.is_stamp:
            is_hidden = field.redact is not None and field.kind == "mapping"
            changes[name] = {"to": sorted(value) if is_hidden else value}
    return changes
