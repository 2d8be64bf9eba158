"""Never run: type checkers read it (``make check``)."""

from collections.abc import Coroutine, Sequence
from typing import Any, assert_type
from uuid import UUID

from crm_core import LEADS, Lead, Resource
from crm_core import Client as ClientRecord
from crm_core.embedding import (
    Account,
    AgendaEntry,
    AsyncFollowing,
    AsyncListing,
    Awaiting,
    CalendarItem,
    CalendarWithSecret,
    ChangesPage,
    Crm,
    DuplicateGroup,
    EvolutionReport,
    Following,
    HistoryEntry,
    ImportStatus,
    IssuedToken,
    Listing,
    ListPage,
    Outcome,
    PipelineSummary,
    Roster,
    Runner,
    Session,
    SyncCrm,
    UploadedImage,
    WebhookWithSecret,
)


async def results(crm: Session[Awaiting], other: Session[Runner], key: UUID) -> None:
    """What comes of calls."""
    assert_type(LEADS, Resource[Lead])
    assert_type(await crm.leads.create(name="a"), Lead)
    assert_type(other.leads.create(name="a"), Lead)
    waiting: Coroutine[Any, Any, Lead] = crm.leads.change(key, name="b")
    assert_type(await waiting, Lead)
    assert_type(other.clients.merge(key, attributes={"size": None}, if_match=2), ClientRecord)
    assert_type(crm.leads.list(stage="New"), AsyncListing[Lead])
    assert_type(other.leads.list(stage="New"), Listing[Lead])
    assert_type(await crm.leads.list().first(), Lead | None)
    assert_type(other.leads.list().page("c"), ListPage[Lead])
    assert_type(other.leads.history(key), Listing[HistoryEntry])
    assert_type(other.clients.upload(key, b""), UploadedImage)
    assert_type(other.clients.bulk([{"op": "create", "data": {"name": "a"}}]), tuple[Outcome, ...])
    assert_type(other.clients.upsert(by="email", value="a@b", name="b"), ClientRecord)
    assert_type(other.webhooks.create(name="w", model="Lead", url="https://a.example/"), WebhookWithSecret)
    assert_type(await crm.leads.merge_records(key, [key], take={"name": key}), Lead)
    assert_type(other.leads.duplicates(), Listing[DuplicateGroup])
    assert_type(await crm.cohorts.roster(key), Roster)
    assert_type(other.pipelines.summary(key, since="2026-01-01"), PipelineSummary)
    assert_type(crm.tasks.list(completed=False), AsyncListing[AgendaEntry])
    assert_type(other.attributes("lead").convert_dry_run(key, "date", format="DD.MM.YYYY"), EvolutionReport)
    assert_type(await crm.leads.import_file("leads.csv", lenient=True), ImportStatus)
    assert_type(await crm.changes.read("now"), ChangesPage)
    assert_type(crm.changes.follow("now"), AsyncFollowing)
    assert_type(other.changes.follow("now"), Following)
    async with crm.together() as work:
        assert_type(work, Session[Awaiting])
    with other.together() as block:
        assert_type(block, Session[Runner])
    async for lead in crm.leads.list():
        assert_type(lead, Lead)


async def accounts(crm: Crm, other: SyncCrm, session: Session[Awaiting]) -> None:
    """What comes of calls for users, groups, tokens and calendars."""
    assert_type(await crm.users.add("ann", "secret", groups=["Sales"]), Account)
    assert_type(other.users.change("ann", is_superuser=True), Account)
    assert_type(await crm.groups.grant("Sales", ["view_lead"]), bool)
    assert_type(other.tokens.list("ann"), tuple[IssuedToken, ...])
    assert_type(await session.calendars.create(name="Phone"), CalendarWithSecret)
    assert_type(other.read_calendar("secret").items, Sequence[CalendarItem])
    other.users.add_external("ann", is_superuser=True)  # type: ignore[call-arg]
    await crm.users.change("ann", nmae="x")  # type: ignore[call-arg]


async def mistakes(crm: Session[Awaiting], other: Session[Runner], key: UUID, client: ClientRecord) -> None:
    """Each of them is found."""
    other.leads.create(nmae="x")  # type: ignore[call-arg]
    other.leads.create(name=5)  # type: ignore[arg-type]
    other.leads.list(stag="New")  # type: ignore[call-arg]
    other.services.create(name="s")  # type: ignore[call-arg]
    other.services.change(key, if_match=client)  # type: ignore[arg-type]
    other.pipelines.add_task(key, task="a")  # type: ignore[attr-defined]
    await other.leads.create(name="a")  # type: ignore[misc]
    crm.leads.create(name="a")  # type: ignore[unused-coroutine]
    (await crm.leads.create(name="a")).nmae  # type: ignore[attr-defined]  # noqa: B018
    with crm.together():  # type: ignore[misc]
        pass
