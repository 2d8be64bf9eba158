"""Never run: ``test_client`` has mypy read it."""

import datetime as dt
from collections.abc import Awaitable
from typing import assert_type
from uuid import UUID

from crm_http.client import (
    AgendaEntry,
    AsyncClient,
    AsyncFollowing,
    AsyncListing,
    BulkResults,
    Calendar,
    CalendarWithSecret,
    ChangeEvent,
    ChangesPage,
    Client,
    ClientRecord,
    DeliveryReport,
    FieldChange,
    Following,
    FollowUp,
    Lead,
    Listing,
    ListPage,
    OwnToken,
    UploadedImage,
    WatchedRecord,
    WebhookEvent,
    WebhookReceiver,
    WebhookWithSecret,
    version_of,
)
from crm_http.client.resources import LeadCreate


def results(crm: Client, other: AsyncClient, key: UUID) -> None:
    """What comes of calls."""
    assert_type(crm.leads.create(name="a"), Lead)
    assert_type(other.leads.create(name="a"), Awaitable[Lead])
    assert_type(crm.leads.list(stage="New"), Listing[Lead])
    assert_type(other.leads.list(stage="New"), AsyncListing[Lead])
    assert_type(crm.leads.list().first(), Lead | None)
    assert_type(crm.leads.list().page("c"), ListPage[Lead])
    assert_type(crm.clients.change(key, name="b"), ClientRecord)
    assert_type(crm.clients.upload(key, b""), UploadedImage)
    assert_type(crm.clients.upsert(by="email", value="a@b", name="b"), ClientRecord)
    assert_type(other.leads.upsert(by="number", value=1, only="create", name="b"), Awaitable[Lead])
    assert_type(crm.follow_ups(key).retrieve_by("number", dt.date(2026, 1, 1)), FollowUp)
    assert_type(crm.clients.bulk([{"op": "create", "data": {"name": "a"}}]), BulkResults)
    assert_type(crm.leads.bulk([{"op": "upsert", "by": "email", "data": {"name": "a"}, "ref": "x"}]), BulkResults)
    assert_type(other.cohorts.bulk([{"op": "delete", "id": key, "if_match": 1}], lenient=True), Awaitable[BulkResults])
    assert_type(crm.follow_ups(key).retrieve(key), FollowUp)
    assert_type(crm.webhooks.create(name="w", model="Lead", url="https://a.example/"), WebhookWithSecret)
    assert_type(other.webhooks.deliveries(key), AsyncListing[DeliveryReport])
    assert_type(other.webhooks.rotate_secret(key), Awaitable[str])
    assert_type(crm.changes.read("now"), ChangesPage)
    assert_type(crm.changes.follow("now", resources=["lead"]), Following)
    assert_type(other.changes.follow("now"), AsyncFollowing)
    assert_type(crm.tasks.list(completed=False), Listing[AgendaEntry])
    assert_type(other.tasks.list(resource="lead"), AsyncListing[AgendaEntry])
    assert_type(other.calendars.create(name="Phone"), Awaitable[CalendarWithSecret])
    assert_type(crm.calendars.list(), tuple[Calendar, ...])
    assert_type(crm.tokens.list(limit=5), Listing[OwnToken])
    assert_type(other.tokens.list(), AsyncListing[OwnToken])
    assert_type(other.tokens.revoke(key), Awaitable[None])


async def items(crm: Client, other: AsyncClient) -> None:
    """What lists hold."""
    for lead in crm.leads.list():
        assert_type(lead, Lead)
    async for lead in other.leads.list():
        assert_type(lead, Lead)
    for change in crm.changes.follow("now"):
        assert_type(change, ChangeEvent)


