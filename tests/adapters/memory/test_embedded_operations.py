"""Facts about calls in process that concern several records at once, on the memory: blocking, and awaited."""

import asyncio
import datetime as dt
import io
from pathlib import Path
from uuid import UUID

import pytest

from crm_adapters.memory import MemoryDatabase
from crm_core import (
    Actor,
    AttributeInUseError,
    IdempotencyKeyReusedError,
    ImportFinishedError,
    InvalidError,
    MergedError,
    NotFoundError,
    PermissionDeniedError,
    SameFileError,
    TransferDecidedError,
    User,
    VersionConflictError,
)
from crm_core.embedding import Awaiting, Crm, Runner, Session, SyncCrm
from crm_core.use_cases import ImportRunner, Imports, ImportStores
from tests.near_tables import NearTableReader

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


# Cohorts and pipelines


def test_a_transfer_that_is_accepted_once_shows_in_rosters() -> None:
    crm = blocking()
    old, new = (crm.cohorts.create(name_cohort=name) for name in ("May", "June"))
    client = crm.clients.create(name="Acme")
    jane = crm.services.create(name="Jane", client=client.id, actual_cohort=old.id)
    taught = crm.enrollments.create(cohort=old.id, pathway_name="Python")
    crm.enrollment_details.create(enrollment=taught.id, student=jane.id)
    asked = crm.transfer_requests.create(student=jane.id, cohort_request="June")
    before = crm.cohorts.roster(old.id)
    accepted = crm.transfer_requests.accept(asked.id, cohort=str(new.id), if_match=asked, idempotency_key="once")

    assert (before.cohort.name_cohort, before.enrollments[0].students[0].name) == ("May", "Jane")
    assert before.transfer_requests == (asked,)
    assert crm.transfer_requests.accept(asked.id, cohort=str(new.id), idempotency_key="once") == accepted
    assert (accepted.state, crm.services.retrieve(jane.id).actual_cohort) == ("accepted", new.id)
    assert crm.cohorts.roster(old.id).transfer_requests == ()
    with pytest.raises(TransferDecidedError):
        crm.transfer_requests.decline(asked.id)
    with pytest.raises(NotFoundError):
        crm.cohorts.roster("x")


def test_leads_are_summed_up_and_transfers_declined_by_awaited_calls() -> None:
    async def facts(crm: Session[Awaiting]) -> None:
        pipeline = await crm.pipelines.create(name="Sales", stages=[{"name": "New"}])
        await crm.leads.create(name="Ann", pipeline=pipeline.id, stage="New")
        summary = await crm.pipelines.summary(pipeline.id, since="2026-01-01")
        client = await crm.clients.create(name="Acme")
        jane = await crm.services.create(name="Jane", client=client.id)
        asked = await crm.transfer_requests.create(student=jane.id, cohort_request="June")

        assert [(stage.name, stage.leads) for stage in summary.stages] == [("New", 1)]
        with pytest.raises(InvalidError, match="until"):
            await crm.pipelines.summary(pipeline.id, since="2026-01-02", until="2026-01-01")
        with pytest.raises(InvalidError, match="responsible"):
            await crm.pipelines.summary(pipeline.id, responsible=None)  # type: ignore[arg-type]
        assert (await crm.transfer_requests.decline(asked.id)).state == "declined"
        assert await crm.cohorts.list().first() is None

    asyncio.run(facts(awaiting()))


# The agenda


def test_tasks_of_all_records_are_listed_by_their_dates() -> None:
    crm = blocking()
    lead = crm.leads.create(name="Ann", list_of_tasks=[{"task": "Write", "date": "2026-03-01"}, {"task": "Think"}])
    client = crm.clients.create(name="Acme", list_of_tasks=[{"task": "Call", "date": "2026-02-01"}])
    entries = list(crm.tasks.list(completed=False, page_size=1))

    assert [(each.task.task, each.record, each.name) for each in entries] == [
        ("Call", client.id, "Acme"), ("Write", lead.id, "Ann"), ("Think", lead.id, "Ann"),
    ]  # fmt: skip
    assert entries[0].task == client.list_of_tasks[0]
    assert [each.resource for each in crm.tasks.list(due_after=dt.date(2026, 2, 1), limit=5)] == ["lead"]


def test_the_agenda_refuses_users_who_do_not_exist_to_awaited_calls() -> None:
    async def facts(crm: Session[Awaiting]) -> None:
        assert await crm.tasks.list().first() is None
        with pytest.raises(InvalidError, match="user_id"):
            await crm.tasks.list(user_id=99).first()
        with pytest.raises(InvalidError, match="resource"):
            await crm.tasks.list(resource="webhook").first()  # type: ignore[arg-type]

    asyncio.run(facts(awaiting()))


# Attributes that change


