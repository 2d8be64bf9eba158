"""Runs decisions: reads what they need until they are complete. How it is read is up to a ``Reader``."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import ClassVar, Final, Protocol

from attrs import evolve

from crm_adapters.postgres.records.point_reads import BATCH
from crm_core.engine.decision_runs import Decide, Decision, size_of
from crm_core.model.records import NOTHING_AHEAD, Key, Record
from crm_core.rules.needs import Catalog, Duplicates, Holder, Known, Needs, Search, UniqueAttribute, UniqueValue

#: Decisions made as one that run on the event loop; more run in a thread.
_MAX_ON_LOOP: Final = 20


class Reader(Protocol):
    """Reads needs: shared with other requests (``SharedReader``), or under locks (``LockingReader``)."""

    #: Whether children and free values stay as they were read until the commit.
    is_holding: ClassVar[bool]

    async def records(self, keys: Iterable[Key]) -> Mapping[Key, Record | None]:
        """Return the records; None for those that do not exist."""
        ...

    def record(self, key: Key, version: int, document: bytes) -> Record:
        """Return the record of a stored document."""
        ...

    async def existing(self, keys: Iterable[Key]) -> Mapping[Key, bool]:
        """Return whether each key exists."""
        ...

    async def children(self, searches: Iterable[Search]) -> Mapping[Search, tuple[Record, ...]]:
        """Return all records that each search finds."""
        ...

    async def counts(self, searches: Iterable[Search]) -> Mapping[Search, int]:
        """Return how many records each search finds."""
        ...

    async def catalog(self, entity: str, least: int | None) -> Catalog:
        """Return the catalog of an entity, of the version ``least`` or later; with None the current one."""
        ...

    async def holders(self, values: Iterable[UniqueValue]) -> Mapping[UniqueValue, Holder | None]:
        """Return the records that have values of unique attributes; None where no record has one."""
        ...

    async def duplicates(self, attribute: UniqueAttribute) -> Duplicates:
        """Return the records that keep an attribute from being unique."""
        ...


async def read(reader: Reader, needs: Needs) -> Known:
    """Return everything that is needed; records come first, so that a locking reader holds them before children."""
    return Known(
        records=await _records(reader, needs) if needs.records else {},
        references=await reader.existing(needs.references) if needs.references else {},
        children=await reader.children(needs.children) if needs.children else {},
        counts=await reader.counts(needs.counts) if needs.counts else {},
        catalogs={entity: await reader.catalog(entity, least) for entity, least in needs.catalogs.items()},
        holders=await reader.holders(needs.holders) if needs.holders else {},
        duplicates={each: await reader.duplicates(each) for each in needs.duplicates} if needs.duplicates else {},
    )


async def _records(reader: Reader, needs: Needs) -> Mapping[Key, Record | None]:
    """Return the records: those that were read ahead, and the others, or all of them if they must be locked."""
    ahead = NOTHING_AHEAD if reader.is_holding else needs.ahead
    found = {
        key: (document := ahead[key]) and reader.record(key, document.version, document.body)
        for key in needs.records
        if key in ahead
    }
    missing = [key for key in needs.records if key not in found]
    return {**found, **await reader.records(missing)} if missing else found


def must_be_held(needs: Needs) -> bool:
    """Return whether something is needed that must stay as it is until the commit, so that it is read under locks.

    These are children, values of unique attributes whose index is not there yet, and a look at all values, which takes
    the time that only changes of many records are given.
    """
    return bool(needs.children or needs.duplicates or any(each.is_building for each in needs.holders))


async def start(decide: Decide) -> Decision:
    """Start a run of a decision."""
    return await asyncio.to_thread(Decision, decide) if size_of(decide) > _MAX_ON_LOOP else Decision(decide)


async def complete(
    reader: Reader, decision: Decision, *, size: int = 1, refresh: bool = False, use_ahead: bool = True
) -> None:
    """Read what a decision needs until it is complete, or until it needs what this reader cannot hold.

    Args:
        reader: reads what is needed.
        decision: is sent what was read.
        size: how many decisions it is made of.
        refresh: read the current catalogs, whatever versions were seen before.
        use_ahead: take the records that were read ahead instead of reading them again.
    """
    while (needs := decision.needs) and (reader.is_holding or not must_be_held(needs)):
        if refresh:
            needs = evolve(needs, catalogs=dict.fromkeys(needs.catalogs))
        if not use_ahead:
            needs = evolve(needs, ahead=NOTHING_AHEAD)
        await _send(decision, await read(reader, needs), size)


async def _send(decision: Decision, known: Known, size: int) -> None:
    # Many decisions, or one about thousands of children, take long; they are pure, so they can run in a thread.
    many = any(len(children) > BATCH for more in (decision.known, known) for children in more.children.values())
    if many or size > _MAX_ON_LOOP:
        await asyncio.to_thread(decision.send, known)
    else:
        decision.send(known)