def inputs(crm: Client, key: UUID, lead: Lead) -> None:
    """All of this is taken."""
    values: LeadCreate = {"name": "a", "stage": None, "responsible": 1, "attributes": {"size": 5}}
    crm.leads.create(**values, idempotency_key="import-1")
    crm.leads.create(name="b", list_of_tasks=[{"task": "Call", "date": dt.date(2026, 1, 1)}, *lead.list_of_tasks])
    crm.leads.change(key, list_of_tasks=lead.list_of_tasks, attributes={**lead.attributes, "size": 6}, if_match=lead)
    crm.leads.change(str(key), stage="New", if_match=version_of(lead))
    crm.leads.merge(key, attributes={"size": None}, list_of_notes=None, if_match=2)
    crm.leads.update_task(key, key, completed=True, date="2026-01-01")
    crm.leads.list(attributes={"size__gte": 5, "colour__in": ["red", "blue"], "since": dt.date(2026, 1, 1)}, limit=5)
    crm.webhooks.change(key, events=["created"], headers={"X-Name": "{name}"})
    crm.attributes("lead").create(name="c", label="C", type="list", list_values=["red"])


def mistakes(crm: Client, other: AsyncClient, key: UUID, client: ClientRecord) -> None:
    """Each of them is found."""
    crm.leads.retrieve()  # type: ignore[call-arg]
    crm.leads.create(nmae="x")  # type: ignore[call-arg]
    crm.leads.create(stage="New")  # type: ignore[call-arg]
    crm.leads.create(name=5)  # type: ignore[arg-type]
    crm.leads.create(name=None)  # type: ignore[arg-type]
    crm.leads.create(name="a", id=key)  # type: ignore[call-arg]
    crm.leads.create(name="a", list_of_tasks=[{"tsk": "Call"}])  # type: ignore[list-item]
    crm.leads.create(name="a", list_of_tasks=client.list_of_notes)  # type: ignore[arg-type]
    crm.leads.change(key, stgae="New")  # type: ignore[call-arg]
    crm.leads.merge(key, name=None)  # type: ignore[arg-type]
    crm.leads.update_task(key, key, complete=True)  # type: ignore[call-arg]
    crm.leads.update_task(key, 1)  # type: ignore[arg-type]
    crm.leads.upsert(by="email", name="b")  # type: ignore[call-arg]
    crm.leads.upsert(by="email", value="a", nmae="b")  # type: ignore[call-arg]
    crm.cohorts.upsert(by="email", value="a")  # type: ignore[attr-defined]
    crm.leads.list(stag="New")  # type: ignore[call-arg]
    crm.leads.list(stage=None)  # type: ignore[arg-type]
    crm.leads.list(ordering="colour")  # type: ignore[arg-type]
    crm.leads.list(attributes={"size": None})  # type: ignore[dict-item]
    crm.services.create(name="s")  # type: ignore[call-arg]
    crm.services.change(key, if_match=client)  # type: ignore[arg-type]
    crm.pipelines.add_task(key, task="a")  # type: ignore[attr-defined]
    crm.attributes("pipeline")  # type: ignore[arg-type]
    crm.attributes("lead").create(name="c", label="C", type="colour")  # type: ignore[arg-type]
    crm.attributes("lead").create(name="c", label="C", type="list", list_values="red")  # type: ignore[arg-type]
    crm.webhooks.create(name="w", model="Leed", url="https://a.example/")  # type: ignore[arg-type]
    crm.webhooks.change(key, events=["made"])  # type: ignore[list-item]
    crm.webhooks.deliveries(key, state="daed")  # type: ignore[arg-type]
    other.leads.create(nmae="x")  # type: ignore[call-arg]


def receive(receiver: WebhookReceiver, body: bytes, headers: dict[str, str]) -> None:
    """What a receiver knows of an event."""
    event = receiver.read(body, headers)
    assert_type(event, WebhookEvent[WatchedRecord])
    if isinstance(event.data, Lead) and isinstance(event.changes.get("stage"), FieldChange):
        assert_type(event.data.stage, str | None)
    print(event.kind == "craeted")  # type: ignore[comparison-overlap]
    print(event.data.nmae)  # type: ignore[union-attr]