def test_attributes_and_their_values_change_in_all_records() -> None:
    crm = blocking()
    attributes = crm.attributes("client")
    made = attributes.create(name="field", label="Field", type="list", list_values=["Tech", "Health"])
    acme = crm.clients.create(name="Acme", attributes={"field": "Tech"})
    shown = attributes.rename_dry_run(made.id, "branch")
    renamed = attributes.rename(made.id, "branch", if_match=made, idempotency_key="rename-1")

    assert (shown.records, shown.refusals) == (1, ())
    assert attributes.rename(made.id, "branch", if_match=made, idempotency_key="rename-1") == renamed
    assert attributes.rename_value_dry_run(made.id, "Tech", "Technology").records == 1
    attributes.rename_value(made.id, "Tech", "Technology")
    assert attributes.remove_value_dry_run(made.id, "Technology").refusals
    with pytest.raises(AttributeInUseError):
        attributes.remove_value(made.id, "Technology")
    assert attributes.remove_value(made.id, "Technology", replace_with="Health").list_values == ("Health",)
    assert crm.clients.retrieve(acme.id).attributes == {"branch": "Health"}
    assert attributes.delete_dry_run(made.id).records == 1


def test_attributes_are_converted_by_awaited_calls() -> None:
    async def facts(crm: Session[Awaiting]) -> None:
        made = await crm.attributes("client").create(name="since", label="Since", type="text")
        acme = await crm.clients.create(name="Acme", attributes={"since": "31.01.2026"})
        await crm.clients.create(name="Other", attributes={"since": "never"})
        report = await crm.attributes("client").convert_dry_run(made.id, "date", format="DD.MM.YYYY")
        converted = await crm.attributes("client").convert(made.id, "date", format="DD.MM.YYYY", failing="clear")

        assert (report.failing, report.failing_values[0].value) == (1, "never")
        assert (converted.type, (await crm.clients.retrieve(acme.id)).attributes) == ("date", {"since": "2026-01-31"})
        for call in (crm.attributes("lead").rename(made.id, "from"), crm.attributes("lead").delete_dry_run(made.id)):
            with pytest.raises(NotFoundError):
                await call
        with pytest.raises(InvalidError, match="name"):
            await crm.attributes("client").rename(made.id, [])  # type: ignore[arg-type]

    asyncio.run(facts(awaiting()))


# Imports


def importing() -> tuple[Crm, SyncCrm, ImportRunner]:
    db = MemoryDatabase()
    asyncio.run(db.accounts.add_user("me", "!", is_superuser=True))
    stores = ImportStores(db, db.imports, NearTableReader())
    return (
        Crm(db, imports=Imports(stores)),
        SyncCrm(db, imports=Imports(stores)),
        ImportRunner(stores, db.accounts),
    )


def test_files_are_imported_and_imports_undone(tmp_path: Path) -> None:
    _, blocking_crm, runner = importing()
    crm, file = blocking_crm.as_(ME), tmp_path / "clients.csv"
    file.write_text('Company\nAcme\n""\n')
    begun = crm.clients.import_file(file, map={"Company": "name"}, lenient=True)
    with pytest.raises(TimeoutError, match="checking"):
        crm.imports.wait(begun.id, timeout=0)
    asyncio.run(runner.run_next())
    crm.imports.errors(begun.id, refused := io.BytesIO())

    assert crm.imports.wait(str(begun.id)).state == "done"
    assert [client.name for client in crm.clients.list()] == ["Acme"]
    assert refused.getvalue().startswith(b"row,column,message,Company")
    with pytest.raises(SameFileError):
        crm.clients.import_file(str(file), map=["Company=name"], lenient=True)
    undo = crm.imports.undo(begun.id)
    asyncio.run(runner.run_next())
    assert crm.imports.get(undo.id).state == "done"
    assert list(crm.clients.list()) == []
    assert [each.id for each in crm.imports.list(page_size=1)] == [undo.id, begun.id]
    with pytest.raises(ImportFinishedError):
        crm.imports.cancel(begun.id)


def test_imports_are_begun_and_cancelled_by_awaited_calls() -> None:
    async def facts(crm: Session[Awaiting]) -> None:
        with pytest.raises(InvalidError, match="format"):
            await crm.leads.import_file(io.BytesIO(b"name\nAnn\n"))
        begun = await crm.leads.import_file(io.BytesIO(b"name\nAnn\n"), format="csv")
        await crm.imports.cancel(begun.id)

        assert (await crm.imports.get(begun.id)).state == "cancelled"
        with pytest.raises(NotFoundError):
            await crm.imports.get("x")

    asyncio.run(facts(importing()[0].as_(ME)))
    with pytest.raises(ValueError, match=r"Crm\(db, imports=...\)"):
        blocking().imports.get(NOBODY)
