"""Facts about calls in process that concern several records at once, on the memory: blocking, and awaited."""

import asyncio
from uuid import UUID

import pytest

from crm_adapters.memory import MemoryDatabase
from crm_core import (
    Actor,
    IdempotencyKeyReusedError,
    InvalidError,
    MergedError,
    NotFoundError,
    PermissionDeniedError,
    User,
    VersionConflictError,
)
from crm_core.embedding import Awaiting, Crm, Runner, Session, SyncCrm

ME = Actor(user=User(id=1, username="me"), is_superuser=True)
NOBODY = UUID(int=7)


def blocking(actor: Actor = ME) -> Session[Runner]:
    return SyncCrm(MemoryDatabase()).as_(actor)


def awaiting() -> Session[Awaiting]:
    return Crm(MemoryDatabase()).as_(ME)


# Merges


def test_records_are_merged_once_and_what_would_change_is_shown_before() -> None:
    crm = blocking()
    ann = crm.leads.create(name="Ann")
    twin = crm.leads.create(name="Ann Lee", stage="New", list_of_tasks=[{"task": "Call"}])
    first, second = crm.leads.merge_records_dry_run(ann.id, [str(twin.id)], take={"name": twin.id})
    merged = crm.leads.merge_records(ann.id, [twin.id], take={"name": twin.id}, if_match=ann, idempotency_key="merge-1")

    assert (first.record, first.changes["name"], second.record) == (ann.id, {"from": "Ann", "to": "Ann Lee"}, twin.id)
    assert (merged.id, merged.name, merged.stage, merged.list_of_tasks[0].task) == (ann.id, "Ann Lee", "New", "Call")
    again = crm.leads.merge_records(ann.id, [twin.id], take={"name": twin.id}, if_match=ann, idempotency_key="merge-1")
    assert again == merged
    with pytest.raises(IdempotencyKeyReusedError):
        crm.leads.merge_records(ann.id, [NOBODY], idempotency_key="merge-1")
    with pytest.raises(MergedError):
        crm.leads.retrieve(twin.id)


def test_duplicates_are_listed_and_merged_by_awaited_calls() -> None:
    async def facts(crm: Session[Awaiting]) -> None:
        for name in ("Acme Corp", "ACME corp", "Umbra", "Other"):
            await crm.clients.create(name=name)
        [group] = [each async for each in crm.clients.duplicates(page_size=1)]
        kept, other = group.records
        merged = await crm.clients.merge_records(kept.id, [other.id])

        assert (kept.name, other.name, group.reasons[0].field) == ("Acme Corp", "ACME corp", "name")
        assert merged.name == "Acme Corp"
        assert await crm.clients.duplicates().first() is None

    asyncio.run(facts(awaiting()))


def test_merges_of_bad_arguments_are_refused() -> None:
    leads = blocking().leads
    ann = leads.create(name="Ann")

    for others, take in (([], {}), (5, {}), ([ann.id], {}), (["x"], {}), ([NOBODY], {"name": "x"}), ([NOBODY], 5)):
        with pytest.raises(InvalidError):
            leads.merge_records(ann.id, others, take=take)  # type: ignore[arg-type]
    with pytest.raises(VersionConflictError):
        leads.merge_records(ann.id, [leads.create(name="b").id], if_match=9)
    with pytest.raises(NotFoundError):
        leads.merge_records("x", [ann.id])
    with pytest.raises(PermissionDeniedError):
        blocking(Actor(user=ME.user)).leads.merge_records_dry_run(ann.id, [NOBODY])
